# One machine in three generations, with the real agent: what NixOS would run at activation, and the manifests to build.
{
  agent,
  nixpkgsLib ? ../lib,
}:
let
  lib = import nixpkgsLib;
  pkgs = import ../pkgs.nix { inherit agent lib; };
  evaluate = import ../evaluate.nix { inherit lib pkgs; };

  generation =
    module:
    let
      inherit
        (evaluate {
          imports = [
            ./common.nix
            module
          ];
        })
        config
        ;
      snippet = name: value: {
        inherit name;
        deps = value.deps or [ ];
        text = value.text or value;
        dry = value.supportsDryActivation or (name == "users");
      };
    in
    {
      snippets = lib.mapAttrsToList snippet config.system.activationScripts;
      # What the unit of the same machine would start.
      unit = config.systemd.services.sops-install-secrets.serviceConfig.ExecStart;
      manifests = [
        config.system.build.sops-nix-manifest
        config.system.build.sops-nix-users-manifest
      ];
    };
in
lib.mapAttrs (_: generation) {
  first = { };
  changed = ./changed.nix;
  broken = ./broken.nix;
}
