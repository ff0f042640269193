# Secrets that users are made with, where an activation script makes users.
{ common }:
{
  name = "sops-activate-for-users";

  nodes.machine = {
    imports = [
      common.module
      common.machine
    ];
    # Passwords are those of the configuration, at every switch.
    users.mutableUsers = false;
    specialisation.changed.configuration = common.changed;
  };

  testScript = common.script ''
    machine.wait_for_unit("multi-user.target")

    with subtest("first.hash"):
        t.assertEqual(read("/run/secrets-for-users/hash"), VALUES["hash"])
        t.assertEqual(hash_of("web"), VALUES["hash"])

    with subtest("first.users-root"):
        t.assertEqual(placed("/run/secrets-for-users/hash"), "root:root 400")
        t.assertEqual(placed("/run/secrets-for-users"), "root:root 751")

    with subtest("read.hash"):
        refused = machine.fail("runuser -u stranger -- cat /run/secrets-for-users/hash 2>&1")
        t.assertIn("Permission denied", refused)

    with subtest("users.changed"):
        status, output = switch("changed")
        t.assertEqual(status, 0, output)
        t.assertEqual(hash_of("web"), VALUES["hash_changed"])

    with subtest("users.apart"):
        machine.fail("test -e /run/secrets/hash")
        machine.fail("test -e /run/secrets-for-users/app")
  '';
}
