# `sops.age.plugins`: plugins are declared and not used yet. What only a plugin opens is named, and so is the plugin; all
# that another key opens is installed.
{ common }:
{
  name = "sops-activate-plugin";

  nodes.machine = {
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
  };

  testScript = common.script ''
    machine.wait_for_unit("multi-user.target")
    said = journal()

    with subtest("plugin.named"):
        t.assertRegex(said, "snippet .?setupSecrets.? failed .3.")
        t.assertIn("cannot decrypt secret 'plugin'", said)
        t.assertIn("age-plugin-toy", said)
        machine.fail("test -e /run/secrets/plugin")

    with subtest("plugin.others"):
        t.assertEqual(read("/run/secrets/app/token"), VALUES["token"])
        t.assertEqual(hash_of("web"), VALUES["hash"])
  '';
}
