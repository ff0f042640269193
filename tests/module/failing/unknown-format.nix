# error: sops.secrets.service.format' is not of type
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service.format = "xml";
  };
}
