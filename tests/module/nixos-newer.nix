# NOT NixOS: stand-ins for options that older NixOS does not have, in a file of their own so that a case can do without.
{ lib, ... }:
let
  off = lib.mkOption {
    type = lib.types.bool;
    default = false;
  };
in
{
  options = {
    services.userborn.enable = off;
    systemd.sysusers.enable = off;
    system.activatable = off // {
      default = true;
    };
    system.nixos-init.enable = off;
  };
}
