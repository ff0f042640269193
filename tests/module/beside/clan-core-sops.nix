# NOT clan: a stand-in for clan-core's own module for secrets, which declares one option that ours has too, and sets the
# same entries of `sops.secrets`.
{ config, lib, ... }:
{
  options.clan.core.sops.defaultGroups = lib.mkOption {
    type = lib.types.listOf lib.types.str;
    default = [ ];
    example = [ "admins" ];
    description = "Groups to encrypt for.";
  };

  config.sops.secrets.direct-link = {
    sopsFile = builtins.path {
      name = "of-clan-core";
      path = config.clan.core.settings.directory + "/sops/secrets/direct-link/secret";
    };
    format = "binary";
  };
}
