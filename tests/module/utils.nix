# NOT NixOS: stand-ins for what the module takes from `nixos/lib/utils.nix`.
{ lib }:
let
  atBoot = [
    "/"
    "/nix"
    "/nix/store"
    "/var"
    "/var/log"
    "/var/lib"
    "/var/lib/nixos"
    "/etc"
    "/usr"
  ];
  escape =
    special: text:
    lib.replaceStrings special (map (c: "\\x${lib.substring 0 2 hex.${c}}") special) text;
  hex = {
    "-" = "2d";
    " " = "20";
    "@" = "40";
  };
in
{
  escapeSystemdPath =
    path:
    if path == "/" then
      "-"
    else
      lib.replaceStrings [ "/" ] [ "-" ] (escape (lib.attrNames hex) (lib.removePrefix "/" path));
  escapeSystemdExecArgs = lib.concatMapStringsSep " " (
    argument: lib.replaceStrings [ "%" "$" ] [ "%%" "$$" ] (builtins.toJSON "${argument}")
  );
  fsNeededForBoot = fs: fs.neededForBoot || lib.elem fs.mountPoint atBoot;
}
