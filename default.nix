# For those who do not use flakes: `(import sops-activate { }).nixosModules.default`, `nix-build -A sops-activate`.
{
  pkgs ? import <nixpkgs> { },
}:
{
  sops-activate = pkgs.pkgsStatic.callPackage ./package.nix { };
  nixosModules.default = ./nixos-module;
}
