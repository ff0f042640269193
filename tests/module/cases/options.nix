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
    machineRecipients = [ "age1uese2s3c656a40j88764kny6k2gcrx9hvr0vrg4qeftrer87aelqcjjhau" ];
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
