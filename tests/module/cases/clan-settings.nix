# The agent's settings under clan's name, and clan's secrets left alone.
{ pkgs, ... }:
{
  imports = [ ../beside/clan-settings.nix ];
  clan.core.settings.directory = ../clan;
  clan.core.settings.machine.name = "m1";
  clan.core.sops = {
    enable = false;
    machineRecipients = [ "age1uese2s3c656a40j88764kny6k2gcrx9hvr0vrg4qeftrer87aelqcjjhau" ];
    onFailure = "abort";
    package = pkgs.age;
    secrets.mine = {
      format = "binary";
      sopsFile = ../clan/sops/secrets/direct-link/secret;
    };
  };
}
