# `switch-to-configuration dry-activate` says what a switch would do to secrets and units, and does nothing.
{ common }:
{
  name = "sops-activate-dry-activate";

  nodes.machine =
    { config, lib, ... }:
    {
      imports = [
        common.module
        common.machine
      ];
      sops.secrets = lib.mkIf (config.specialisation != { }) { old = { }; };
      specialisation.changed.configuration = common.changed;
    };

  testScript = common.script ''
    # All that a run could change: each file with inode, owner, mode and times, and the mounts.
    PICTURE = (
        "{ find /run/secrets.d /run/secrets-for-users.d /run/secrets /run/secrets-for-users /var/lib/web"
        " -printf '%p %i %m %u:%g %T@ %C@ %l\\n' | sort; grep secrets /proc/mounts; }"
    )

    machine.wait_for_unit("multi-user.target")
    before = run(PICTURE)
    status, output = switch("changed", "dry-activate")

    with subtest("dry.exit"):
        t.assertEqual(status, 0, output)

    with subtest("dry.says"):
        for words in ["would add secret: new", "would modify secret: app/token", "would remove secret: old"]:
            t.assertIn(words, output)
        t.assertIn("would modify rendered secret: web.conf", output)

    with subtest("dry.lists"):
        t.assertRegex(output, "would restart the following units: .*web.service")
        t.assertRegex(output, "would reload the following units: .*proxy.service")

    with subtest("dry.same"):
        t.assertEqual(run(PICTURE), before)
        t.assertEqual(read("/run/secrets/app/token"), VALUES["token"])

    with subtest("switch.differs"):
        status, output = switch("changed")
        t.assertEqual(status, 0, output)
        t.assertNotEqual(run(PICTURE), before)
  '';
}
