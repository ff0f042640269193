# Keys that come late: a watch for those that may be put into place at any time, and one for each file system that holds keys and is not
# there from the beginning. Nothing waits for these units, so that none of them can hold up a boot, or be in a circle.
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
  phases = import ./phases.nix {
    inherit
      config
      lib
      options
      pkgs
      ;
  };
  byUnit = lib.filter (phase: phase.byUnit) phases.needed;
  installers = map (phase: "${phase.unit}.service") byUnit;
  mounts = import ./mounts.nix { inherit config lib utils; } phases.keyPaths;
  systemctl = "${config.systemd.package}/bin/systemctl";

  start =
    units:
    utils.escapeSystemdExecArgs (
      [
        systemctl
        "start"
      ]
      ++ units
    );

  # What could not start without its secret has failed. systemd's try-restart, which the agent asks for, leaves it so.
  startFailed = utils.escapeSystemdExecArgs (
    [
      pkgs.runtimeShell
      "-c"
      ''
        for unit; do
          if ${systemctl} --quiet is-failed -- "$unit"; then
            ${systemctl} reset-failed -- "$unit"
            ${systemctl} --no-block start -- "$unit"
          fi
        done
      ''
      "sh"
    ]
    ++ usedBy
  );
  usedBy = lib.unique (lib.concatMap (phase: phase.usedBy) byUnit);

  common = {
    before = [ "shutdown.target" ];
    conflicts = [ "shutdown.target" ];
    unitConfig.DefaultDependencies = false;
  };
  path =
    wanter: keys:
    common
    // {
      description = "Wait for keys of secrets";
      wantedBy = [ wanter ];
      pathConfig.PathChanged = map (lib.replaceStrings [ "%" ] [ "%%" ]) keys;
    };
  service =
    after: commands:
    common
    // {
      inherit after;
      description = "Install secrets whose key has come";
      # systemd gives up a path unit whose service may not start.
      unitConfig = common.unitConfig // {
        StartLimitIntervalSec = 0;
      };
      # What fails shows where it belongs.
      serviceConfig = {
        Type = "oneshot";
        ExecStart = map (command: "-${command}") commands;
      };
    };

  name = "sops-retry-secrets";
  nameFor = mount: "${name}-${lib.removeSuffix ".mount" mount}";
  fromBeginning = {
    paths = lib.optionalAttrs (mounts.atBoot != [ ]) {
      ${name} = path "sysinit.target" mounts.atBoot;
    };
    # After a run that has begun: it may have looked for the key already. Starting a unit that has succeeded does nothing.
    services.${name} = service installers (
      [ (start installers) ] ++ lib.optional (usedBy != [ ]) startFailed
    );
  };
  fromMount = mount: keys: {
    paths.${nameFor mount} = path mount keys;
    services.${nameFor mount} = service (installers ++ [ mount ]) [ (start [ "${name}.service" ]) ] // {
      wantedBy = [ mount ];
    };
  };
  watches = [ fromBeginning ] ++ lib.mapAttrsToList fromMount mounts.byMount;

  wanted = part: lib.mkIf (cfg.retryWhenKeyAppears && byUnit != [ ]) (lib.mkMerge (map part watches));
in
{
  systemd.paths = wanted (units: units.paths);
  systemd.services = wanted (units: units.services);
}
