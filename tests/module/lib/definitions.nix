# NOT nixpkgs: from all declarations of an option to one, from all its definitions to its value, see default.nix.
lib:
let
  inherit (builtins) concatMap filter mapAttrs;
  inherit (lib) isType showOption;
in
rec {
  # Two declarations can stand together unless both say the same thing about the option, or its type differs.
  mergeDeclarations =
    loc:
    builtins.foldl' (
      merged: declaration:
      let
        inBoth = filter (field: merged ? ${field} && declaration ? ${field}) [
          "default"
          "example"
          "description"
          "apply"
        ];
      in
      if
        inBoth != [ ] || (merged ? type && declaration ? type && merged.type.name != declaration.type.name)
      then
        throw "The option `${showOption loc}' is already declared."
      else
        merged // declaration
    ) { };

  mkOptionType = attrs: { _type = "option-type"; } // attrs;

  mergeDefinitions =
    loc: type: defs:
    let
      discharged = concatMap (
        def: map (value: def // { inherit value; }) (dischargeProperties def.value)
      ) defs;
      priority = def: if isType "override" def.value then def.value.priority else 100;
      highestPrio = builtins.foldl' (
        lowest: def: if priority def < lowest then priority def else lowest
      ) 9999 discharged;
      strip = def: if isType "override" def.value then def // { value = def.value.content; } else def;
      kept = sorted (map strip (filter (def: priority def == highestPrio) discharged));
    in
    {
      inherit highestPrio;
      defs = kept;
      isDefined = kept != [ ];
      value =
        if kept == [ ] then
          throw "The option `${showOption loc}' is used but not defined."
        else if builtins.all (def: type.check def.value) kept then
          type.merge loc kept
        else
          throw "A definition for option `${showOption loc}' is not of type `${type.description}'.";
    };

  sorted =
    defs:
    let
      order = def: if isType "order" def.value then def.value.priority else 1000;
      strip = def: if isType "order" def.value then def // { value = def.value.content; } else def;
    in
    map strip (builtins.sort (a: b: order a < order b) defs);

  dischargeProperties =
    value:
    if isType "merge" value then
      concatMap dischargeProperties value.contents
    else if isType "if" value then
      if value.condition then dischargeProperties value.content else [ ]
    else
      [ value ];

  pushDownProperties =
    value:
    let
      into = wrap: map (mapAttrs (_: wrap)) (pushDownProperties value.content);
    in
    if isType "merge" value then
      concatMap pushDownProperties value.contents
    else if isType "if" value then
      into (lib.mkIf value.condition)
    else if isType "override" value then
      into (lib.mkOverride value.priority)
    else if isType "order" value then
      into (lib.mkOrder value.priority)
    else
      [ value ];
}
