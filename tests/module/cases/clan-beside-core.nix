# clan-core's own modules beside ours: theirs decide where both say something, and `defaultGroups` is declared once.
{
  imports = [
    ../beside/clan-settings.nix
    ../beside/clan-core-sops.nix
    ../beside/clan-core-vars.nix
  ];
  clan.core.settings.directory = ../clan;
  clan.core.settings.machine.name = "m1";
  clan.core.sops.defaultGroups = [ "admins" ];
  services.userborn.enable = true;
}
