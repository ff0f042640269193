# The agent, for nixpkgs: `pkgsStatic.callPackage ./package.nix { }` gives the static binary.
{
  installShellFiles,
  lib,
  rustPlatform,
}:
let
  manifest = (lib.importTOML ./Cargo.toml).package;
in
rustPlatform.buildRustPackage {
  pname = manifest.name;
  inherit (manifest) version;

  src = lib.fileset.toSource {
    root = ./.;
    fileset = lib.fileset.unions [
      ./Cargo.lock
      ./Cargo.toml
      # Cargo wants to see what Cargo.toml names, though none of it is built.
      ./benches/activation
      ./build.rs
      ./src
      ./tests/cli.rs
      ./tests/faults/main.rs
      ./tests/fuzz/main.rs
    ];
  };
  cargoLock.lockFile = ./Cargo.lock;

  # The tests want root, mounts of their own and the real sops: `./check` runs them.
  doCheck = false;

  nativeBuildInputs = [ installShellFiles ];

  preBuild = ''
    export ASSETS_DIR=$PWD/assets
  '';

  postInstall = ''
    ln -s sops-activate "$out/bin/sops-install-secrets"
    installManPage assets/*.1
    installShellCompletion assets/sops-activate.{bash,fish} --zsh assets/_sops-activate
  '';

  meta = {
    inherit (manifest) description;
    license = lib.licenses.mit;
    mainProgram = "sops-activate";
    platforms = lib.platforms.linux;
  };
}
