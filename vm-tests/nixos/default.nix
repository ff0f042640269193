# The NixOS tests by name. Each is one virtual machine or a few, see ../README.md.
{
  pkgs ? import <nixpkgs> { },
  # sops-nix's flake, or anything with its `nixosModules.sops`: adds the tests that compare with it and that come from it.
  sopsNix ? null,
}:
let
  inherit (pkgs) lib;
  common = import ./common { inherit pkgs; };
  test = file: arguments: pkgs.testers.runNixOSTest (import file ({ inherit common; } // arguments));
in
lib.genAttrs [
  "boot"
  "broken"
  "clan-tree"
  "clan-vars"
  "drop-in"
  "dry-activate"
  "for-users"
  "generate-key"
  "initrd"
  "nixos-init"
  "owner-and-mode"
  "plugin"
  "prune"
  "restart"
  "sysusers"
  "templates"
  "units"
  "userborn"
] (name: test (./. + "/${name}.nix") { })
// lib.optionalAttrs (sopsNix != null) {
  # The same script on sops-nix's module, with its agent and with this one.
  drop-in-theirs = test ./drop-in.nix {
    module = sopsNix.nixosModules.sops;
    package = sopsNix.packages.${pkgs.stdenv.hostPlatform.system}.sops-install-secrets;
  };
  drop-in-swapped = test ./drop-in.nix { module = sopsNix.nixosModules.sops; };
  migration = test ./migration.nix { inherit sopsNix; };
}
