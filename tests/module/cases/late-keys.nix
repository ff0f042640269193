# Keys on file systems that are not there when the machine starts.
{
  services.userborn.enable = true;
  fileSystems = {
    "/" = { };
    "/mnt/stick".options = [ "nofail" ];
    "/persist" = { };
    "/kept".neededForBoot = true;
  };
  sops = {
    age.keyFile = "/mnt/stick/key.txt";
    age.sshKeyPaths = [
      "/persist/etc/ssh/key"
      "/kept/etc/ssh/key"
      "/etc/ssh/key"
    ];
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service = { };
    secrets.hash.neededForUsers = true;
  };
}
