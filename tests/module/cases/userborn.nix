# Secrets for users where userborn makes the users: units for both phases, and userborn runs again after a change.
{
  services.userborn.enable = true;
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
