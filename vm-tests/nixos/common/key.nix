# Puts a private key onto a machine before anything wants to open secrets with it. On real machines it is there, or is uploaded.
{ source, path }:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  name = "key-${baseNameOf path}";
  install = "${pkgs.coreutils}/bin/install -D -m 0600 ${source} ${path}";
  madeByUnit = config.systemd.sysusers.enable || config.services.userborn.enable;
  # Then nothing but secrets for users is installed by a snippet.
  servicesByUnit = madeByUnit || config.sops.useSystemdActivation or false;
  has = forUsers: lib.any (secret: secret.neededForUsers == forUsers) secrets;
  secrets = lib.attrValues config.sops.secrets;
in
{
  system.activationScripts = lib.mkIf (!madeByUnit) {
    ${name} = "[ -e ${path} ] || ${install}";
    setupSecrets = lib.mkIf (has false && !servicesByUnit) { deps = [ name ]; };
    setupSecretsForUsers = lib.mkIf (has true) { deps = [ name ]; };
  };

  systemd.services.${name} = lib.mkIf madeByUnit {
    description = "Put a key of this machine into its place";
    wantedBy = [ "sysinit.target" ];
    after = [ "systemd-remount-fs.service" ];
    before = [
      "sops-install-secrets-for-users.service"
      "sops-install-secrets.service"
      "sysinit.target"
      "shutdown.target"
    ];
    conflicts = [ "shutdown.target" ];
    unitConfig = {
      DefaultDependencies = false;
      ConditionPathExists = "!${path}";
      RequiresMountsFor = [ path ];
    };
    serviceConfig = {
      Type = "oneshot";
      ExecStart = install;
    };
  };
}
