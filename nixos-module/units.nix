# The units: the agent for each phase, the memory file systems, the wait for keys, and a target to order after.
{
  config,
  lib,
  options,
  pkgs,
  utils,
  ...
}:
let
  cfg = config.sops;
  inherit (import ./users.nix { inherit config options; }) userborn;
  phases = import ./phases.nix {
    inherit
      config
      lib
      options
      pkgs
      ;
  };
  sandbox = import ./sandbox.nix { inherit cfg lib; };
  keyMounts = import ./key-mounts.nix { inherit config lib utils; } phases.keyPaths;
  byUnit = lib.filter (phase: phase.byUnit) phases.needed;

  # With activation scripts, one of them makes the key.
  generatesKey = cfg.age.generateKey && cfg.useSystemdActivation;

  # `%` starts a specifier in unit files.
  unitPath = lib.replaceStrings [ "%" ] [ "%%" ];

  # Sops files may lie outside the store when the build does not check them.
  fileMounts =
    phase:
    lib.unique (
      lib.filter (file: builtins.isString file && !lib.hasPrefix builtins.storeDir file) (
        map (secret: secret.sopsFile) (lib.attrValues phase.secrets)
      )
    );

  service = phase: {
    description = "Install ${phase.description}";
    wantedBy = [
      "sysinit.target"
    ]
    ++ lib.optional cfg.useSystemdActivation "sysinit-reactivation.target"
    # A file system that need not be there at boot starts us when it comes.
    ++ lib.optionals cfg.retryWhenKeyAppears keyMounts.lateUnits;
    before = lib.optionals phase.forUsers usersMakers ++ [
      "sysinit.target"
      "sysinit-reactivation.target"
      "shutdown.target"
    ];
    wants = lib.optional generatesKey "sops-generate-age-key.service";
    after =
      (if phase.forUsers then [ "systemd-remount-fs.service" ] else usersMakers ++ [ "local-fs.target" ])
      ++ keyMounts.lateUnits
      # A TPM is a device of its own; this target is there from systemd 256 on.
      ++ lib.optional (cfg.age.plugins != [ ]) "tpm2.target";
    conflicts = [ "shutdown.target" ];
    environment = cfg.environment // {
      SOPS_RESTART_UNITS_VIA_SYSTEMCTL = "1";
    };
    path = cfg.age.plugins;
    # The command holds the manifest's path: the unit changes with it, and is restarted. With activation scripts
    # that has been done by then.
    restartIfChanged = cfg.useSystemdActivation;
    unitConfig = {
      DefaultDependencies = false;
      RequiresMountsFor = map unitPath (
        keyMounts.required ++ fileMounts phase ++ lib.optional (!cfg.useTmpfs) phase.secretsMountPoint
      );
    };
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      # Plugins may take two minutes, and another one.
      TimeoutStartSec = if cfg.age.plugins == [ ] then "90s" else "5min";
      ExecStart = phase.command;
    }
    // sandbox phase phases.keyPaths;
  };
  usersMakers = [
    "systemd-sysusers.service"
    "userborn.service"
  ];

  memory = phase: {
    description = "Memory for ${phase.description}";
    what = "ramfs";
    type = "ramfs";
    where = phase.secretsMountPoint;
    options = "mode=0751,nodev,nosuid,noexec";
    unitConfig = {
      DefaultDependencies = false;
      # switch-to-configuration unmounts what a new configuration does not have, before anything else is done. Whoever installs
      # secrets then, an activation script or sops-nix, goes on with what is mounted.
      X-StopOnRemoval = false;
    };
  };

  keyWatch = phase: {
    description = "Wait for keys of ${phase.description}";
    wantedBy = [ "sysinit.target" ];
    before = [ "shutdown.target" ];
    conflicts = [ "shutdown.target" ];
    unitConfig.DefaultDependencies = false;
    # Starting a unit that has succeeded does nothing.
    pathConfig.PathChanged = map unitPath phases.keyPaths;
  };

  keyGenerator = {
    description = "Make the age key of this machine";
    before = map (phase: "${phase.unit}.service") byUnit ++ [ "shutdown.target" ];
    after = [ "systemd-remount-fs.service" ];
    conflicts = [ "shutdown.target" ];
    unitConfig = {
      DefaultDependencies = false;
      ConditionPathExists = "!${unitPath cfg.age.keyFile}";
      RequiresMountsFor = [ (unitPath cfg.age.keyFile) ];
    };
    serviceConfig = {
      Type = "oneshot";
      TimeoutStartSec = "90s";
      UMask = "0077";
      ExecStart = map utils.escapeSystemdExecArgs [
        [
          "${pkgs.coreutils}/bin/mkdir"
          "-p"
          (dirOf cfg.age.keyFile)
        ]
        [
          "${pkgs.age}/bin/age-keygen"
          "-o"
          cfg.age.keyFile
        ]
      ];
    };
  };

  named =
    suffix: make: phase:
    lib.nameValuePair "${phase.unit}${suffix}" (make phase);
  services = lib.listToAttrs (map (named "" service) byUnit);
in
{
  systemd = {
    services = lib.mkMerge [
      services
      (lib.mkIf (generatesKey && byUnit != [ ]) { sops-generate-age-key = keyGenerator; })
      # A new password hash changes nothing of userborn's own configuration.
      (lib.mkIf (userborn && phases.users.needed) {
        userborn.restartTriggers = [ phases.users.manifest ];
      })
    ];

    mounts = lib.optionals (!cfg.useTmpfs) (map memory byUnit);

    paths = lib.mkIf (cfg.retryWhenKeyAppears && phases.keyPaths != [ ]) (
      lib.listToAttrs (map (named "" keyWatch) byUnit)
    );

    # There whatever installs the secrets, and with or without any, so that every service may order after it.
    targets.sops-secrets = {
      description = "Secrets";
      wants = map (name: "${name}.service") (lib.attrNames services);
      after = map (name: "${name}.service") (lib.attrNames services);
    };
  };
}
