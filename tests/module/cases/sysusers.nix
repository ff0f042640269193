# Secrets for users where systemd-sysusers makes the users: units for both phases.
{
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
