# error: database
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.database.key = "database/port";
    secrets."database/port" = { };
  };
}
