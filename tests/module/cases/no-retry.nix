# Nobody waits for keys: with activation scripts there is no unit then.
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    retryWhenKeyAppears = false;
    secrets.service = { };
  };
}
