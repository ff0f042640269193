# From sops-nix to this module on a machine that runs, and back: no secret is absent at any moment, and nothing is restarted for it.
{ common, sopsNix }:
let
  theirs = sopsNix.nixosModules.sops;
  ours = {
    imports = [ common.module ];
    disabledModules = [ theirs ];
  };
in
{
  name = "sops-activate-migration";

  nodes.machine =
    { pkgs, ... }:
    {
      imports = [
        theirs
        common.machine
      ];
      # sops-nix would read files while it evaluates that are yet to be built.
      sops.validateSopsFiles = false;
      specialisation = {
        ours.configuration = ours;
        changed.configuration.imports = [
          ours
          common.changed
        ];
      };
      # Looks all the time, and notes when there is nothing to be seen.
      systemd.services.watch.serviceConfig.ExecStart = pkgs.writeShellScript "watch" ''
        while :; do
          for file in app/token public smtp rendered/web.conf; do
            [ -s "/run/secrets/$file" ] || echo "$file" >> /run/absent
          done
          : > /run/looked
        done
      '';
    };

  testScript = common.script ''
    machine.wait_for_unit("multi-user.target")
    t.assertEqual(read("/run/secrets/app/token"), VALUES["token"])

    machine.succeed("systemctl start watch.service")
    machine.wait_for_file("/run/looked", timeout=60)

    status, output = switch("ours")

    with subtest("switch.exit"):
        t.assertEqual(status, 0, output)

    with subtest("migration.same"):
        t.assertEqual(read("/run/secrets/app/token"), VALUES["token"])
        t.assertEqual(placed("/run/secrets/app/token"), "web:web 440")
        t.assertEqual(read("/var/lib/web/token"), VALUES["token"])
        t.assertEqual(seen("web"), [VALUES["token"]])
        t.assertEqual(seen("proxy-reload"), [])

    with subtest("migration.key"):
        machine.fail("test -e /run/secrets.d/age-keys.txt")

    status, output = switch("changed")

    with subtest("switch.value"):
        t.assertEqual(status, 0, output)
        t.assertEqual(read("/run/secrets/app/token"), VALUES["token_changed"])

    with subtest("switch.try-restart"):
        t.assertEqual(seen("web"), [VALUES["token"], VALUES["token_changed"]])

    status, output = switch(None)

    with subtest("migration.back"):
        t.assertEqual(status, 0, output)
        t.assertEqual(read("/run/secrets/app/token"), VALUES["token"])
        t.assertEqual(read("/var/lib/web/token"), VALUES["token"])

    with subtest("migration.present"):
        machine.succeed("systemctl is-active watch.service")
        machine.succeed("rm /run/looked")
        machine.wait_for_file("/run/looked", timeout=60)
        machine.fail("cat /run/absent")
  '';
}
