# NOT nixpkgs: functions on values, see default.nix.
_: rec {
  optional = condition: value: if condition then [ value ] else [ ];
  optionals = condition: list: if condition then list else [ ];
  optionalString = condition: text: if condition then text else "";
  optionalAttrs = condition: attrs: if condition then attrs else { };

  last = list: builtins.elemAt list (builtins.length list - 1);
  toList = value: if builtins.isList value then value else [ value ];
  unique = builtins.foldl' (
    seen: value: if builtins.elem value seen then seen else seen ++ [ value ]
  ) [ ];
  reverseList =
    list:
    builtins.genList (i: builtins.elemAt list (builtins.length list - 1 - i)) (builtins.length list);
  imap1 = f: list: builtins.genList (i: f (i + 1) (builtins.elemAt list i)) (builtins.length list);

  filterAttrs =
    keep: attrs:
    builtins.removeAttrs attrs (
      builtins.filter (name: !keep name attrs.${name}) (builtins.attrNames attrs)
    );
  mapAttrsToList = f: attrs: map (name: f name attrs.${name}) (builtins.attrNames attrs);
  mapAttrs' = f: attrs: builtins.listToAttrs (mapAttrsToList f attrs);
  nameValuePair = name: value: { inherit name value; };
  getAttrs = names: attrs: builtins.listToAttrs (map (name: nameValuePair name attrs.${name}) names);
  genAttrs = names: f: builtins.listToAttrs (map (name: nameValuePair name (f name)) names);
  attrByPath =
    path: default: attrs:
    if path == [ ] then
      attrs
    else if attrs ? ${builtins.head path} then
      attrByPath (builtins.tail path) default attrs.${builtins.head path}
    else
      default;
  setAttrByPath =
    path: value:
    if path == [ ] then
      value
    else
      { ${builtins.head path} = setAttrByPath (builtins.tail path) value; };

  hasPrefix = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
  hasSuffix =
    suffix: text:
    let
      length = builtins.stringLength text;
      from = length - builtins.stringLength suffix;
    in
    from >= 0 && builtins.substring from length text == suffix;
  hasInfix = infix: text: builtins.length (builtins.split (escapeRegex infix) "${text}") > 1;
  removePrefix =
    prefix: text:
    if hasPrefix prefix text then
      builtins.substring (builtins.stringLength prefix) (builtins.stringLength text) text
    else
      text;
  removeSuffix =
    suffix: text:
    if hasSuffix suffix text then
      builtins.substring 0 (builtins.stringLength text - builtins.stringLength suffix) text
    else
      text;
  trim =
    text:
    let
      found = builtins.match "[ \n\t]*(.*[^ \n\t])[ \n\t]*" text;
    in
    if found == null then "" else builtins.head found;
  concatStrings = builtins.concatStringsSep "";
  concatMapStringsSep =
    separator: f: list:
    builtins.concatStringsSep separator (map f list);
  splitString =
    separator: text:
    builtins.filter builtins.isString (builtins.split (escapeRegex separator) "${text}");
  escapeRegex =
    let
      special = [
        "\\"
        "["
        "]"
        "{"
        "}"
        "("
        ")"
        "^"
        "$"
        "?"
        "*"
        "+"
        "|"
        "."
      ];
    in
    builtins.replaceStrings special (map (character: "\\${character}") special);
  escapeShellArg =
    value:
    let
      text = toString value;
    in
    if builtins.match "[[:alnum:],._+:@%/-]+" text != null then
      text
    else
      "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] text}'";
  sanitizeDerivationName =
    text:
    let
      pieces = builtins.split "[^[:alnum:]+._?=-]+" (removeDots text);
      removeDots = value: if hasPrefix "." value then removeDots (removePrefix "." value) else value;
    in
    builtins.concatStringsSep "-" (builtins.filter builtins.isString pieces);

  toShellVars =
    values:
    builtins.concatStringsSep "\n" (
      mapAttrsToList (name: text: "${name}=${escapeShellArg text}") values
    );
  isDerivation = value: value.type or null == "derivation";
  isStringLike =
    value: builtins.isString value || builtins.isPath value || value ? outPath || value ? __toString;
  isConvertibleWithToString =
    value:
    isStringLike value
    || value == null
    || builtins.isInt value
    || builtins.isFloat value
    || builtins.isBool value
    || (builtins.isList value && builtins.all isConvertibleWithToString value);

  getBin = package: package.bin or package;
  getName = package: package.pname or (builtins.parseDrvName package.name).name;
  makeBinPath =
    packages: builtins.concatStringsSep ":" (map (package: "${getBin package}/bin") packages);
  importTOML = path: builtins.fromTOML (builtins.readFile path);
}
