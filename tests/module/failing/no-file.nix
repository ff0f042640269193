# error: sops.defaultSopsFile'
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    secrets.service = { };
  };
}
