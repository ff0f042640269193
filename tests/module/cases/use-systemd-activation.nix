# Units by request, though an activation script makes the users: the secrets for users keep theirs too.
{
  sops = {
    useSystemdActivation = true;
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
