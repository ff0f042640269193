# A NixOS that knows neither userborn nor sysusers nor nixos-init.
{
  disabledModules = [ ../nixos-newer.nix ];
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.hash.neededForUsers = true;
    secrets.service = { };
  };
}
