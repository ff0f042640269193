# NOT nixpkgs: what stands in for `pkgs.testers.runNixOSTest`. Nothing is booted: every node and each of its specialisations is
# evaluated whole, and what would stop the real one (assertions, unknown options, wrong types) stops this one.
{ lib, pkgs }:
let
  evaluate =
    modules:
    (lib.evalModules {
      modules = [
        ./nixos.nix
        ./nixos-vm.nix
        { _module.args.pkgs = pkgs; }
      ]
      ++ modules;
    }).config;

  # What of a configuration is looked at to its last leaf. Defaults of sops.* that need not be set may stay unset.
  whole =
    config:
    builtins.deepSeq (lib.getAttrs [
      "boot"
      "environment"
      "services"
      "system"
      "systemd"
      "users"
      "warnings"
    ] config) config;

  checked =
    where: modules:
    let
      config = evaluate modules;
      complaints = map (assertion: assertion.message) (
        lib.filter (assertion: !assertion.assertion) config.assertions
      );
    in
    if complaints != [ ] then
      throw "${where}: ${lib.concatStringsSep "; " complaints}"
    else if config.warnings != [ ] then
      throw "${where}: ${lib.concatStringsSep "; " config.warnings}"
    else
      whole config;

  # The configurations of one node: that which is booted, and those it can switch to.
  configurations =
    name: module:
    let
      booted = checked name [ module ];
    in
    {
      inherit booted;
    }
    // lib.mapAttrs (
      child: specialisation:
      checked "${name}, specialisation ${child}" [
        module
        specialisation.configuration
        { specialisation = lib.mkOverride 0 { }; }
      ]
    ) booted.specialisation;

  # Those of the agent's module, which are checked when they are built.
  manifestsOf =
    config:
    lib.filter lib.isDerivation (
      map (name: config.system.build.${name} or null) [
        "sops-nix-manifest"
        "sops-nix-users-manifest"
      ]
    );
in
{
  runNixOSTest =
    test:
    let
      unknown = lib.attrNames (
        removeAttrs test [
          "name"
          "nodes"
          "testScript"
        ]
      );
      nodes = lib.mapAttrs configurations test.nodes;
      all = lib.concatMap lib.attrValues (lib.attrValues nodes);
    in
    if unknown != [ ] then
      throw "${test.name}: not known here: ${lib.concatStringsSep ", " unknown}"
    else
      derivation {
        name = "vm-test-run-${test.name}";
        system = "x86_64-linux";
        builder = "/not-for-building";
        manifests = lib.concatMap manifestsOf all;
      }
      // {
        inherit (test) name testScript;
        machines = lib.attrNames nodes;
        configurations = builtins.length all;
        manifests = lib.concatMap manifestsOf all;
      };
}
