# The key is made on a file system that may never come: nobody waits for it.
{
  systemd.sysusers.enable = true;
  fileSystems = {
    "/" = { };
    "/mnt/stick".options = [ "nofail" ];
  };
  sops = {
    age.keyFile = "/mnt/stick/key.txt";
    age.generateKey = true;
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service = { };
  };
}
