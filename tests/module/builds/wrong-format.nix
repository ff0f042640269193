# error: JSON is invalid
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service = {
      key = "database/port";
      format = "json";
    };
  };
}
