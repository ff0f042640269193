# NOT nixpkgs: evaluating modules, see default.nix.
lib:
let
  inherit (builtins)
    attrNames
    concatMap
    filter
    head
    isFunction
    isPath
    isString
    mapAttrs
    ;
  inherit (lib) showOption;
in
rec {
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
      all = collect args (modules ++ [ base ]);
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
          key =
            if isPath module || isString module then
              toString module
            else
              module.key or "${parent}:${toString index}";
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
    # What is imported first is merged last.
    lib.reverseList (map (entry: entry.module) kept);

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
      unknown = attrNames (
        builtins.removeAttrs module (
          meta
          ++ [
            "config"
            "options"
          ]
        )
      );
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
      definitions = builtins.zipAttrsWith (_: values: values) (concatMap lib.pushDownProperties configs);
      one =
        name: declarations:
        let
          loc = prefix ++ [ name ];
          defs = definitions.${name} or [ ];
        in
        if builtins.all lib.isOption declarations then
          evalOption loc (lib.mergeDeclarations loc declarations) defs
        else if builtins.any lib.isOption declarations then
          throw "The option `${showOption loc}' is a prefix of options in another module."
        else
          declare loc (map (options: { inherit options; }) declarations) defs;
    in
    mapAttrs one tree;

  strangers =
    prefix: options: configs:
    let
      definitions = builtins.zipAttrsWith (_: values: values) (concatMap lib.pushDownProperties configs);
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

  evalOption =
    loc: option: definitions:
    let
      type = option.type or lib.types.anything;
      given = map (value: { inherit value; }) definitions;
      defs = given ++ lib.optional (option ? default) { value = lib.mkOptionDefault option.default; };
      merged = lib.mergeDefinitions loc type defs;
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

  valuesOf = mapAttrs (_: node: if lib.isOption node then node.value else valuesOf node);
}
