# error: no sops
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service.sopsFile = ./plain.yaml;
  };
}
