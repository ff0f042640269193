# NOT NixOS: stand-ins for what the nodes of the VM tests (vm-tests/nixos) set beyond nixos.nix, and for the assertions of
# NixOS that they could run into. Names and types as in nixos-unstable of autumn 2025.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  off = option types.bool false;
  madeByUnit = config.services.userborn.enable || config.systemd.sysusers.enable;
in
{
  options = {
    boot = {
      initrd.systemd.enable = off;
      postBootCommands = option types.lines "";
    };
    environment.systemPackages = option (types.listOf types.package) [ ];
    specialisation = option (types.attrsOf (
      types.submodule {
        options = {
          configuration = option types.raw { };
          inheritParentConfig = option types.bool true;
        };
      }
    )) { };
    system = {
      etc.overlay.enable = off;
      etc.overlay.mutable = option types.bool true;
      switch.enable = off;
    };
  };

  config = {
    # As every virtual machine has them.
    boot.postBootCommands = "register the paths of the store";
    fileSystems."/" = { };

    assertions = [
      {
        assertion = config.specialisation != { } -> config.system.switch.enable;
        message = "the script could not switch: system.switch.enable is off";
      }
      {
        assertion = !(config.services.userborn.enable && config.systemd.sysusers.enable);
        message = "userborn and systemd-sysusers cannot both make the users";
      }
      {
        assertion = config.system.etc.overlay.enable -> config.boot.initrd.systemd.enable;
        message = "system.etc.overlay.enable needs boot.initrd.systemd.enable";
      }
      {
        assertion = !config.system.etc.overlay.mutable -> madeByUnit;
        message = "an immutable /etc needs userborn or systemd-sysusers";
      }
    ]
    ++
      map
        (needed: {
          assertion = config.system.nixos-init.enable -> needed.is;
          message = "system.nixos-init.enable needs ${needed.what}";
        })
        [
          {
            what = "boot.initrd.systemd.enable";
            is = config.boot.initrd.systemd.enable;
          }
          {
            what = "system.etc.overlay.enable";
            is = config.system.etc.overlay.enable;
          }
          {
            what = "userborn or systemd-sysusers";
            is = madeByUnit;
          }
          {
            what = "boot.postBootCommands to be empty";
            is = config.boot.postBootCommands == "";
          }
        ]
    ++ lib.mapAttrsToList (name: user: {
      assertion = user.isSystemUser != user.isNormalUser;
      message = "users.users.${name}: exactly one of isSystemUser and isNormalUser has to be set";
    }) config.users.users
    ++ lib.mapAttrsToList (name: user: {
      assertion = config.users.groups ? ${user.group};
      message = "users.users.${name}: there is no group '${user.group}'";
    }) config.users.users
    ++ lib.mapAttrsToList (name: user: {
      assertion = config.systemd.sysusers.enable -> user.isSystemUser;
      message = "users.users.${name}: systemd-sysusers makes system users only";
    }) config.users.users;
  };
}
