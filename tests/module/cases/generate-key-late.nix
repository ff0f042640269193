# The key is made on a file system that comes after users are made: nothing before that waits for it.
{
  systemd.sysusers.enable = true;
  fileSystems = {
    "/" = { };
    "/persist" = { };
  };
  sops = {
    age.keyFile = "/persist/key.txt";
    age.generateKey = true;
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service = { };
    secrets.hash.neededForUsers = true;
  };
}
