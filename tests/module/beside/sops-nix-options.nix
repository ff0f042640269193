# NOT sops-nix: the options that its module and this one have in common, as far as the VM tests set them before they switch from
# one to the other. Nothing is installed.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  free = type: mkOption { inherit type; };
  text = option (types.nullOr types.str) null;
  number = option (types.nullOr types.int) 0;
  units = option (types.listOf types.str) [ ];

  placed = name: {
    name = option types.str name;
    path = option types.str "/run/secrets/${name}";
    mode = option types.str "0400";
    owner = text;
    group = text;
    uid = number;
    gid = number;
    restartUnits = units;
    reloadUnits = units;
  };
  secret =
    { name, ... }:
    {
      options = placed name // {
        key = option types.str name;
        format = option (types.enum [
          "binary"
          "dotenv"
          "ini"
          "json"
          "yaml"
        ]) "yaml";
        sopsFile = option types.path config.sops.defaultSopsFile;
        neededForUsers = option types.bool false;
      };
    };
  template =
    { name, ... }:
    {
      options = placed name // {
        content = option types.lines "";
      };
    };
in
{
  options.sops = {
    age = {
      keyFile = text;
      sshKeyPaths = option (types.listOf types.path) [ ];
      generateKey = option types.bool false;
    };
    defaultSopsFile = free types.path;
    validateSopsFiles = option types.bool true;
    keepGenerations = option types.ints.unsigned 1;
    package = free types.package;
    secrets = option (types.attrsOf (types.submodule secret)) { };
    templates = option (types.attrsOf (types.submodule template)) { };
    placeholder = option (types.attrsOf types.str) { };
  };

  config = {
    sops.placeholder = lib.mapAttrs (name: _: "<SOPS:${name}:PLACEHOLDER>") config.sops.secrets;
    system.activationScripts = {
      setupSecrets.text = "install ${lib.concatStringsSep " " (lib.attrNames config.sops.templates)}";
      setupSecretsForUsers.text = "install";
    };
  };
}
