# Who makes users on this machine. Older NixOS does not have all of these options.
{ config, options }:
rec {
  userborn = options.services ? userborn && config.services.userborn.enable;

  sysusers = options.systemd ? sysusers && config.systemd.sysusers.enable;

  # Else an activation script makes them.
  madeByUnit = userborn || sysusers;

  # nixos-init runs no activation script at all.
  bashless = options.system ? nixos-init && config.system.nixos-init.enable;
}
