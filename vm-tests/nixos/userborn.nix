# userborn makes the users: units install secrets, before and after it, and again at a switch that changes them.
{ common }:
{
  name = "sops-activate-userborn";

  nodes.machine = {
    imports = [
      common.module
      common.machine
      (common.slow { maker = "userborn"; })
    ];
    services.userborn.enable = true;
    boot.initrd.systemd.enable = true;
    users.mutableUsers = false;
    specialisation.changed.configuration = common.changed;
  };

  testScript = common.script (
    common.ordered "userborn.service"
    + ''

      status, output = switch("changed")

      with subtest("switch.exit"):
          t.assertEqual(status, 0, output)
          t.assertTrue(succeeded(USERS) and succeeded(SERVICES))

      with subtest("switch.value"):
          t.assertEqual(read("/run/secrets/app/token"), VALUES["token_changed"])
          t.assertEqual(read("/run/secrets/new"), VALUES["new"])

      with subtest("switch.try-restart"):
          machine.wait_until_succeeds("test $(wc -l < /run/seen/web) -ge 2", timeout=60)
          t.assertEqual(seen("web"), [VALUES["token"], VALUES["token_changed"]])

      with subtest("switch.reload"):
          machine.wait_until_succeeds("test $(wc -l < /run/seen/proxy-reload) -ge 2", timeout=60)
          t.assertEqual(seen("proxy-reload"), [f"token {VALUES['token_changed']}", ""])

      with subtest("switch.not-running"):
          t.assertEqual(shown("idle.service", "ActiveState"), "inactive")
          t.assertEqual(seen("idle"), [])

      with subtest("users.changed"):
          t.assertEqual(hash_of("web"), VALUES["hash_changed"])
    ''
  );
}
