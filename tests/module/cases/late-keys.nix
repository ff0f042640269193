# Keys on file systems that are not there when the machine starts: one that has to come, ones that may come at any time, one of the
# network, one that somebody mounts by a unit, and a single file.
{
  services.userborn.enable = true;
  fileSystems = {
    "/" = { };
    "/mnt/stick".options = [ "nofail" ];
    "/mnt/drawer".options = [
      "noauto"
      "x-systemd.automount"
    ];
    "/persist" = { };
    "/kept".neededForBoot = true;
    "/net".fsType = "nfs4";
    "/san".options = [ "_netdev" ];
    "/etc/ssh/bound".options = [
      "bind"
      "nofail"
    ];
  };
  systemd.mounts = [
    {
      what = "/persist/keys";
      where = "/own";
      type = "none";
      options = "bind";
      wantedBy = [ "local-fs.target" ];
      before = [ "local-fs.target" ];
    }
  ];
  sops = {
    age.keyFile = "/mnt/stick/key.txt";
    age.sshKeyPaths = [
      "/mnt/drawer/key"
      "/persist/etc/ssh/key"
      "/kept/etc/ssh/key"
      "/net/key"
      "/san/key"
      "/own/key"
      "/etc/ssh/bound"
      "/etc/ssh/key"
    ];
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service.restartUnits = [ "web.service" ];
    secrets.hash.neededForUsers = true;
  };
}
