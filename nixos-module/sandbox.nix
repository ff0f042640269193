# What the agent's units may do: write secrets and the links to them, read keys, talk to systemd. Nothing else.
#
# Most of it gives the unit a mount namespace of its own, from which no mount would reach the machine. So the memory file
# system is a mount unit; where the agent has to mount by itself (tmpfs, whose options depend on the kernel), only
# the part that needs no namespace remains.
{
  cfg,
  lib,
  pkgs,
  utils,
}:
phase:
let
  mountsItself = cfg.useTmpfs;
  startsPlugins = cfg.age.plugins != [ ];
  startsGnupg = cfg.gnupg.home != null || cfg.gnupg.sshKeyPaths != [ ];

  isBelow = directories: path: lib.any (directory: lib.hasPrefix "${directory}/" path) directories;
  isHome = isBelow [
    "/home"
    "/root"
    "/run/user"
  ];
  # `/var/lib/app/token` -> `/var`: what lies below it may have to be made first.
  topOf = path: "/${lib.head (lib.splitString "/" (lib.removePrefix "/" path))}";
  writable = lib.unique (
    [ "/run" ]
    ++ map topOf phase.linkPaths
    ++ lib.optional (cfg.gnupg.home != null) (topOf cfg.gnupg.home)
  );

  # Every NixOS has these.
  missing = lib.filter (
    directory:
    !lib.elem directory [
      "/etc"
      "/home"
      "/root"
      "/run"
      "/tmp"
      "/var"
    ]
  ) writable;

  everywhere = {
    CapabilityBoundingSet = [
      "CAP_CHOWN"
      "CAP_DAC_OVERRIDE"
      "CAP_DAC_READ_SEARCH"
      "CAP_FOWNER"
      "CAP_IPC_LOCK"
      "CAP_SETGID"
      "CAP_SETUID"
    ]
    ++ lib.optional mountsItself "CAP_SYS_ADMIN";
    LockPersonality = true;
    NoNewPrivileges = true;
    RestrictAddressFamilies = [ "AF_UNIX" ];
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    SystemCallArchitectures = "native";
    SystemCallFilter = [ "@system-service" ] ++ lib.optional mountsItself "@mount";
    SystemCallErrorNumber = "EPERM";
    UMask = "0077";
  };

  inNamespace = {
    # Directories that the machine does not have are no reason to fail.
    ReadWritePaths = map (path: "-${path}") writable;
    ProtectSystem = "strict";
    # Keys and sops files may lie there, also behind links that only the machine knows.
    ProtectHome = if lib.any isHome phase.linkPaths then false else "read-only";
    PrivateDevices = !startsPlugins;
    PrivateNetwork = true;
    ProtectClock = true;
    ProtectControlGroups = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
  };
in
everywhere
// lib.optionalAttrs (!startsPlugins && !startsGnupg) { MemoryDenyWriteExecute = true; }
// lib.optionalAttrs (!mountsItself && !startsGnupg) (
  inNamespace
  // lib.optionalAttrs (missing != [ ]) {
    # Outside the sandbox: within, where nothing can be written yet. As the agent does it elsewhere.
    ExecStartPre = [
      "-+${
        utils.escapeSystemdExecArgs (
          [
            "${pkgs.coreutils}/bin/mkdir"
            "-p"
            "-m"
            "0755"
          ]
          ++ missing
        )
      }"
    ];
  }
)
