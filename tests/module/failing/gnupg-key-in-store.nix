# error: sops.gnupg.sshKeyPaths.
{ pkgs, ... }:
{
  sops = {
    gnupg.sshKeyPaths = [ "${pkgs.writeText "key" "private"}" ];
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service = { };
  };
}
