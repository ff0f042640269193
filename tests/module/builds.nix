# The manifests of builds/, as derivations that the real agent checks while they are built.
{
  agent,
  nixpkgsLib ? ./lib,
}:
let
  lib = import nixpkgsLib;
  pkgs = import ./pkgs.nix { inherit agent lib; };
  evaluate = import ./evaluate.nix { inherit lib pkgs; };
in
lib.listToAttrs (
  map (
    file:
    lib.nameValuePair (lib.removeSuffix ".nix" file)
      (evaluate (./builds + "/${file}")).config.system.build.sops-nix-manifest
  ) (lib.filter (lib.hasSuffix ".nix") (lib.attrNames (builtins.readDir ./builds)))
)
