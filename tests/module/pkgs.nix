# NOT nixpkgs: packages for the tests. Those that only their path matters of cannot be built; text files can.
{
  lib,
  # The static binary of the agent; without it the agent's package is one more that cannot be built.
  agent ? null,
  # A static busybox, for builds.
  busybox ? null,
}:
let
  system = "x86_64-linux";
  mere =
    name: extra:
    derivation {
      inherit system name;
      builder = "/not-for-building";
    }
    // extra;

  pkgs = {
    age = mere "age-1.2.1" { pname = "age"; };
    age-plugin-tpm = mere "age-plugin-tpm-1.0.0" { meta.mainProgram = "age-plugin-tpm"; };
    coreutils = mere "coreutils-9.8" { };
    gnupg = mere "gnupg-2.4.8" { };

    stdenv = {
      buildPlatform.system = system;
      hostPlatform.system = system;
    };

    # As nixpkgs' one: the text lands in the file, then the check runs, and the build fails with it.
    writeTextFile =
      {
        name,
        text,
        checkPhase ? "",
      }:
      derivation {
        inherit
          checkPhase
          name
          system
          text
          ;
        passAsFile = [ "text" ];
        builder = if busybox == null then "/bin/sh" else builtins.path { path = busybox; name = "busybox"; };
        args = [
          (if busybox == null then "-e" else "sh")
          "-ec"
          ''
            while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done < "$textPath" > "$out"
            eval "$checkPhase"
          ''
        ];
      }
      // {
        inherit text;
      };
    writeText = name: text: pkgs.writeTextFile { inherit name text; };

    callPackage =
      file: overrides:
      let
        function = import file;
        wanted = builtins.intersectAttrs (builtins.functionArgs function) (pkgs // { inherit lib; });
      in
      function (wanted // overrides);
    pkgsStatic = pkgs;
    pkgsBuildHost = pkgs;
    installShellFiles = mere "install-shell-files" { };
    rustPlatform.buildRustPackage =
      arguments:
      if agent == null then
        mere "${arguments.pname}-${arguments.version}" { inherit (arguments) meta; }
      else
        packed;
  };

  packed = derivation {
    inherit system;
    name = "sops-activate";
    builder = builtins.path { path = busybox; name = "busybox"; };
    args = [
      "sh"
      "-ec"
      ''
        box=$0
        "$box" mkdir -p "$out/bin"
        "$box" cp ${builtins.path { path = agent; name = "sops-activate"; }} "$out/bin/sops-activate"
        "$box" chmod 0555 "$out/bin/sops-activate"
      ''
    ];
  };
in
pkgs
