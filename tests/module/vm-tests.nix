# The VM tests of vm-tests/nixos, evaluated: the script of each, and the manifests of all its configurations.
{
  # A directory with the agent's static binary in `bin`, and a PATH with sops, ssh-keygen and coreutils, to build manifests.
  agent ? null,
  tools ? null,
  nixpkgsLib ? ./lib,
  # Other tests than those of vm-tests/nixos.
  files ? [ ],
}:
let
  lib = import nixpkgsLib;
  pkgs = import ./pkgs.nix { inherit agent lib tools; };
  common = import ../../vm-tests/nixos/common { inherit pkgs; };
  tests =
    if files == [ ] then
      import ../../vm-tests/nixos {
        inherit pkgs;
        sopsNix = {
          nixosModules.sops = ./beside/sops-nix-options.nix;
          packages.x86_64-linux.sops-install-secrets = common.agent;
        };
      }
    else
      lib.listToAttrs (
        map (
          file:
          lib.nameValuePair (lib.removeSuffix ".nix" (baseNameOf file)) (
            pkgs.testers.runNixOSTest (import file { inherit common; })
          )
        ) files
      );
in
{
  # Of evaluation alone: the order of derivations that are never built matters to nobody.
  scripts = lib.mapAttrs (
    _: test:
    builtins.seq test.drvPath {
      inherit (test) configurations machines;
      # The file that it is in, as claims have it.
      file = lib.removePrefix "sops-activate-" test.name;
      script = builtins.unsafeDiscardStringContext test.testScript;
    }
  ) tests;

  manifests = lib.concatMap (test: test.manifests) (lib.attrValues tests);
}
