# `sops.templates`: files with secrets in them, and `sops.placeholder`, what stands for a secret in such a file.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  inherit (config.users) users;
  isSet = option: option.highestPrio < (lib.mkOptionDefault null).priority;

  template =
    {
      name,
      config,
      options,
      ...
    }:
    {
      options = {
        name = mkOption {
          type = types.singleLineStr;
          default = name;
          defaultText = lib.literalMD "the name of the entry";
          description = "The name of the file, below `/run/secrets/rendered`.";
        };

        path = mkOption {
          type = types.singleLineStr;
          default =
            if config.neededForUsers then
              "/run/secrets-for-users/rendered/${config.name}"
            else
              "/run/secrets/rendered/${config.name}";
          defaultText = lib.literalMD ''
            `/run/secrets/rendered/‹name›`, or `/run/secrets-for-users/rendered/‹name›` if users need it
          '';
          description = "Where the file is found. If it is not the default, a link to it is made there.";
        };

        content = mkOption {
          type = types.lines;
          default = "";
          description = "The text of the file, with `\${config.sops.placeholder.‹secret›}` where a secret belongs.";
        };

        file = mkOption {
          type = types.path;
          default = pkgs.writeText (lib.strings.sanitizeDerivationName config.name) config.content;
          defaultText = lib.literalExpression "pkgs.writeText name content";
          example = "./configuration-template.conf";
          description = "A file to take the text from. If it is set, `content` does not count.";
        };

        source = mkOption {
          type = types.enum [
            "content"
            "file"
          ];
          readOnly = true;
          internal = true;
          default = if config.content == "" || isSet options.file then "file" else "content";
          description = "Where the text is taken from.";
        };
      }
      // import ./phase-options.nix {
        inherit lib;
        noun = "template";
        self = config;
        selfOptions = options;
      }
      // import ./placement-options.nix {
        inherit lib users;
        noun = "template";
        self = config;
      };
    };

  placeholder = lib.mkOptionType {
    name = "coercibleToString";
    description = "value that can be coerced to string";
    check = lib.strings.isConvertibleWithToString;
    merge = lib.mergeEqualOption;
  };
in
{
  options.sops = {
    templates = mkOption {
      type = types.attrsOf (types.submodule template);
      default = { };
      description = "Files that are rendered after decryption, by name.";
    };

    placeholder = mkOption {
      type = types.attrsOf placeholder;
      default = { };
      visible = false;
      description = "The text that stands for each secret in templates.";
    };
  };

  config.sops.placeholder = lib.mapAttrs (
    name: _: lib.mkDefault "<SOPS:${builtins.hashString "sha256" name}:PLACEHOLDER>"
  ) config.sops.secrets;
}
