# The third generation: one secret cannot be installed as it is declared.
{
  imports = [ ./changed.nix ];
  sops.secrets.smtp = {
    owner = "nobody-here";
    group = "nobody-here";
  };
}
