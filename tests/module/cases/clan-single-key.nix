# A machine whose key.json holds one key, not a list, and which has no age key in the clan.
{
  imports = [ ../beside/clan-settings.nix ];
  clan.core.settings.directory = ../clan;
  clan.core.settings.machine.name = "m2";
  services.openssh.enable = true;
}
