# Options of the agent as a whole. Those of keys, secrets and templates are in files of their own.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.sops;
  users = import ./users.nix { inherit config options; };
in
{
  options.sops = {
    defaultSopsFile = mkOption {
      type = types.path;
      example = lib.literalExpression "./secrets.yaml";
      description = "The sops file of every secret that does not set `sopsFile` itself.";
    };

    defaultSopsFormat = mkOption {
      type = types.str;
      default = "yaml";
      description = "The format of every secret that does not set `format` itself.";
    };

    defaultSopsKey = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = ''
        The key of every secret that does not set `key` itself, for YAML and JSON files. `null` stands for the secret's own
        name, `""` for the whole file.
      '';
    };

    validateSopsFiles = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether the build opens every sops file: that it is whole, that each key is in it and, if `sops.machineRecipients`
        is set, that this machine will be able to decrypt it. The files have to be in the Nix store for that.
      '';
    };

    machineRecipients = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "age1uese2s3c656a40j88764kny6k2gcrx9hvr0vrg4qeftrer87aelqcjjhau" ];
      description = ''
        Public keys of this machine: age recipients, or SSH ed25519 public keys. With them a secret that none of them can open
        fails the build instead of the deployment. An empty list turns this off. clan's machines have theirs from
        `sops/machines/<machine>/key.json`.
      '';
    };

    onFailure = mkOption {
      type = types.enum [
        "keep-going"
        "abort"
      ];
      default = "keep-going";
      description = ''
        What one secret that fails does to the others. `keep-going` installs all that can be installed, keeps the last good
        copy of the rest, and ends with a failure that names each. `abort` changes nothing then.
      '';
    };

    keepGenerations = mkOption {
      type = types.ints.unsigned;
      default = 1;
      description = "How many generations of secrets stay in memory, the live one included. 0 keeps all.";
    };

    log = mkOption {
      type = types.listOf (
        types.enum [
          "keyImport"
          "secretChanges"
        ]
      );
      default = [
        "keyImport"
        "secretChanges"
      ];
      description = "What is logged beside errors: the keys in use, and which secrets have changed.";
    };

    environment = mkOption {
      type = types.attrsOf (types.either types.str types.path);
      default = { };
      description = ''
        Environment variables of the agent. Activation scripts put each value between single quotes and quote nothing in
        it; use `lib.escapeShellArg` for values that hold quotes themselves.
      '';
    };

    package = mkOption {
      type = types.package;
      default = pkgs.pkgsStatic.callPackage ../package.nix { };
      defaultText = lib.literalExpression "pkgs.pkgsStatic.callPackage ./package.nix { }";
      description = "The package of the agent.";
    };

    validationPackage = mkOption {
      type = types.package;
      default =
        if pkgs.stdenv.buildPlatform == pkgs.stdenv.hostPlatform then
          cfg.package
        else
          pkgs.pkgsBuildHost.pkgsStatic.callPackage ../package.nix { };
      defaultText = lib.literalExpression "config.sops.package";
      description = ''
        The package that checks the manifest while the system is built. If the system is built on another kind of machine
        than it runs on, that is a package for the former.
      '';
    };

    useTmpfs = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether secrets are kept in a tmpfs instead of a ramfs. A tmpfs has a limit of size and works in some containers
        where ramfs does not. Before Linux 6.4 it can be swapped out: encrypt your swap then.
      '';
    };

    useSystemdActivation = mkOption {
      type = types.bool;
      default = users.madeByUnit || users.bashless;
      defaultText = lib.literalExpression ''
        config.systemd.sysusers.enable || config.services.userborn.enable || config.system.nixos-init.enable
      '';
      description = ''
        Whether units install secrets, instead of activation scripts. Where NixOS itself makes users by an activation script,
        the secrets that users need keep theirs beside the unit: nothing else comes early enough.
      '';
    };

    retryWhenKeyAppears = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether secrets that could not be installed are tried again once a key appears: a USB stick that is plugged in, a
        file system that is mounted late, a key that is uploaded after the first boot. Units that the secrets are for are
        started then if they have failed. With activation scripts this also tries once more when all local file systems are
        mounted.
      '';
    };
  };
}
