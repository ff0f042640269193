# error: sops.defaultSopsFile' is used but not defined
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    secrets.service = { };
  };
}
