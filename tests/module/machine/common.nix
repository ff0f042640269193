# The machine: a web server whose user is made from a password hash that is itself a secret.
{ config, ... }:
let
  quickstart = ../../../examples/quickstart;
in
{
  system.activationScripts = {
    specialfs = "echo specialfs >> /run/order";
    # As NixOS's own, this makes users and groups, and does not fail for a hash that is missing.
    users.text = ''
      echo users >> /run/order
      printf 'root:x:0:\nweb:x:994:\nkeys:x:96:\n' > /etc/group
      printf 'root:x:0:0::/root:/bin/sh\nweb:x:995:994::/var/empty:/bin/false\n' > /etc/passwd
      printf 'web:%s:1::::::\n' "$(cat /run/secrets-for-users/hash)" > /etc/shadow
    '';
    groups = "echo groups >> /run/order";
    afterwards = {
      deps = [ "setupSecrets" ];
      text = "echo afterwards >> /run/order";
    };
  };
  users.users.web.group = "web";
  systemd.services.mailer = { };

  sops = {
    age.sshKeyPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
    defaultSopsFile = quickstart + "/services.yaml";
    machineRecipients = [
      (builtins.head (
        builtins.fromJSON (builtins.readFile (quickstart + "/sops/machines/demo/key.json"))
      )).publickey
    ];
    secrets = {
      hash = {
        neededForUsers = true;
        key = "database/password";
      };
      value = {
        owner = "web";
        mode = "0440";
        path = "/etc/web/value";
        restartUnits = [ "web.service" ];
      };
      "database/port".gid = 96;
      smtp = {
        format = "dotenv";
        key = "SMTP_PASSWORD";
        sopsFile = quickstart + "/mailer.env";
        credentialFor = [ "mailer" ];
      };
      whole = {
        format = "dotenv";
        sopsFile = quickstart + "/mailer.env";
      };
    };
    templates."web.conf" = {
      owner = "web";
      content = "port ${
        config.sops.placeholder."database/port"
      } password ${config.sops.placeholder.smtp}\n";
      reloadUnits = [ "proxy.service" ];
    };
  };
  imports = [ ./value.nix ];
}
