# Every option that ends up in the manifest, set to something else than its default.
{
  users.users.web.group = "web";
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    age.sshKeyPaths = [
      "/persist/etc/ssh/a%b"
      /persist/etc/ssh/literal
    ];
    defaultSopsFormat = "json";
    keepGenerations = 5;
    log = [ "secretChanges" ];
    machineRecipients = [ "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kudajqpdq3qc2lk" ];
    onFailure = "abort";
    useTmpfs = true;
    validateSopsFiles = false;
    secrets.a = {
      name = "renamed/a";
      sopsFile = "/persist/secrets/a.json";
      owner = "web";
      mode = "0440";
      path = "/var/lib/web/a";
      restartUnits = [ "web.service" ];
      reloadUnits = [ "proxy.service" ];
    };
    secrets.b = {
      sopsFile = "/persist/secrets/b.json";
      uid = 1234;
      gid = 4321;
    };
    secrets.c = {
      sopsFile = "/persist/secrets/b.json";
      owner = "elsewhere";
      group = "keys";
    };
  };
}
