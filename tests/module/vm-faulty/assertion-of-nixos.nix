# error: system.nixos-init.enable needs boot.initrd.systemd.enable
{ common }:
{
  name = "sops-activate-plugin";

  nodes.machine = {
    imports = [
      common.module
      common.machine
    ];
    services.userborn.enable = true;
    system.nixos-init.enable = true;
  };

  testScript = common.script ''
    with subtest("plugin.opens"):
        machine.succeed("true")

    with subtest("plugin.named"):
        machine.succeed("true")

    with subtest("plugin.others"):
        machine.succeed("true")
  '';
}
