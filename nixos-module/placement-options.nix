# Options that secrets and templates have in common: owner, mode, units.
{
  lib,
  # "secret" or "template"
  noun,
  # The whole configuration's users.users
  users,
  # The secret or template itself
  self,
}:
let
  inherit (lib) mkOption types;

  id = what: {
    type = types.nullOr types.int;
    default = 0;
    description = "The ${what} by number, which need not be known to the machine. Counts if there is no name.";
  };

  unitNames =
    verb:
    mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "sshd.service" ];
      description = "Units to ${verb} after the content, the owner or the mode of this ${noun} has changed.";
    };
in
{
  mode = mkOption {
    type = types.str;
    default = "0400";
    description = "The permissions of the file in octal, up to `0777`. The file gets exactly these.";
  };

  owner = mkOption {
    type = types.nullOr types.str;
    default = null;
    description = "The owner of the file by name. Excludes `uid`. `null` stands for `uid`.";
  };

  uid = mkOption (id "owner");

  group = mkOption {
    type = types.nullOr types.str;
    default = if self.owner != null then users.${self.owner}.group or null else null;
    defaultText = lib.literalMD "the group of `owner` in {option}`users.users`";
    description = "The group of the file by name. Excludes `gid`. `null` stands for `gid`.";
  };

  gid = mkOption (id "group");

  restartUnits = unitNames "restart";

  reloadUnits = unitNames "reload";
}
