# One damaged sops file in a switch takes nothing else away.
{ common }:
{
  name = "sops-activate-broken";

  nodes.machine = {
    imports = [
      common.module
      common.machine
    ];
    specialisation = {
      broken.configuration = {
        imports = [ common.changed ];
        # Else the system would not be built.
        sops.validateSopsFiles = false;
        sops.secrets.smtp.sopsFile = "${common.files}/damaged.env";
      };
      repaired.configuration = common.changed;
    };
  };

  testScript = common.script ''
    machine.wait_for_unit("multi-user.target")
    smtp = read("/run/secrets/smtp")
    status, output = switch("broken")

    with subtest("broken.exit"):
        t.assertNotEqual(status, 0, output)
        t.assertRegex(output, "snippet .?setupSecrets.? failed .3.")

    with subtest("broken.names"):
        t.assertIn("secret 'smtp'", output)
        t.assertIn("damaged.env", output)

    with subtest("broken.others"):
        t.assertEqual(read("/run/secrets/app/token"), VALUES["token_changed"])
        t.assertEqual(read("/run/secrets/new"), VALUES["new"])

    with subtest("broken.stale"):
        t.assertEqual(read("/run/secrets/smtp"), smtp)
        t.assertEqual(placed("/run/secrets/smtp"), "web:root 400")

    with subtest("broken.repaired"):
        status, output = switch("repaired")
        t.assertEqual(status, 0, output)
        t.assertEqual(read("/run/secrets/smtp"), smtp)
  '';
}
