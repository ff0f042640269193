# The agent's settings under clan's name, and clan's secrets left alone.
{ pkgs, ... }:
{
  imports = [ ../beside/clan-settings.nix ];
  clan.core.settings.directory = ../clan;
  clan.core.settings.machine.name = "m1";
  clan.core.sops = {
    enable = false;
    machineRecipients = [ "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kudajqpdq3qc2lk" ];
    onFailure = "abort";
    package = pkgs.age;
    secrets.mine = {
      format = "binary";
      sopsFile = ../clan/sops/secrets/direct-link/secret;
    };
  };
}
