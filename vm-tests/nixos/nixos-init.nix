# nixos-init: no activation script is run, neither in stage 1 nor after it.
{ common }:
{
  name = "sops-activate-nixos-init";

  nodes.machine =
    { lib, ... }:
    {
      imports = [
        common.module
        common.machine
        (common.slow { maker = "userborn"; })
      ];
      system.nixos-init.enable = true;
      services.userborn.enable = true;
      system.etc.overlay.enable = true;
      boot.initrd.systemd.enable = true;
      # The virtual machine has some of its own, which nixos-init does not run.
      boot.postBootCommands = lib.mkForce "";
      # A script that would leave something behind.
      system.activationScripts.witness = "touch /run/an-activation-script-was-run";
    };

  testScript = common.script (
    common.ordered "userborn.service"
    + ''

      with subtest("init.no-script"):
          machine.fail("test -e /run/an-activation-script-was-run")
    ''
  );
}
