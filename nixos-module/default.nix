# The NixOS module of sops-activate: the options of sops-nix, clan's secrets by themselves, and what runs the agent.
{ lib, ... }:
let
  old = lib.mkRenamedOptionModule;
in
{
  imports = [
    ./options.nix
    ./key-options.nix
    ./secrets.nix
    ./templates.nix
    ./assertions.nix
    ./units.nix
    ./retry.nix
    ./removal.nix
    ./activation.nix
    ./credentials.nix
    ./clan.nix
    (old [ "sops" "gnupgHome" ] [ "sops" "gnupg" "home" ])
    (old [ "sops" "sshKeyPaths" ] [ "sops" "gnupg" "sshKeyPaths" ])
  ];
}
