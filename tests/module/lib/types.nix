# NOT nixpkgs: types of options, see default.nix.
lib:
let
  inherit (lib) mergeEqualOption mergeDefinitions;
  inherit (builtins)
    isAttrs
    isBool
    isInt
    isList
    isString
    ;

  simple =
    name: check:
    lib.mkOptionType {
      inherit name check;
      description = name;
      merge = mergeEqualOption;
    };

  # Each element is an option of its own.
  mergeElement =
    loc: type: defs:
    mergeDefinitions loc type defs;
in
rec {
  inherit (lib) mkOptionType;
  bool = simple "boolean" isBool;
  int = simple "signed integer" isInt;
  ints.unsigned = simple "unsigned integer, meaning >=0" (value: isInt value && value >= 0);
  str = simple "string" isString;
  singleLineStr = simple "(optionally newline-terminated) single-line string" (
    value: isString value && builtins.match "[^\n\r]*\n?" value != null
  );
  path = simple "absolute path" (
    value: lib.isStringLike value && builtins.substring 0 1 (toString value) == "/"
  );
  package = simple "package" (
    value:
    lib.isDerivation value
    || (lib.isStringLike value && lib.hasPrefix builtins.storeDir (toString value))
  );
  raw = simple "raw value" (_: true) // {
    merge = lib.mergeOneOption;
  };
  attrs = simple "attribute set" isAttrs // {
    merge = _: defs: builtins.foldl' (merged: def: merged // def.value) { } defs;
  };
  lines = simple "strings concatenated with \"\\n\"" isString // {
    merge = _: defs: builtins.concatStringsSep "\n" (map (def: def.value) defs);
  };
  enum =
    values:
    simple "one of ${lib.concatMapStringsSep ", " builtins.toJSON values}" (
      value: builtins.elem value values
    );

  # Whatever it is: lists are joined, sets are merged, everything else must agree.
  anything = lib.mkOptionType {
    name = "anything";
    description = "anything";
    check = _: true;
    merge =
      loc: defs:
      let
        values = map (def: def.value) defs;
      in
      if builtins.all isList values then
        builtins.concatLists values
      else if builtins.all (value: isAttrs value && !lib.isDerivation value) values then
        (attrsOf anything).merge loc defs
      else
        mergeEqualOption loc defs;
  };

  nullOr =
    type:
    lib.mkOptionType {
      name = "nullOr";
      description = "null or ${type.description}";
      check = value: value == null || type.check value;
      merge =
        loc: defs:
        if builtins.all (def: def.value == null) defs then
          null
        else if builtins.any (def: def.value == null) defs then
          throw "The option `${lib.showOption loc}' is defined both null and not null."
        else
          type.merge loc defs;
    };

  either =
    first: second:
    lib.mkOptionType {
      name = "either";
      description = "${first.description} or ${second.description}";
      check = value: first.check value || second.check value;
      merge =
        loc: defs:
        if builtins.all (def: first.check def.value) defs then
          first.merge loc defs
        else
          second.merge loc defs;
    };

  listOf =
    type:
    lib.mkOptionType {
      name = "listOf ${type.name}";
      description = "list of ${type.description}";
      check = isList;
      element = type;
      merge =
        loc: defs:
        map (element: element.value) (
          builtins.filter (element: element.isDefined) (
            builtins.concatMap (
              def:
              lib.imap1 (
                index: value: mergeElement (loc ++ [ "[${toString index}]" ]) type [ (def // { inherit value; }) ]
              ) def.value
            ) defs
          )
        );
    };

  attrsOf =
    type:
    lib.mkOptionType {
      name = "attrsOf ${type.name}";
      description = "attribute set of ${type.description}";
      check = isAttrs;
      element = type;
      merge =
        loc: defs:
        let
          pushed = builtins.concatMap (
            def: map (value: def // { inherit value; }) (lib.pushDownProperties def.value)
          ) defs;
          merged = builtins.zipAttrsWith (name: mergeElement (loc ++ [ name ]) type) (
            map (def: builtins.mapAttrs (_: value: def // { inherit value; }) def.value) pushed
          );
        in
        builtins.mapAttrs (_: element: element.value) (
          lib.filterAttrs (_: element: element.isDefined) merged
        );
    };

  submodule =
    module:
    let
      evaluate =
        loc: modules:
        lib.evalModules {
          prefix = loc;
          modules = [ module ] ++ modules;
          specialArgs = { inherit lib; };
          name = lib.last loc;
        };
    in
    lib.mkOptionType {
      name = "submodule";
      description = "submodule";
      check = value: isAttrs value || builtins.isFunction value || builtins.isPath value;
      merge =
        loc: defs:
        (evaluate loc (map (def: if isAttrs def.value then { config = def.value; } else def.value) defs))
        .config;
      getSubOptions = loc: (evaluate loc [ ]).options;
    };
}
