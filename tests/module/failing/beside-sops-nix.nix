# error: is already declared
{
  imports = [ ../beside/sops-nix.nix ];
  services.openssh.enable = true;
}
