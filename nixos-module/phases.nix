# The two runs of the agent, each with all that it is made of: before users are made, and after.
{
  config,
  lib,
  options,
  pkgs,
}:
let
  cfg = config.sops;
  inherit (import ./users.nix { inherit config options; }) madeByUnit;
  manifestFor = import ./manifest.nix { inherit cfg lib pkgs; };

  phase =
    {
      forUsers,
      suffix,
      description,
      arguments,
      snippet,
      bySnippet,
    }:
    let
      inPhase = lib.filterAttrs (_: entry: entry.neededForUsers == forUsers);
      directories = {
        secretsMountPoint = "/run/secrets${suffix}.d";
        symlinkPath = "/run/secrets${suffix}";
      };
    in
    rec {
      inherit
        bySnippet
        description
        forUsers
        snippet
        ;
      inherit (directories) secretsMountPoint symlinkPath;

      secrets = inPhase cfg.secrets;
      templates = inPhase cfg.templates;
      needed = secrets != { } || templates != { };

      unit = "sops-install-secrets${suffix}";
      # Beside an activation script, a unit is a second look for keys that came late.
      byUnit = cfg.useSystemdActivation || cfg.retryWhenKeyAppears;

      manifest = manifestFor {
        inherit
          directories
          secrets
          suffix
          templates
          ;
      };
      command = "${cfg.package}/bin/sops-activate install ${arguments}${manifest}";

      # A unit comes before the one that makes users, and so before local file systems are mounted: systemd-sysusers.service makes
      # the owners of device nodes, which mounts wait for.
      beforeUsers = forUsers && madeByUnit;

      # Sops files and templates may lie outside the store when the build does not check them.
      files = lib.unique (
        lib.filter (file: builtins.isString file && !lib.hasPrefix builtins.storeDir file) (
          map (secret: secret.sopsFile) (lib.attrValues secrets)
          ++ map (template: template.file) (
            lib.filter (template: template.source == "file") (lib.attrValues templates)
          )
        )
      );

      # Units that use what is installed.
      usedBy = lib.unique (
        lib.concatMap (entry: entry.restartUnits ++ entry.reloadUnits) (
          lib.attrValues secrets ++ lib.attrValues templates
        )
      );

      # Where links to secrets are made.
      linkPaths = lib.filter (path: !lib.hasPrefix "${symlinkPath}/" path) (
        map (entry: entry.path) (lib.attrValues secrets ++ lib.attrValues templates)
      );
    };
in
rec {
  services = phase {
    forUsers = false;
    suffix = "";
    description = "secrets";
    arguments = "";
    snippet = "setupSecrets";
    bySnippet = !cfg.useSystemdActivation;
  };

  users = phase {
    forUsers = true;
    suffix = "-for-users";
    description = "secrets for users";
    arguments = "--ignore-passwd ";
    snippet = "setupSecretsForUsers";
    # An activation script that makes users runs before any unit does.
    bySnippet = !cfg.useSystemdActivation || !madeByUnit;
  };

  needed = lib.filter (phase: phase.needed) [
    users
    services
  ];

  # Everything that a key is read from.
  keyPaths = lib.unique (
    lib.optional (cfg.age.keyFile != null) cfg.age.keyFile
    ++ cfg.age.sshKeyPaths
    ++ lib.optional (cfg.gnupg.home != null) cfg.gnupg.home
    ++ cfg.gnupg.sshKeyPaths
  );
}
