# Vars of clan: what clan-core sets of `sops.*` for them, and where it says that they are found.
{ common }:
{
  name = "sops-activate-clan-vars";

  nodes.machine =
    { config, ... }:
    {
      imports = [
        common.module
        common.withHostKey
      ];
      sops = {
        age.sshKeyPaths = [ common.hostKey ];
        secrets."vars/per-machine/machine/wifi/psk" = {
          owner = "root";
          group = "root";
          mode = "0400";
          neededForUsers = false;
          format = "binary";
          sopsFile = "${common.files}/vars/per-machine/machine/wifi/psk/secret";
        };
        secrets."vars/shared/root/hash" = {
          owner = "root";
          group = "root";
          mode = "0400";
          neededForUsers = true;
          format = "binary";
          sopsFile = "${common.files}/vars/shared/root/hash/secret";
        };
        # The same in this module's own words.
        secrets."vars/shared/other/hash" = {
          neededFor = "users";
          format = "binary";
          sopsFile = "${common.files}/vars/shared/root/hash/secret";
        };
      };
      users.users.web = {
        isSystemUser = true;
        group = "web";
        hashedPasswordFile = config.sops.secrets."vars/shared/root/hash".path;
      };
      users.groups.web = { };
    };

  testScript = common.script ''
    machine.wait_for_unit("multi-user.target")

    with subtest("clan.vars"):
        t.assertEqual(read("/run/secrets/vars/per-machine/machine/wifi/psk"), VALUES["var"])
        for generator in ["root", "other"]:
            t.assertEqual(read(f"/run/secrets-for-users/vars/shared/{generator}/hash"), VALUES["hash"])

    with subtest("first.hash"):
        t.assertEqual(hash_of("web"), VALUES["hash"])
  '';
}
