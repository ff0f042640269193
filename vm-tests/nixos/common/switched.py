
# What holds of a switch where units install the secrets: they restart by themselves what uses them.
status, output = switch("changed")

with subtest("switch.exit"):
    t.assertEqual(status, 0, output)
    t.assertTrue(succeeded(USERS) and succeeded(SERVICES))
    # The lists that activation scripts may leave are deprecated. None was left.
    t.assertNotIn("from the activation script", output)

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
