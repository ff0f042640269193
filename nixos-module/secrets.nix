# `sops.secrets`: what is decrypted, and where it goes.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.sops;

  wholeFileFormats = [
    "dotenv"
    "ini"
  ];

  secret =
    {
      name,
      config,
      options,
      ...
    }:
    {
      options = {
        name = mkOption {
          type = types.str;
          default = name;
          defaultText = lib.literalMD "the name of the entry";
          description = "The name of the file, below `/run/secrets`. It may hold slashes.";
        };

        key = mkOption {
          type = types.str;
          default =
            if lib.elem config.format wholeFileFormats then
              ""
            else if cfg.defaultSopsKey != null then
              cfg.defaultSopsKey
            else
              name;
          defaultText = lib.literalMD ''
            {option}`sops.defaultSopsKey`, else the secret's name; the whole file for dotenv and INI
          '';
          description = ''
            Which part of the file this secret is. `a/b/0` walks maps and lists of YAML and JSON, `section/NAME` is a value of
            an INI file, `NAME` one of a dotenv file, `""` is the whole file. Means nothing for binary and age files.
          '';
        };

        path = mkOption {
          type = types.str;
          default =
            if config.neededForUsers then
              "/run/secrets-for-users/${config.name}"
            else
              "/run/secrets/${config.name}";
          defaultText = lib.literalMD ''
            `/run/secrets/‹name›`, or `/run/secrets-for-users/‹name›` if users need it
          '';
          description = "Where the secret is found. If it is not the default, a link to the secret is made there.";
        };

        format = mkOption {
          type = types.enum [
            "yaml"
            "json"
            "binary"
            "dotenv"
            "ini"
            "age"
          ];
          default = cfg.defaultSopsFormat;
          defaultText = lib.literalExpression "config.sops.defaultSopsFormat";
          description = ''
            The format of the file. `age` is a plain age file, armored or not, as agenix and clan's age backend write: its
            whole plaintext is the secret. The others are sops' own.
          '';
        };

        sopsFile = mkOption {
          type = types.path;
          default = cfg.defaultSopsFile;
          defaultText = lib.literalExpression "config.sops.defaultSopsFile";
          description = "The encrypted file that this secret is in.";
        };

        sopsFileHash = mkOption {
          type = types.str;
          readOnly = true;
          default = lib.optionalString cfg.validateSopsFiles (builtins.hashFile "sha256" config.sopsFile);
          defaultText = lib.literalMD "the SHA-256 of `sopsFile`";
          description = "The hash of the encrypted file, for {option}`systemd.services.<name>.restartTriggers`.";
        };
      }
      // import ./credential-options.nix { inherit lib name; }
      // import ./phase-options.nix {
        inherit lib;
        noun = "secret";
        self = config;
        selfOptions = options;
      }
      // import ./placement-options.nix {
        inherit lib users;
        noun = "secret";
        self = config;
      };

      # systemd reads credentials when a unit starts, and never again.
      config.restartUnits = lib.mkIf (config.credentialFor != [ ]) (
        map (unit: "${lib.removeSuffix ".service" unit}.service") config.credentialFor
      );
    };

  inherit (config.users) users;
in
{
  options.sops.secrets = mkOption {
    type = types.attrsOf (types.submodule secret);
    default = { };
    example = lib.literalExpression ''{ "wifi/psk" = { restartUnits = [ "wpa_supplicant.service" ]; }; }'';
    description = "The secrets of this machine, by name.";
  };
}
