# A clan's machine gets every secret of the clan that is encrypted for it, without a line of configuration. The clan is
# that of examples/quickstart.
{ common }:
let
  clan = ../../examples/quickstart;
in
{
  name = "sops-activate-clan-tree";

  nodes.machine = {
    imports = [
      common.module
      # In a clan, clan-core gives these to every machine.
      ../../tests/module/beside/clan-settings.nix
      (common.key {
        source = clan + "/DEMO-ONLY-NOT-A-SECRET.ssh_host_ed25519_key";
        path = common.hostKey;
      })
    ];
    clan.core.settings.directory = clan;
    clan.core.settings.machine.name = "demo";
    clan.core.sops.secrets.wifi-psk.owner = "web";
    sops.age.sshKeyPaths = [ common.hostKey ];
    users.users.web = {
      isSystemUser = true;
      group = "web";
    };
    users.groups.web = { };
  };

  testScript = common.script ''
    machine.wait_for_unit("multi-user.target")

    with subtest("clan.tree"):
        t.assertEqual(run("find /run/secrets/ -type f -printf '%P\\n' | sort").split(), ["tls-key", "wifi-psk"])
        t.assertEqual(read("/run/secrets/wifi-psk"), "correct horse battery staple")
        t.assertIn("not a key at all", read("/run/secrets/tls-key"))

    with subtest("clan.owner"):
        t.assertEqual(placed("/run/secrets/wifi-psk"), "web:web 400")
        t.assertEqual(placed("/run/secrets/tls-key"), "root:root 400")
  '';
}
