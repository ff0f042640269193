# Units of some of the cases as systemd would read them, with the real agent, and the file systems of these machines.
{
  agent,
  nixpkgsLib ? ./lib,
}:
let
  lib = import nixpkgsLib;
  pkgs = import ./pkgs.nix { inherit agent lib; };
  evaluate = import ./evaluate.nix { inherit lib pkgs; };
  filesOf = import ./unit-files.nix { inherit lib; };
  isOurs = name: _: lib.hasPrefix "sops-" name || lib.hasSuffix ".mount" name;

  # A line of /etc/fstab, as NixOS writes it.
  line =
    fs:
    let
      has = option: lib.elem option fs.options;
      device =
        if fs.fsType == "nfs4" then
          "server:/keys"
        else if has "bind" then
          "/somewhere"
        else
          "/dev/disk/by-label${fs.mountPoint}";
      type = if has "bind" then "none" else fs.fsType;
    in
    "${device} ${fs.mountPoint} ${type} ${lib.concatStringsSep "," fs.options} 0 0\n";
  isMounted = fs: fs.mountPoint != "/" && !fs.neededForBoot;
in
lib.genAttrs
  [
    "defaults"
    "far-links"
    "generate-key-late"
    "generate-key-stick"
    "generate-key-unit"
    "gnupg"
    "late-files"
    "late-keys"
    "options"
    "plugins"
    "sysusers"
    "userborn"
  ]
  (
    case:
    let
      inherit (evaluate (./cases + "/${case}.nix")) config;
    in
    {
      units = lib.filterAttrs isOurs (filesOf config);
      fstab = lib.concatStrings (map line (lib.filter isMounted (lib.attrValues config.fileSystems)));
    }
  )
