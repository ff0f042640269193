# error: run `clan secrets set no-value`
{
  imports = [ ../beside/clan-settings.nix ];
  clan.core.settings.directory = ../clan-broken;
  clan.core.settings.machine.name = "m1";
  services.openssh.enable = true;
}
