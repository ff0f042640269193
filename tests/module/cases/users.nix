# Secrets for users where an activation script makes the users; both ways to ask for them.
{
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
