# error: No such file
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets."database/port".sopsFile = "${
      builtins.path { path = ../../../examples/quickstart/etc; }
    }/nope.yaml";
  };
}
