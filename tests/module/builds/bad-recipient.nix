# error: age1nonsense
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    machineRecipients = [ "age1nonsense" ];
    secrets."database/port" = { };
  };
}
