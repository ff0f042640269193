# The units: the agent for each phase, the memory file systems, the maker of a key, and a target to order after.
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
  sandbox = import ./sandbox.nix {
    inherit
      cfg
      lib
      pkgs
      utils
      ;
  };
  mountsOf = import ./mounts.nix { inherit config lib utils; };
  byUnit = lib.filter (phase: phase.byUnit) phases.needed;

  # With activation scripts, one of them makes the key.
  generatesKey = cfg.age.generateKey && cfg.useSystemdActivation;

  keyGenerator = import ./key-generator.nix {
    inherit
      byUnit
      cfg
      lib
      mountsOf
      pkgs
      utils
      ;
  };

  # `%` starts a specifier in unit files.
  unitPath = lib.replaceStrings [ "%" ] [ "%%" ];

  # The path of a file outside the store stays, whatever becomes of the file: it is read anew at every switch.
  reactivated =
    phase: lib.optional (cfg.useSystemdActivation && phase.files != [ ]) "sysinit-reactivation.target";

  service = phase: {
    description = "Install ${phase.description}";
    wantedBy = [
      "sysinit.target"
    ]
    ++ lib.optional cfg.useSystemdActivation "sysinit-reactivation.target";
    before = lib.optionals phase.beforeUsers usersMakers ++ [
      "sysinit.target"
      "sysinit-reactivation.target"
      "shutdown.target"
    ];
    partOf = reactivated phase;
    wants = lib.optional (
      generatesKey && lib.elem "${phase.unit}.service" keyGenerator.before
    ) "sops-generate-age-key.service";
    # Home directories are made with owners of their own, before links are made in them.
    after =
      if phase.beforeUsers then
        [ "systemd-remount-fs.service" ]
      else
        usersMakers
        ++ [
          "local-fs.target"
          "systemd-tmpfiles-setup.service"
          "systemd-tmpfiles-resetup.service"
        ]
        # A TPM is a device of its own, which comes after users are made; this target is there from systemd 256 on.
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
      # Of keys and files, what can be waited for. Before users are made that is nothing: stage 1 has mounted it, or it comes too late.
      RequiresMountsFor = map unitPath (
        lib.optionals (!phase.beforeUsers) (mountsOf (phases.keyPaths ++ phase.files)).required
        ++ lib.optional (!cfg.useTmpfs) phase.secretsMountPoint
      );
      # A run that fails ends no watch for keys, however often they are written.
      StartLimitIntervalSec = 0;
    };
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      # Plugins may take two minutes, and another one.
      TimeoutStartSec = if cfg.age.plugins == [ ] then "90s" else "5min";
      ExecStart = phase.command;
    }
    // sandbox phase;
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
        userborn.partOf = reactivated phases.users;
      })
    ];

    mounts = lib.optionals (!cfg.useTmpfs) (map memory byUnit);

    # There whatever installs the secrets, and with or without any, so that every service may order after it.
    targets.sops-secrets = {
      description = "Secrets";
      wantedBy = [ "sysinit.target" ];
      wants = map (name: "${name}.service") (lib.attrNames services);
      after = map (name: "${name}.service") (lib.attrNames services);
    };
  };
}
