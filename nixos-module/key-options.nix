# Options of the keys that open secrets.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  inherit (import ./types.nix { inherit lib; }) keyPath;
  ssh = config.services.openssh;

  # A host key that is itself a secret cannot open secrets.
  usableHostKey = key: key.type == "ed25519" && !lib.hasPrefix "/run/secrets" (toString key.path);
in
{
  options.sops.age = {
    keyFile = mkOption {
      type = types.nullOr keyPath;
      default = null;
      example = "/var/lib/sops-nix/key.txt";
      description = "The age key file of this machine. It must not be in the Nix store, where everybody can read it.";
    };

    sshKeyPaths = mkOption {
      type = types.listOf keyPath;
      default = lib.optionals ssh.enable (
        map (key: toString key.path) (lib.filter usableHostKey ssh.hostKeys)
      );
      defaultText = lib.literalMD "the ed25519 keys of {option}`services.openssh.hostKeys`";
      description = ''
        SSH ed25519 private keys of this machine. Each opens what was encrypted for the age key converted from it (as
        `sops-activate recipient` and ssh-to-age print it), and what was encrypted for the SSH key itself.
      '';
    };

    generateKey = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the key at `sops.age.keyFile` is made on the machine if it is missing.";
    };

    plugins = mkOption {
      type = types.listOf types.package;
      default = [ ];
      example = lib.literalExpression "[ pkgs.age-plugin-tpm ]";
      description = ''
        The age plugins that may be started, and no others: of each package its main program, which must be called
        `age-plugin-NAME`. A plugin is started only if a secret stays closed to all other keys, and {option}`sops.age.keyFile` holds a
        key of it (`AGE-PLUGIN-NAME-1…`). Nobody can type a PIN at boot.
      '';
    };
  };

  options.sops.gnupg = {
    home = mkOption {
      type = types.nullOr keyPath;
      default = null;
      example = "/root/.gnupg";
      description = "The directory of a GnuPG key ring that holds the key of this machine.";
    };

    sshKeyPaths = mkOption {
      type = types.listOf keyPath;
      default = [ ];
      example = [ "/etc/ssh/ssh_host_rsa_key" ];
      description = ''
        SSH RSA private keys that are used as GnuPG keys. Unlike in sops-nix, the host's RSA key is not in this list by
        itself, so that nothing of GnuPG comes onto machines that do not use it.
      '';
    };

    package = lib.mkPackageOption pkgs "gnupg" { };
  };

  config.sops.environment.SOPS_GPG_EXEC = lib.mkIf (
    config.sops.gnupg.home != null || config.sops.gnupg.sshKeyPaths != [ ]
  ) (lib.mkDefault "${config.sops.gnupg.package}/bin/gpg");
}
