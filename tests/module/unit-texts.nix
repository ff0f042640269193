# Units of some of the cases as systemd would read them, with the real agent.
{
  agent,
  nixpkgsLib ? ./lib,
}:
let
  lib = import nixpkgsLib;
  pkgs = import ./pkgs.nix { inherit agent lib; };
  evaluate = import ./evaluate.nix { inherit lib pkgs; };
  filesOf = import ./unit-files.nix { inherit lib; };
  isOurs = name: _: lib.hasPrefix "sops-" name || lib.hasPrefix "run-secrets" name;
in
lib.genAttrs
  [
    "defaults"
    "generate-key-unit"
    "gnupg"
    "late-keys"
    "options"
    "plugins"
    "userborn"
  ]
  (
    case:
    lib.mapAttrs (_: file: file.text) (
      lib.filterAttrs isOurs (filesOf (evaluate (./cases + "/${case}.nix")).config)
    )
  )
