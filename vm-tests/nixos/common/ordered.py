# What holds wherever a unit makes the users. MAKER is its name.
machine.wait_for_unit("multi-user.target")

with subtest("first.exit"):
    t.assertTrue(succeeded(USERS) and succeeded(SERVICES))

with subtest("first.hash"):
    t.assertEqual(hash_of("web"), VALUES["hash"])

with subtest("first.value"):
    t.assertEqual(read("/run/secrets/app/token"), VALUES["token"])

with subtest("first.owner"):
    t.assertEqual(placed("/run/secrets/app/token"), "web:web 440")

with subtest("unit.users-order"):
    t.assertLess(done(USERS), started(MAKER))

with subtest("unit.services-order"):
    t.assertLess(done(MAKER), started(SERVICES))

with subtest("unit.sysinit"):
    t.assertLess(done(USERS), done("sysinit.target"))
    t.assertLess(done(SERVICES), done("sysinit.target"))

with subtest("unit.target"):
    t.assertEqual(shown("sops-secrets.target", "ActiveState"), "active")
    t.assertLess(done(SERVICES), done("sops-secrets.target"))
