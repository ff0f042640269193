# NOT NixOS: the unit files that NixOS makes of the module's units, as text, for machines without nixpkgs: to boot them with
# a real systemd, or to have `systemd-analyze verify` read them. `{ "NAME" = { text, wantedBy }; }`
{ lib }:
config:
let
  utils = import ./utils.nix { inherit lib; };
  word = value: if builtins.isBool value then (if value then "true" else "false") else toString value;

  # Lists stand for one line each; an empty value is no line.
  line =
    name: value:
    lib.concatMapStringsSep "" (one: "${name}=${word one}\n") (
      if builtins.isList value then value else [ value ]
    );
  section = name: attrs: "[${name}]\n" + lib.concatStringsSep "" (lib.mapAttrsToList line attrs);
  words = name: list: lib.optionalAttrs (list != [ ]) { ${name} = lib.concatStringsSep " " list; };

  unitSection =
    unit:
    section "Unit" (
      unit.unitConfig
      // lib.optionalAttrs (unit.description != "") { Description = unit.description; }
      // words "After" unit.after
      // words "Before" unit.before
      // words "Conflicts" unit.conflicts
      // words "PartOf" unit.partOf
      // words "Requires" unit.requires
      // words "Wants" unit.wants
    );

  file = suffix: own: name: unit: {
    name = "${name}${suffix}";
    value = {
      text = unitSection unit + own unit;
      inherit (unit) wantedBy;
    };
  };

  service =
    unit:
    section "Service" (
      unit.serviceConfig
      // {
        Environment =
          lib.mapAttrsToList (name: value: builtins.toJSON "${name}=${value}") unit.environment
          ++ lib.optional (unit.path != [ ]) "PATH=${lib.makeBinPath unit.path}";
      }
    );
  mount =
    unit:
    section "Mount" {
      What = unit.what;
      Where = unit.where;
      Type = unit.type;
      Options = unit.options;
    };
  files =
    suffix: own: units:
    lib.mapAttrsToList (file suffix own) units;
in
lib.listToAttrs (
  files ".service" service config.systemd.services
  ++ files ".path" (unit: section "Path" unit.pathConfig) config.systemd.paths
  ++ files ".target" (_: "") config.systemd.targets
  ++ map (unit: file ".mount" mount (utils.escapeSystemdPath unit.where) unit) config.systemd.mounts
)
