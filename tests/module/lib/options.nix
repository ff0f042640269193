# NOT nixpkgs: declaring options and defining values, see default.nix.
lib:
let
  inherit (builtins) head;
in
rec {
  mkOption = attrs: { _type = "option"; } // attrs;
  isOption = value: value._type or "" == "option";
  isType = type: value: value._type or "" == type;

  mkPackageOption =
    pkgs: name: _:
    mkOption {
      type = lib.types.package;
      default = pkgs.${name};
      defaultText = literalExpression "pkgs.${name}";
      description = "The ${name} package to use.";
    };

  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  mkOptionDefault = mkOverride 1500;
  mkDefault = mkOverride 1000;
  mkForce = mkOverride 50;
  mkOrder = priority: content: {
    _type = "order";
    inherit priority content;
  };

  literalExpression = text: {
    _type = "literalExpression";
    inherit text;
  };
  literalMD = text: {
    _type = "literalMD";
    inherit text;
  };

  showOption = builtins.concatStringsSep ".";

  # Values that are all the same.
  mergeEqualOption =
    loc: defs:
    builtins.foldl' (
      first: def:
      if first == def.value then
        first
      else
        throw "The option `${showOption loc}' has conflicting definition values."
    ) (head defs).value defs;
  mergeOneOption =
    loc: defs:
    if builtins.length defs == 1 then
      (head defs).value
    else
      throw "The option `${showOption loc}' is defined multiple times while it's expected to be unique.";

  mkAliasOptionModule =
    from: to: forward from to (_: value: value) "Alias of {option}`${showOption to}`." true;
  mkRenamedOptionModule =
    from: to:
    forward from to (
      use: value:
      builtins.trace "Obsolete option `${showOption from}' is used. It was renamed to `${showOption to}'." (
        use value
      )
    ) "Alias of {option}`${showOption to}`." false;

  # An option that hands its definitions on to another, with their priority, and reads as that one.
  forward =
    from: to: _: description: visible:
    { config, options, ... }:
    let
      own = lib.attrByPath from null options;
      target = lib.attrByPath to null options;
    in
    {
      options = lib.setAttrByPath from (
        mkOption {
          inherit description visible;
          apply = _: lib.attrByPath to null config;
        }
        // (if target ? type then { inherit (target) type; } else { })
      );
      config = mkMerge (
        [
          (lib.setAttrByPath to (
            mkIf (own.definitions != [ ]) (mkMerge (map (mkOverride own.highestPrio) own.definitions))
          ))
        ]
        ++ lib.optional (!visible) {
          warnings = lib.optional (
            own.definitions != [ ]
          ) "The option `${showOption from}' has been renamed to `${showOption to}'.";
        }
      );
    };
}
