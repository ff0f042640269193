# The one line that puts this module in the place of sops-nix's, when something else imports that one.
{
  imports = [ ../beside/sops-nix.nix ];
  disabledModules = [ ../beside/sops-nix.nix ];
  services.openssh.enable = true;
  sops.secrets.service.sopsFile = ../../../examples/quickstart/services.yaml;
}
