# `sops.useSystemdActivation` where an activation script makes users: only what users need is installed by a script, and
# no list is left for switch-to-configuration. So this has to go on when NixOS no longer reads those lists.
{ common }:
{
  name = "sops-activate-units";

  nodes.machine = {
    imports = [
      common.module
      common.machine
    ];
    sops.useSystemdActivation = true;
    # Passwords are those of the configuration, at every switch.
    users.mutableUsers = false;
    specialisation.changed.configuration = common.changed;
  };

  testScript = common.script (
    ''
      machine.wait_for_unit("multi-user.target")

      with subtest("first.exit"):
          activated()
          t.assertTrue(succeeded(USERS) and succeeded(SERVICES))

      with subtest("first.hash"):
          t.assertEqual(hash_of("web"), VALUES["hash"])

      with subtest("first.value"):
          t.assertEqual(read("/run/secrets/app/token"), VALUES["token"])

      with subtest("first.owner"):
          t.assertEqual(placed("/run/secrets/app/token"), "web:web 440")
    ''
    + common.switched
  );
}
