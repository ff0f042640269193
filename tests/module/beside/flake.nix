# NOT sops-nix: what stands in for it when `nix flake check` is tested.
{
  inputs.nixpkgs.url = "path:..";

  outputs =
    { nixpkgs, ... }:
    let
      agent = system: nixpkgs.legacyPackages.${system}.runCommand "sops-install-secrets" { } "";
    in
    {
      nixosModules.sops = ./sops-nix-options.nix;
      packages.x86_64-linux.sops-install-secrets = agent "x86_64-linux";
      packages.aarch64-linux.sops-install-secrets = agent "aarch64-linux";
    };
}
