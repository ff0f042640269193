# A configuration without secrets: what the one before has installed is taken away at the switch. Links to it stay, and dangle.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  phases = import ./phases.nix {
    inherit
      config
      lib
      options
      pkgs
      ;
  };
  unneeded = lib.filter (phase: !phase.needed) [
    phases.users
    phases.services
  ];

  remove = phase: {
    name = lib.replaceStrings [ "install" ] [ "remove" ] phase.unit;
    value = {
      description = "Remove ${phase.description}";
      # At a switch, never at boot.
      wantedBy = [ "sysinit-reactivation.target" ];
      before = [
        "sysinit-reactivation.target"
        "shutdown.target"
      ];
      conflicts = [ "shutdown.target" ];
      unitConfig = {
        DefaultDependencies = false;
        ConditionPathIsMountPoint = phase.secretsMountPoint;
      };
      serviceConfig = {
        Type = "oneshot";
        # Whoever still reads a secret keeps it.
        ExecStart = [
          "${pkgs.coreutils}/bin/rm -f ${phase.symlinkPath}"
          "${pkgs.util-linux}/bin/umount --lazy ${phase.secretsMountPoint}"
        ];
      };
    };
  };
in
{
  systemd.services = lib.listToAttrs (map remove unneeded);
}
