# `sops.age.plugins`: what only a plugin opens is installed beside what another key opens. Taken from the list, the plugin is not
# started, and the secret says what is missing.
{ common }:
{
  name = "sops-activate-plugin";

  nodes.machine =
    { lib, ... }:
    {
      imports = [
        common.module
        common.machine
        (common.key {
          source = "${common.files}/plugin.txt";
          path = "/var/lib/ssh/plugin.txt";
        })
      ];
      sops = {
        age.keyFile = "/var/lib/ssh/plugin.txt";
        age.plugins = [ common.plugin ];
        secrets.plugin.sopsFile = "${common.files}/plugin.yaml";
      };
      specialisation.without.configuration.sops.age.plugins = lib.mkForce [ ];
    };

  testScript = common.script ''
    machine.wait_for_unit("multi-user.target")

    with subtest("plugin.opens"):
        t.assertEqual(read("/run/secrets/plugin"), VALUES["plugin"])

    with subtest("plugin.others"):
        t.assertEqual(read("/run/secrets/app/token"), VALUES["token"])
        t.assertEqual(hash_of("web"), VALUES["hash"])

    with subtest("plugin.named"):
        code, said = switch("without")
        t.assertNotEqual(code, 0)
        t.assertIn("cannot decrypt secret 'plugin'", said)
        t.assertIn("add age-plugin-toy to sops.age.plugins", said)
        t.assertEqual(read("/run/secrets/plugin"), VALUES["plugin"])
  '';
}
