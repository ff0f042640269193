# Owner, group and mode of every secret are exactly what is declared.
{ common }:
{
  name = "sops-activate-owner-and-mode";

  nodes.machine =
    { config, ... }:
    {
      imports = [
        common.module
        common.machine
      ];
      users.users.by-number = {
        isSystemUser = true;
        uid = 987;
        group = "web";
      };
      users.groups.web.gid = 986;
      sops.secrets = {
        known-number = {
          key = "public";
          inherit (config.users.users.by-number) uid;
          inherit (config.users.groups.web) gid;
        };
        unknown-number = {
          key = "public";
          uid = 54321;
          gid = 54322;
          mode = "0640";
        };
        for-all = {
          key = "public";
          mode = "0777";
        };
      };
    };

  testScript = common.script ''
    machine.wait_for_unit("multi-user.target")

    with subtest("first.owner"):
        t.assertEqual(placed("/run/secrets/app/token"), "web:web 440")
        t.assertEqual(placed("/run/secrets/public"), "root:root 444")
        t.assertEqual(placed("/run/secrets/smtp"), "web:root 400")
        t.assertEqual(placed("/run/secrets/for-all"), "root:root 777")

    with subtest("first.users-root"):
        t.assertEqual(placed("/run/secrets-for-users/hash"), "root:root 400")

    with subtest("owner.number"):
        t.assertEqual(placed("/run/secrets/known-number"), "by-number:web 400")
        t.assertEqual(run("stat --format '%u:%g %a' /run/secrets/unknown-number"), "54321:54322 640")
  '';
}
