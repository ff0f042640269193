# error: sops.age.sshKeyPaths.
{ pkgs, ... }:
{
  sops = {
    age.sshKeyPaths = [ (pkgs.writeText "key" "private") ];
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service = { };
  };
}
