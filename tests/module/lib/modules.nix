# NOT nixpkgs: evaluating modules, see default.nix.
lib:
let
  inherit (builtins)
    attrNames
    concatMap
    filter
    head
    isAttrs
    isFunction
    isPath
    isString
    mapAttrs
    ;
  inherit (lib) isType showOption;
in
rec {
  mkOptionType = attrs: { _type = "option-type"; } // attrs;

  evalModules =
    {
      modules,
      specialArgs ? { },
      prefix ? [ ],
      name ? null,
    }:
    let
      base = {
        options._module.args = lib.mkOption {
          type = lib.types.attrsOf lib.types.raw;
          internal = true;
          visible = false;
          default = { };
        };
        config._module.args = if name == null then { } else { inherit name; };
      };
      all = collect args ([ base ] ++ modules);
      args = specialArgs // {
        inherit config lib options;
        _arguments = config._module.args;
      };
      configs = map (module: module.config) all;
      options = declare prefix all configs;
      config = valuesOf options;
      unknown = strangers prefix options configs;
    in
    {
      inherit options;
      config =
        if unknown == [ ] then
          builtins.removeAttrs config [ "_module" ]
        else
          throw "The option `${head unknown}' does not exist.";
    };

  # All modules and what they import, each once, without those that another one disables.
  collect =
    args: modules:
    let
      withKeys =
        parent: list:
        lib.imap1 (index: module: {
          key = if isPath module || isString module then toString module else module.key or "${parent}:${toString index}";
          module = unify (load args module);
        }) list;
      closure = builtins.genericClosure {
        startSet = withKeys "" modules;
        operator = entry: withKeys entry.key entry.module.imports;
      };
      # What a disabled module imports is not there either.
      disabled = map toString (concatMap (entry: entry.module.disabledModules) closure);
      kept = builtins.genericClosure {
        startSet = allowed (withKeys "" modules);
        operator = entry: allowed (withKeys entry.key entry.module.imports);
      };
      allowed = filter (entry: !builtins.elem entry.key disabled);
    in
    map (entry: entry.module) kept;

  load =
    args: module:
    let
      value = if isPath module || isString module then import module else module;
      wanted = mapAttrs (name: _: args.${name} or args._arguments.${name}) (builtins.functionArgs value);
    in
    if isFunction value then value (args // wanted) else value;

  unify =
    module:
    let
      meta = [
        "_file"
        "key"
        "imports"
        "disabledModules"
      ];
      structured = module ? config || module ? options;
      unknown = attrNames (builtins.removeAttrs module (meta ++ [ "config" "options" ]));
    in
    {
      imports = module.imports or [ ];
      disabledModules = module.disabledModules or [ ];
      options = module.options or { };
      config =
        if !structured then
          builtins.removeAttrs module meta
        else if unknown == [ ] then
          module.config or { }
        else
          throw "Module has an unsupported attribute `${head unknown}'; config and options are there, so it belongs into one of them.";
    };

  # The tree of options, each with its value. What is defined and not declared is looked for afterwards: here, it would
  # need every definition before there is any option.
  declare =
    prefix: modules: configs:
    let
      tree = builtins.zipAttrsWith (_: values: values) (map (module: module.options) modules);
      definitions = builtins.zipAttrsWith (_: values: values) (concatMap pushDownProperties configs);
      one =
        name: declarations:
        let
          loc = prefix ++ [ name ];
          defs = definitions.${name} or [ ];
        in
        if builtins.all lib.isOption declarations then
          evalOption loc (mergeDeclarations loc declarations) defs
        else if builtins.any lib.isOption declarations then
          throw "The option `${showOption loc}' is a prefix of options in another module."
        else
          declare loc (map (options: { inherit options; }) declarations) defs;
    in
    mapAttrs one tree;

  strangers =
    prefix: options: configs:
    let
      definitions = builtins.zipAttrsWith (_: values: values) (concatMap pushDownProperties configs);
      one =
        name: defs:
        let
          loc = prefix ++ [ name ];
        in
        if !(options ? ${name}) then
          [ (showOption loc) ]
        else if lib.isOption options.${name} then
          [ ]
        else
          strangers loc options.${name} defs;
    in
    builtins.concatLists (builtins.attrValues (mapAttrs one definitions));

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
      if inBoth != [ ] || (merged ? type && declaration ? type && merged.type.name != declaration.type.name) then
        throw "The option `${showOption loc}' is already declared."
      else
        merged // declaration
    ) { };

  evalOption =
    loc: option: definitions:
    let
      type = option.type or lib.types.anything;
      given = map (value: { inherit value; }) definitions;
      defs = given ++ lib.optional (option ? default) { value = lib.mkOptionDefault option.default; };
      merged = mergeDefinitions loc type defs;
      tooMany = option.readOnly or false && builtins.length defs > 1;
    in
    option
    // {
      inherit loc type;
      inherit (merged) highestPrio isDefined;
      definitions = map (def: def.value) merged.defs;
      value =
        if tooMany then
          throw "The option `${showOption loc}' is read-only, but it's set multiple times."
        else
          (option.apply or (value: value)) merged.value;
    };

  mergeDefinitions =
    loc: type: defs:
    let
      discharged = concatMap (def: map (value: def // { inherit value; }) (dischargeProperties def.value)) defs;
      priority = def: if isType "override" def.value then def.value.priority else 100;
      highestPrio = builtins.foldl' (lowest: def: if priority def < lowest then priority def else lowest) 9999 discharged;
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

  valuesOf = mapAttrs (_: node: if lib.isOption node then node.value else valuesOf node);
}
