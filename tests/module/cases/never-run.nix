# Activation scripts by request, where none would ever run.
{
  system.nixos-init.enable = true;
  system.activatable = false;
  systemd.sysusers.enable = true;
  users.mutableUsers = false;
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service = { };
    secrets.hash.neededForUsers = true;
    useSystemdActivation = false;
  };
}
