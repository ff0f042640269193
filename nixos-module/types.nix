# Types that nixpkgs does not have.
{ lib }:
let
  inStore = path: path == builtins.storeDir || lib.hasPrefix "${builtins.storeDir}/" path;
in
{
  # Where a private key lies on the machine. Everybody can read the Nix store, so nothing that is in it, or that Nix would
  # copy there, is a place for a key. A path literal outside the store becomes a plain string: it is never copied.
  keyPath = lib.mkOptionType {
    name = "pathNotInStore";
    description = "path not in the Nix store";
    descriptionClass = "noun";
    check =
      value:
      (builtins.isPath value || lib.isStringLike value)
      && (
        let
          path = toString value;
        in
        lib.hasPrefix "/" path && !inStore path && !builtins.hasContext path
      );
    merge = loc: defs: toString (lib.mergeEqualOption loc defs);
  };
}
