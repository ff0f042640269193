# A machine whose activation scripts make its users: what is there after the first boot, who can read it, and the second boot.
{ common }:
{
  name = "sops-activate-boot";

  nodes.machine.imports = [
    common.module
    common.machine
  ];

  testScript = common.script ''
    machine.wait_for_unit("multi-user.target")

    with subtest("first.exit"):
        activated()
        t.assertTrue(succeeded(USERS) and succeeded(SERVICES))

    with subtest("first.value"):
        t.assertEqual(read("/run/secrets/app/token"), VALUES["token"])
        t.assertEqual(read("/run/secrets/smtp"), f"SMTP_USER=web\nSMTP_PASSWORD={VALUES['smtp']}\n")

    with subtest("first.link"):
        t.assertEqual(run("readlink /var/lib/web/token"), "/run/secrets/app/token")
        t.assertEqual(read("/var/lib/web/token"), VALUES["token"])

    with subtest("first.memory"):
        for mount in ["/run/secrets.d", "/run/secrets-for-users.d"]:
            kind, options = run(f"findmnt --noheadings --output FSTYPE,OPTIONS {mount}").split()
            t.assertEqual(kind, "ramfs")
            t.assertLessEqual({"nosuid", "nodev", "noexec"}, set(options.split(",")))

    with subtest("first.directories"):
        for directory in ["/run/secrets.d", "/run/secrets", "/run/secrets/app", "/run/secrets/rendered"]:
            t.assertEqual(placed(directory), "root:keys 751")

    with subtest("first.no-restart"):
        t.assertEqual(seen("web"), [VALUES["token"]])
        machine.fail("ls /run/nixos/*-list")

    with subtest("read.service"):
        t.assertEqual(machine.succeed("runuser -u web -- cat /run/secrets/app/token"), VALUES["token"])

    with subtest("read.public"):
        t.assertEqual(machine.succeed("runuser -u stranger -- cat /run/secrets/public"), VALUES["public"])

    with subtest("read.stranger"):
        for secret in ["/run/secrets/app/token", "/run/secrets/rendered/web.conf"]:
            refused = machine.fail(f"runuser -u stranger -- cat {secret} 2>&1")
            t.assertIn("Permission denied", refused)

    with subtest("read.list"):
        t.assertIn("Permission denied", machine.fail("runuser -u stranger -- ls /run/secrets/ 2>&1"))

    machine.shutdown()
    machine.start()
    machine.wait_for_unit("multi-user.target")

    with subtest("reboot.exit"):
        activated()
        t.assertTrue(succeeded(USERS) and succeeded(SERVICES))

    with subtest("reboot.value"):
        t.assertEqual(read("/run/secrets/app/token"), VALUES["token"])
        t.assertEqual(read("/var/lib/web/token"), VALUES["token"])

    with subtest("reboot.number"):
        t.assertEqual(generation(), "1")

    with subtest("reboot.no-restart"):
        t.assertEqual(seen("web"), [VALUES["token"]])
  '';
}
