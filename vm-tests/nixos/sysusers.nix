# systemd-sysusers makes the users: units install secrets, before and after it.
{ common }:
{
  name = "sops-activate-sysusers";

  nodes.machine = {
    imports = [
      common.module
      common.machine
      (common.slow { maker = "systemd-sysusers"; })
    ];
    systemd.sysusers.enable = true;
    system.etc.overlay.enable = true;
    boot.initrd.systemd.enable = true;
    users.mutableUsers = true;
  };

  testScript = common.script (common.ordered "systemd-sysusers.service");
}
