# docs/options.md, made from the descriptions of the options. `tests/module/run --update` writes it.
let
  lib = import ./lib;
  inherit (import ./. { }) cases;
  inherit (cases.empty) options;

  quoted = value: "`${value}`";
  # Of some values there is a text that says more than the value itself.
  shown =
    value:
    if value._type or null == "literalMD" then
      lib.trim value.text
    else if value._type or null == "literalExpression" then
      if lib.hasInfix "\n" (lib.trim value.text) then
        "\n```nix\n${lib.trim value.text}\n```"
      else
        quoted (lib.trim value.text)
    else if builtins.isString value && lib.hasInfix "\n" value then
      "\n```\n${value}```"
    else
      quoted (nix value);
  nix =
    value:
    if builtins.isList value then
      if value == [ ] then "[ ]" else "[ ${lib.concatMapStringsSep " " nix value} ]"
    else if value == { } then
      "{ }"
    else if builtins.isPath value then
      toString value
    else
      builtins.toJSON value;

  # {option}`x` is how nixpkgs marks options in descriptions.
  plain = text: lib.replaceStrings [ "{option}" ] [ "" ] (lib.trim text);

  entry = option: ''
    ### `${lib.showOption option.loc}`

    ${plain option.description}

    * Type: ${option.type.description}
    ${lib.concatStrings (
      lib.optional (option ? defaultText || option ? default)
        "* Default: ${plain (shown (option.defaultText or option.default))}\n"
      ++ lib.optional (option ? example) "* Example: ${shown option.example}\n"
    )}'';

  subOptions =
    option:
    if !(option ? apply) && option.type ? element && option.type.element ? getSubOptions then
      entriesOf (option.type.element.getSubOptions (option.loc ++ [ "<name>" ]))
    else
      [ ];
  entriesOf =
    tree:
    lib.concatLists (
      lib.mapAttrsToList (
        name: node:
        if name == "_module" then
          [ ]
        else if !lib.isOption node then
          entriesOf node
        else if node.internal or false || !(node.visible or true) then
          [ ]
        else
          [ (entry node) ] ++ subOptions node
      ) tree
    );
in
lib.concatStringsSep "\n" (
  [
    ''
      # Options of the NixOS module

      Made from the descriptions in `nixos-module/`; do not edit. What is new or different compared with sops-nix is in the
      [README](../README.md#coming-from-sops-nix).

      ## `sops`
    ''
  ]
  ++ entriesOf options.sops
  ++ [ "## `clan.core.sops`\n" ]
  ++ entriesOf options.clan.core.sops
)
