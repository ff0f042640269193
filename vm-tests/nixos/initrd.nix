# systemd in stage 1: activation scripts are run there, before the system's own systemd is. From NixOS 26.05 on that is so by
# default, and `boot` shows it too.
{ common }:
{
  name = "sops-activate-initrd";

  nodes.machine = {
    imports = [
      common.module
      common.machine
    ];
    boot.initrd.systemd.enable = true;
  };

  testScript = common.script ''
    machine.wait_for_unit("multi-user.target")

    with subtest("first.exit"):
        activated()
        t.assertTrue(succeeded(USERS) and succeeded(SERVICES))

    with subtest("first.hash"):
        t.assertEqual(hash_of("web"), VALUES["hash"])

    with subtest("first.value"):
        t.assertEqual(read("/run/secrets/app/token"), VALUES["token"])

    with subtest("first.no-restart"):
        t.assertEqual(generation(), "1")
        t.assertEqual(seen("web"), [VALUES["token"]])
  '';
}
