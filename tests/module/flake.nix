# NOT nixpkgs: what stands in for it when `nix flake check` is tested on machines without it.
{
  outputs = _: {
    lib = import ./lib;
    legacyPackages.x86_64-linux = import ./pkgs.nix { lib = import ./lib; };
    legacyPackages.aarch64-linux = import ./pkgs.nix { lib = import ./lib; };
  };
}
