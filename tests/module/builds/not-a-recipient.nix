# error: encrypted for
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    machineRecipients = [ "age1uese2s3c656a40j88764kny6k2gcrx9hvr0vrg4qeftrer87aelqcjjhau" ];
    secrets."database/port" = { };
  };
}
