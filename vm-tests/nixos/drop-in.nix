# What holds of sops-nix's agent and of this one alike: the same script for both, and for both modules.
{
  common,
  module ? common.module,
  package ? common.agent,
}:
{
  name = "sops-activate-drop-in";

  nodes.machine =
    { config, lib, ... }:
    {
      imports = [
        module
        common.machine
      ];
      sops = {
        inherit package;
        # sops-nix would read files while it evaluates that are yet to be built.
        validateSopsFiles = false;
        secrets = lib.mkIf (config.specialisation != { }) { old = { }; };
      };
      specialisation.changed.configuration = common.changed;
    };

  testScript = common.script ''
    machine.wait_for_unit("multi-user.target")

    with subtest("first.value"):
        t.assertEqual(read("/run/secrets/app/token"), VALUES["token"])
        t.assertEqual(read("/run/secrets/smtp"), f"SMTP_USER=web\nSMTP_PASSWORD={VALUES['smtp']}\n")

    with subtest("first.hash"):
        t.assertEqual(hash_of("web"), VALUES["hash"])

    with subtest("first.owner"):
        t.assertEqual(placed("/run/secrets/app/token"), "web:web 440")
        t.assertEqual(placed("/run/secrets/public"), "root:root 444")

    with subtest("first.template"):
        t.assertEqual(read("/run/secrets/rendered/web.conf"), f"token {VALUES['token']}\n")
        t.assertEqual(placed("/run/secrets/rendered/web.conf"), "web:keys 460")

    with subtest("first.link"):
        t.assertEqual(read("/var/lib/web/token"), VALUES["token"])

    with subtest("read.stranger"):
        refused = machine.fail("runuser -u stranger -- cat /run/secrets/app/token 2>&1")
        t.assertIn("Permission denied", refused)

    with subtest("read.service"):
        t.assertEqual(machine.succeed("runuser -u web -- cat /run/secrets/app/token"), VALUES["token"])

    with subtest("dry.says"):
        _, output = switch("changed", "dry-activate")
        for words in ["would add secret: new", "would modify secret: app/token", "would remove secret: old"]:
            t.assertIn(words, output)

    status, output = switch("changed")

    with subtest("switch.exit"):
        t.assertEqual(status, 0, output)

    with subtest("switch.says"):
        for words in ["adding secret: new", "modifying secret: app/token", "removing secret: old"]:
            t.assertIn(words, output)
        t.assertIn("modifying rendered secret: web.conf", output)

    with subtest("switch.value"):
        t.assertEqual(read("/run/secrets/app/token"), VALUES["token_changed"])
        t.assertEqual(read("/run/secrets/rendered/web.conf"), f"token {VALUES['token_changed']}\n")

    with subtest("switch.try-restart"):
        t.assertEqual(seen("web"), [VALUES["token"], VALUES["token_changed"]])

    with subtest("switch.reload"):
        t.assertEqual(seen("proxy-reload"), [f"token {VALUES['token_changed']}", ""])
  '';
}
