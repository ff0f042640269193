# good: files outside the store, which the build cannot look at.
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    validateSopsFiles = false;
    secrets.service.sopsFile = "/persist/secrets.yaml";
  };
}
