# NOT nixpkgs: as much of its `lib` as the module and its tests use, written anew from the documented behaviour, for
# machines that have no nixpkgs. It proves nothing about nixpkgs itself. `NIXPKGS_LIB=/path/to/nixpkgs/lib` runs the very
# same tests with the real one.
let
  lib = {
    # Those of Nix's own functions that nixpkgs' library hands on.
    inherit (builtins)
      add
      all
      any
      attrNames
      attrValues
      concatLists
      concatMap
      concatStringsSep
      elem
      elemAt
      filter
      foldl'
      genList
      groupBy
      head
      isAttrs
      isBool
      isFunction
      isInt
      isList
      isPath
      isString
      length
      listToAttrs
      map
      mapAttrs
      match
      replaceStrings
      stringLength
      substring
      tail
      ;
  }
  // import ./plain.nix lib
  // import ./options.nix lib
  // import ./definitions.nix lib
  // import ./modules.nix lib
  // {
    isStandIn = true;
    types = import ./types.nix lib;
    strings = {
      inherit (lib) isConvertibleWithToString sanitizeDerivationName;
    };
  };
in
lib
