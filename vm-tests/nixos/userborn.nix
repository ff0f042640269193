# userborn makes the users: units install secrets, before and after it, and again at a switch that changes them.
{ common }:
{
  name = "sops-activate-userborn";

  nodes.machine = {
    imports = [
      common.module
      common.machine
      (common.slow { maker = "userborn"; })
    ];
    services.userborn.enable = true;
    boot.initrd.systemd.enable = true;
    users.mutableUsers = false;
    specialisation.changed.configuration = common.changed;
  };

  testScript = common.script (common.ordered "userborn.service" + common.switched);
}
