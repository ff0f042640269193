# error: /etc/x
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets."database/port".path = "/etc/x";
    secrets."database/password".path = "/etc/x";
  };
}
