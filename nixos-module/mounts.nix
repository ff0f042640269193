# The file systems that paths lie on, as far as NixOS knows them: which of them can be waited for, and which cannot.
{
  config,
  lib,
  utils,
}:
paths:
let
  # Of what others mount by a unit of their own, no more is known than this.
  byUnit = map (mount: {
    mountPoint = mount.where;
    options = lib.splitString "," mount.options;
    neededForBoot = false;
  }) (config.systemd.mounts or [ ]);
  fileSystems = lib.attrValues (config.fileSystems or { }) ++ byUnit;

  # A single file can be mounted too.
  holds =
    path: fs: fs.mountPoint == "/" || fs.mountPoint == path || lib.hasPrefix "${fs.mountPoint}/" path;
  deepest =
    found: fs:
    if found == null || lib.stringLength fs.mountPoint > lib.stringLength found.mountPoint then
      fs
    else
      found;
  holderOf = path: lib.foldl' deepest null (lib.filter (holds path) fileSystems);
  isOn = wanted: path: holderOf path != null && wanted (holderOf path);
  on = wanted: lib.filter (isOn wanted) paths;
  notOn = wanted: lib.filter (path: !isOn wanted path) paths;

  has = fs: lib.any (option: lib.elem option fs.options);
  isNetwork =
    fs:
    has fs [ "_netdev" ]
    || lib.elem (lib.removePrefix "fuse." (fs.fsType or "")) [
      "ceph"
      "cifs"
      "davfs"
      "glusterfs"
      "lustre"
      "nfs"
      "nfs4"
      "smb3"
      "sshfs"
    ];
  # It need not be there at all, or there is no network as long as secrets are not installed.
  comesAnyTime =
    fs:
    isNetwork fs
    || has fs [
      "nofail"
      "noauto"
    ];
  # Stage 1 mounts the others.
  isAfterBoot = fs: comesAnyTime fs || !utils.fsNeededForBoot fs;
  unitOf = path: "${utils.escapeSystemdPath (holderOf path).mountPoint}.mount";
in
{
  # What nobody can read before local file systems are mounted.
  afterBoot = on isAfterBoot;

  # What can be waited for.
  required = notOn comesAnyTime;

  # What must not be waited for: other keys may open all there is.
  late = on comesAnyTime;

  # What is there from the beginning, if at all, and what is not, by mount units.
  atBoot = notOn isAfterBoot;
  byMount = lib.groupBy unitOf (on isAfterBoot);
}
