# error: cannot render template 'strange'
{ pkgs, config, ... }:
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets."database/port" = { };
    secrets.hash = {
      neededForUsers = true;
      key = "database/password";
    };
    # Only the agent looks into files.
    templates.strange.file = pkgs.writeText "strange" config.sops.placeholder.hash;
  };
}
