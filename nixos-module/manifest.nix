# The manifest: what the agent is told, as one JSON file that is checked while it is built.
{
  cfg,
  lib,
  pkgs,
}:
{
  suffix,
  directories,
  secrets,
  templates,
}:
let
  placement = entry: {
    inherit (entry)
      gid
      group
      mode
      name
      owner
      path
      reloadUnits
      restartUnits
      uid
      ;
  };

  secret =
    entry:
    placement entry
    // {
      inherit (entry) format key sopsFile;
    };

  # The agent takes `content` before `file`, so that only one of them may be there.
  template = entry: placement entry // lib.getAttrs [ entry.source ] entry;

  placeholders = lib.mapAttrs' (
    name: entry: lib.nameValuePair entry.name (toString cfg.placeholder.${name})
  );

  plugin = package: "${lib.getBin package}/bin/${package.meta.mainProgram or (lib.getName package)}";

  level = if cfg.validateSopsFiles then "sopsfile" else "manifest";
in
pkgs.writeTextFile {
  name = "manifest${suffix}.json";
  text = builtins.toJSON (
    directories
    // {
      schema = 1;
      secrets = map secret (lib.attrValues secrets);
      templates = map template (lib.attrValues templates);
      # Those of the other phase too: a template that holds one of them is told so.
      placeholderBySecretName = lib.optionalAttrs (templates != { }) (
        placeholders cfg.secrets // placeholders secrets
      );
      ageKeyFile = cfg.age.keyFile;
      ageSshKeyPaths = cfg.age.sshKeyPaths;
      agePlugins = map plugin cfg.age.plugins;
      gnupgHome = cfg.gnupg.home;
      sshKeyPaths = cfg.gnupg.sshKeyPaths;
      inherit (cfg)
        keepGenerations
        machineRecipients
        onFailure
        useTmpfs
        ;
      userMode = false;
      logging = {
        keyImport = lib.elem "keyImport" cfg.log;
        secretChanges = lib.elem "secretChanges" cfg.log;
      };
    }
  );
  checkPhase = ''
    ${cfg.validationPackage}/bin/sops-activate check --level ${level} "$out"
  '';
}
