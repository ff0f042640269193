# What the NixOS tests have in common: encrypted files and their keys, the machine that they boot, the beginning of their scripts.
{ pkgs }:
let
  inherit (pkgs) lib;
  agent = pkgs.pkgsStatic.callPackage ../../../package.nix { };
  values = import ./values.nix;
  key = import ./key.nix;
in
rec {
  inherit agent key values;

  # The agent's module. Where sops-nix's is tested, it takes this one's place.
  module = ../../../nixos-module;

  # An age plugin that encrypts nothing.
  plugin = pkgs.runCommand "age-plugin-toy" { meta.mainProgram = "age-plugin-toy"; } ''
    install -D ${./age-plugin-toy} "$out/bin/age-plugin-toy"
  '';

  files = pkgs.runCommand "files-for-tests" {
    nativeBuildInputs = [
      agent
      pkgs.openssh
      pkgs.sops
      plugin
    ];
  } (lib.toShellVars values + "\n" + builtins.readFile ./make-files);

  # Where the machine's own key lies, and what puts it there in time.
  hostKey = "/var/lib/ssh/ssh_host_ed25519_key";
  withHostKey = key {
    source = "${files}/ssh_host_ed25519_key";
    path = hostKey;
  };

  # The machine of most of the tests, without a module that installs its secrets.
  machine = import ./machine.nix { inherit files hostKey withHostKey; };

  # The second generation of that machine.
  changed = import ./changed.nix { inherit files; };

  # The agent's units and the one that makes users take their time, so that an order that no unit asks for does not come by luck.
  slow = import ./slow.nix;

  # What holds wherever the service `maker` makes the users.
  ordered = maker: "MAKER = ${builtins.toJSON maker}\n" + builtins.readFile ./ordered.py;

  # What holds of a switch to `changed` wherever units install the secrets.
  switched = builtins.readFile ./switched.py;

  script =
    text:
    lib.concatStrings [
      "VALUES: dict[str, str] = ${builtins.toJSON values}\n"
      (builtins.readFile ./prelude.py)
      text
    ];
}
