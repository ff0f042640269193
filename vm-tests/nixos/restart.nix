# A switch to a second generation: its secrets, and the services that are to be restarted and reloaded for them, with
# activation scripts and switch-to-configuration.
{ common }:
{
  name = "sops-activate-restart";

  nodes.machine =
    { config, lib, ... }:
    {
      imports = [
        common.module
        common.machine
      ];
      # Only the generation that is booted has specialisations.
      sops.secrets = lib.mkIf (config.specialisation != { }) { old.path = "/var/lib/web/old"; };
      specialisation.changed.configuration = common.changed;
    };

  testScript = common.script ''
    machine.wait_for_unit("multi-user.target")
    machine.succeed("test -e /var/lib/web/old")

    status, output = switch("changed")

    with subtest("switch.exit"):
        t.assertEqual(status, 0, output)

    with subtest("switch.says"):
        for words in ["adding secret: new", "modifying secret: app/token", "removing secret: old"]:
            t.assertIn(words, output)
        t.assertIn("modifying rendered secret: web.conf", output)

    with subtest("switch.value"):
        t.assertEqual(read("/run/secrets/app/token"), VALUES["token_changed"])
        t.assertEqual(read("/var/lib/web/token"), VALUES["token_changed"])
        t.assertEqual(read("/run/secrets/rendered/web.conf"), f"token {VALUES['token_changed']}\n")

    with subtest("switch.removed"):
        machine.fail("test -e /run/secrets/old")
        machine.fail("test -L /var/lib/web/old")
        t.assertEqual(read("/run/secrets/new"), VALUES["new"])

    with subtest("switch.try-restart"):
        t.assertEqual(seen("web"), [VALUES["token"], VALUES["token_changed"]])

    with subtest("switch.reload"):
        t.assertEqual(seen("proxy"), [f"token {VALUES['token']}", ""])
        t.assertEqual(seen("proxy-reload"), [f"token {VALUES['token_changed']}", ""])

    with subtest("switch.again"):
        before = generation()
        status, output = switch("changed")
        t.assertEqual(status, 0, output)
        t.assertEqual(generation(), before)
        t.assertEqual(len(seen("web")), 2)
        machine.fail("ls /run/nixos/*-list")
  '';
}
