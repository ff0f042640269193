# A clan's machine: every secret that is meant for it, by itself; see clan/README.md.
{
  imports = [ ../beside/clan-settings.nix ];
  clan.core.settings.directory = ../clan;
  clan.core.settings.machine.name = "m1";
}
