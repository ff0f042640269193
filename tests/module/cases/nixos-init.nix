# nixos-init runs no activation script: units, without being asked.
{
  system.nixos-init.enable = true;
  system.activatable = false;
  systemd.sysusers.enable = true;
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.hash.neededForUsers = true;
    secrets.other-hash = {
      neededFor = "users";
      path = "/etc/other-hash";
    };
    secrets.service.neededFor = "services";
  };
}
