# Every configuration under cases/, evaluated. `tests/module/run` compares the answers with golden/.
{
  nixpkgsLib ? null,
  nixpkgs ? null,
}:
let
  lib =
    if nixpkgs != null then
      import "${nixpkgs}/lib"
    else if nixpkgsLib != null then
      import nixpkgsLib
    else
      import ./lib;
  stubs = import ./pkgs.nix { inherit lib; };
  # Of packages, only the names matter.
  pkgs =
    if nixpkgs == null then
      stubs
    else
      import nixpkgs { }
      // lib.getAttrs [
        "age"
        "age-plugin-tpm"
        "coreutils"
        "gnupg"
        "pkgsStatic"
        "runtimeShell"
        "util-linux"
      ] stubs;
  evaluate = import ./evaluate.nix { inherit lib nixpkgs pkgs; };
  casesIn =
    directory:
    lib.listToAttrs (
      map (file: lib.nameValuePair (lib.removeSuffix ".nix" file) (evaluate (directory + "/${file}"))) (
        lib.filter isCase (lib.attrNames (builtins.readDir directory))
      )
    );
  # A given nixpkgs is as new as it is.
  isCase = file: lib.hasSuffix ".nix" file && (nixpkgs == null || file != "older-nixos.nix");

  # nixpkgs says where an option with an old name was set.
  withoutFile =
    warning:
    let
      parts = builtins.match "(The option `[^']*') defined in .*(has been renamed .*)" warning;
    in
    if parts == null then warning else lib.concatStringsSep " " parts;
in
{
  inherit lib pkgs;
  cases = casesIn ./cases;
  failing = casesIn ./failing;

  # What is compared. A configuration with complaints would not be built, so that nothing else of it matters.
  answers = lib.mapAttrs (
    _: case:
    {
      inherit (case) complaints defaultGroups;
      warnings = map withoutFile case.warnings;
    }
    // lib.optionalAttrs (case.complaints == [ ]) {
      inherit (case) manifests snippets units;
    }
  ) (casesIn ./cases);
}
