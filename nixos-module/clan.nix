# clan: every secret of the clan that is encrypted for this machine becomes an entry of `sops.secrets`.
#
# Without clan (no `clan.core.settings`), only the options are there. Beside clan-core's own `sops.nix`, which does
# the same with a higher priority, both agree.
{
  config,
  lib,
  options,
  ...
}:
let
  cfg = config.clan.core.sops;
  isClan = options.clan.core ? settings;
  inherit (config.clan.core.settings) directory machine;
  alias = lib.mkAliasOptionModule;

  secretsDir = directory + "/sops/secrets";
  groupsDir = directory + "/sops/groups";

  # `clan` marks a machine or group that a secret or group has by a link to it. Where links have been resolved it is a
  # directory. A link counts even if what it points to is gone.
  isMarked =
    path:
    builtins.pathExists path
    && lib.elem (builtins.readFileType path) [
      "directory"
      "symlink"
    ];
  directoriesIn =
    path:
    lib.optionals (builtins.pathExists path) (
      lib.attrNames (lib.filterAttrs (_: type: type == "directory") (builtins.readDir path))
    );

  holdsMachine = parent: name: isMarked (parent + "/${name}/machines/${machine.name}");
  groups = lib.filter (holdsMachine groupsDir) (directoriesIn groupsDir);
  isOurs =
    name:
    holdsMachine secretsDir name
    || lib.any (group: isMarked (secretsDir + "/${name}/groups/${group}")) groups;

  # Only this file gets into the store, so that nothing is built anew when another one changes.
  fileOf =
    name:
    let
      path = secretsDir + "/${name}/secret";
    in
    if builtins.pathExists path then
      builtins.path {
        inherit path;
        name = lib.strings.sanitizeDerivationName name;
      }
    else
      throw "clan: the secret '${name}' is meant for machine '${machine.name}', but has no value; run `clan secrets set ${name}`";

  # One key, or a list of keys. PGP keys are of no use for the build's check.
  keyFile = directory + "/sops/machines/${machine.name}/key.json";
  publicKeys = map (key: key.publickey) (
    lib.filter (key: key.type or "age" == "age") (
      lib.toList (builtins.fromJSON (builtins.readFile keyFile))
    )
  );
in
{
  options.clan.core.sops = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = ''
        Whether each secret in the clan's `sops/secrets` that is encrypted for this machine, or for a group that it is in,
        becomes an entry of `sops.secrets`.
      '';
    };

    # clan-core declares it too. Two declarations can stand side by side as long as only one of them has a default
    # and a description.
    defaultGroups = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      visible = false;
    };
  };

  imports = [
    (alias [ "clan" "core" "sops" "secrets" ] [ "sops" "secrets" ])
    (alias [ "clan" "core" "sops" "package" ] [ "sops" "package" ])
    (alias [ "clan" "core" "sops" "onFailure" ] [ "sops" "onFailure" ])
    (alias [ "clan" "core" "sops" "machineRecipients" ] [ "sops" "machineRecipients" ])
  ];

  config = lib.mkMerge [
    { clan.core.sops.defaultGroups = lib.mkOptionDefault [ ]; }
    (lib.optionalAttrs isClan {
      sops.secrets = lib.mkIf cfg.enable (
        lib.listToAttrs (
          map (
            name:
            lib.nameValuePair name {
              sopsFile = lib.mkDefault (fileOf name);
              format = lib.mkDefault "binary";
            }
          ) (lib.filter isOurs (directoriesIn secretsDir))
        )
      );
      sops.machineRecipients = lib.mkIf (cfg.enable && builtins.pathExists keyFile) (
        lib.mkDefault publicKeys
      );
      sops.age.keyFile = lib.mkIf (builtins.pathExists (secretsDir + "/${machine.name}-age.key/secret")) (
        lib.mkDefault "/var/lib/sops-nix/key.txt"
      );
    })
  ];
}
