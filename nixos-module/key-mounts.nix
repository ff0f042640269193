# The file systems that keys lie on, as far as NixOS knows them.
{
  config,
  lib,
  utils,
}:
keyPaths:
let
  fileSystems = lib.attrValues (config.fileSystems or { });
  holds = path: fs: fs.mountPoint == "/" || lib.hasPrefix "${fs.mountPoint}/" path;
  deepest =
    found: fs:
    if found == null || lib.stringLength fs.mountPoint > lib.stringLength found.mountPoint then
      fs
    else
      found;
  holderOf = path: lib.foldl' deepest null (lib.filter (holds path) fileSystems);
  isOn = wanted: path: holderOf path != null && wanted (holderOf path);

  isOptional =
    fs:
    lib.any (option: lib.elem option fs.options) [
      "nofail"
      "noauto"
    ];
in
{
  # Keys that nothing can read before local file systems are mounted.
  afterBoot = lib.filter (isOn (fs: !utils.fsNeededForBoot fs)) keyPaths;

  # Keys whose file systems have to be there; the others must not take away what another key opens.
  required = lib.filter (path: !isOn isOptional path) keyPaths;

  # The mount units of file systems that may come at any time.
  lateUnits = lib.unique (
    map (path: "${utils.escapeSystemdPath (holderOf path).mountPoint}.mount") (
      lib.filter (isOn isOptional) keyPaths
    )
  );
}
