# NOT nixpkgs: packages for the tests. Those that only their path matters of cannot be built; text files can.
{
  lib,
  # A directory with the agent's static binary in `bin`; without it the agent's package is one more that cannot be built.
  agent ? null,
  # The PATH of programs of this machine that `runCommand` builds with, which needs a Nix without its sandbox.
  tools ? null,
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
  canBeBuilt = package: package.builder or null != "/not-for-building";

  pkgs = {
    inherit lib;

    age = mere "age-1.2.1" { pname = "age"; };
    age-plugin-tpm = mere "age-plugin-tpm-1.0.0" { meta.mainProgram = "age-plugin-tpm"; };
    coreutils = mere "coreutils-9.8" { };
    gnupg = mere "gnupg-2.4.8" { };
    openssh = mere "openssh-10.2" { };
    runtimeShell = "${mere "bash-5.3" { }}/bin/bash";
    sops = mere "sops-3.11.0" { };
    systemd = mere "systemd-258" { };
    util-linux = mere "util-linux-2.41" { };
    nixfmt-tree = mere "nixfmt-tree-1.0" { };

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
        # In the sandbox that is a static busybox.
        builder = "/bin/sh";
        args = [
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

    writeShellScript = name: text: pkgs.writeTextFile { inherit name text; };

    runCommand =
      name: environment: command:
      derivation (
        removeAttrs environment [
          "meta"
          "nativeBuildInputs"
        ]
        // {
          inherit name system;
          builder = if tools == null then "/not-for-building" else "/bin/bash";
          PATH = "${
            lib.makeBinPath (lib.filter canBeBuilt (environment.nativeBuildInputs or [ ]))
          }:${toString tools}";
          args = [
            "-euc"
            # Were the last program of the command the builder itself, Nix could kill it between its last word and its end.
            "${command}\nexit 0"
          ];
        }
      )
      // {
        meta = environment.meta or { };
      };

    testers = import ./testers.nix { inherit lib pkgs; };

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
        builtins.path {
          path = agent;
          name = "sops-activate";
        };
  };
in
pkgs
