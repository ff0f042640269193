# The unit that makes the age key of a machine. It waits for the file system of the key, so that whoever cannot wait for that does not
# wait for the key either.
{
  byUnit,
  cfg,
  lib,
  mountsOf,
  pkgs,
  utils,
}:
let
  inherit (cfg.age) keyFile;
  mounts = mountsOf [ keyFile ];
  path = lib.replaceStrings [ "%" ] [ "%%" ] keyFile;
  new = "${keyFile}.new";

  canWait = phase: mounts.late == [ ] && (mounts.afterBoot == [ ] || !phase.beforeUsers);
in
{
  description = "Make the age key of this machine";
  wantedBy = lib.optionals (mounts.late != [ ]) (lib.attrNames mounts.byMount);
  before = map (phase: "${phase.unit}.service") (lib.filter canWait byUnit) ++ [ "shutdown.target" ];
  after = [ "systemd-remount-fs.service" ];
  conflicts = [ "shutdown.target" ];
  unitConfig = {
    DefaultDependencies = false;
    # An empty file is what is left of a power cut.
    ConditionFileNotEmpty = "!${path}";
    RequiresMountsFor = [ path ];
  };
  serviceConfig = {
    Type = "oneshot";
    TimeoutStartSec = "90s";
    # Others may have to pass through the directories. The key itself is made for root alone, and appears whole or not at all.
    UMask = "0022";
    ExecStart = map utils.escapeSystemdExecArgs [
      [
        "${pkgs.coreutils}/bin/mkdir"
        "-p"
        (dirOf keyFile)
      ]
      [
        "${pkgs.coreutils}/bin/rm"
        "-f"
        new
      ]
      [
        "${pkgs.age}/bin/age-keygen"
        "-o"
        new
      ]
      [
        "${pkgs.coreutils}/bin/sync"
        new
      ]
      [
        "${pkgs.coreutils}/bin/mv"
        "-T"
        new
        keyFile
      ]
    ];
  };
}
