# NOT sops-nix: a module that declares an option which ours declares too, as sops-nix's does.
{ lib, ... }:
{
  options.sops.secrets = lib.mkOption {
    type = lib.types.attrsOf lib.types.anything;
    default = { };
    description = "Secrets.";
  };
}
