# `sops.age.generateKey`: the machine makes its own key, and what is then encrypted for it is installed.
{ common }:
let
  keyFile = "/var/lib/sops-nix/key.txt";
  sopsFile = "/var/lib/secrets.yaml";
in
{
  name = "sops-activate-generate-key";

  nodes.machine =
    { pkgs, ... }:
    {
      imports = [ common.module ];
      system.switch.enable = true;
      environment.systemPackages = [
        pkgs.age
        pkgs.sops
      ];
      sops = {
        age = {
          inherit keyFile;
          generateKey = true;
        };
        # The file is made on the machine.
        validateSopsFiles = false;
        secrets.late = { inherit sopsFile; };
      };
    };

  testScript = common.script ''
    machine.wait_for_unit("multi-user.target")

    with subtest("key.made"):
        t.assertEqual(placed("${keyFile}"), "root:root 600")
        recipient = run("age-keygen -y ${keyFile}")
        t.assertTrue(recipient.startswith("age1"))

    with subtest("key.opens"):
        machine.succeed(
            f"printf 'late: \"%s\"\\n' '{VALUES['late']}' | sops --disable-version-check --config /dev/null encrypt"
            f" --age {recipient} --input-type yaml --output-type yaml /dev/stdin > ${sopsFile}"
        )
        status, output = switch(None)
        t.assertEqual(status, 0, output)
        t.assertEqual(read("/run/secrets/late"), VALUES["late"])

    machine.shutdown()
    machine.start()
    machine.wait_for_unit("multi-user.target")

    with subtest("key.kept"):
        t.assertEqual(run("age-keygen -y ${keyFile}"), recipient)
        t.assertEqual(read("/run/secrets/late"), VALUES["late"])
  '';
}
