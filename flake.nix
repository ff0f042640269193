{
  description = "Decrypts a NixOS machine's sops secrets at boot and activation and switches to them atomically";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  # For the tests that compare with it and that come from it; whoever runs none of them never fetches its modules.
  inputs.sops-nix.url = "github:Mic92/sops-nix";
  inputs.sops-nix.inputs.nixpkgs.follows = "nixpkgs";

  outputs =
    {
      self,
      nixpkgs,
      sops-nix,
    }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "aarch64-linux"
        "x86_64-linux"
      ];
      forEachSystem = f: lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
    in
    {
      nixosModules = {
        default = ./nixos-module;
        sops = self.nixosModules.default;
      };

      packages = forEachSystem (pkgs: rec {
        sops-activate = pkgs.pkgsStatic.callPackage ./package.nix { };
        default = sops-activate;
      });

      checks = forEachSystem (
        pkgs:
        {
          package = self.packages.${pkgs.stdenv.hostPlatform.system}.default;
          # The configurations of tests/module, evaluated with this nixpkgs' library.
          module = pkgs.writeText "module-cases.json" (
            builtins.unsafeDiscardStringContext (
              builtins.toJSON (import ./tests/module { nixpkgsLib = nixpkgs + "/lib"; }).answers
            )
          );
        }
        // lib.mapAttrs' (name: lib.nameValuePair "vm-${name}") (
          import ./vm-tests/nixos {
            inherit pkgs;
            sopsNix = sops-nix;
          }
        )
      );

      formatter = forEachSystem (pkgs: pkgs.nixfmt-tree or pkgs.nixfmt-rfc-style);
    };
}
