# error: sops.secrets.service.ownr' does not exist
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service.ownr = "web";
  };
}
