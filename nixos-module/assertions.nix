# What cannot work, found while the configuration is evaluated, with the option to change.
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
  users = import ./users.nix { inherit config options; };
  phases = import ./phases.nix {
    inherit
      config
      lib
      options
      pkgs
      ;
  };

  each = set: check: lib.concatLists (lib.mapAttrsToList check set);

  # A name and a number for one thing.
  both = name: number: name != null && number != null && number != 0;

  placementOf = option: name: entry: [
    {
      assertion = !both entry.owner entry.uid;
      message = "${option}.${name}: owner and uid are both set; leave uid at 0";
    }
    {
      assertion = !both entry.group entry.gid;
      message = "${option}.${name}: group and gid are both set; leave gid at 0";
    }
    {
      assertion = entry.owner == null || entry.group != null || config.users.users ? ${entry.owner};
      message = ''
        ${option}.${name}: its owner '${entry.owner}' is not in users.users, so that its group is not
        known either. Declare the user, or set the group.
      '';
    }
    {
      assertion = entry.neededForUsers == (entry.neededFor == "users");
      message = "${option}.${name}: neededFor and neededForUsers contradict each other; set one of them";
    }
    {
      assertion = entry.neededForUsers -> isRoots entry;
      message = ''
        ${option}.${name}: it is needed for users, so that root has to own it: there are no users yet when it is installed.
        neededForUsers cannot be used for secrets that are not root-owned.
      '';
    }
  ];
  isRoots =
    entry:
    (lib.elem entry.owner [
      null
      "root"
    ])
    && (lib.elem entry.group [
      null
      "root"
    ])
    && (lib.elem entry.uid [
      null
      0
    ])
    && (lib.elem entry.gid [
      null
      0
    ]);

  fileOf = name: secret: [
    {
      assertion =
        lib.hasPrefix "${builtins.storeDir}/" "${toString secret.sopsFile}"
        || builtins.isPath secret.sopsFile;
      message = ''
        sops.secrets.${name}: '${toString secret.sopsFile}' is not in the Nix store. Either add it to
        the Nix store (a path without quotes does), or set sops.validateSopsFiles to false.
      '';
    }
    {
      assertion = builtins.isPath secret.sopsFile -> builtins.pathExists secret.sopsFile;
      message = ''
        sops.secrets.${name}: its sopsFile '${toString secret.sopsFile}' does not exist. In a flake: is it added to git?
      '';
    }
  ];

  # A template sees the secrets of its own phase only.
  strangers = phase: lib.filterAttrs (_: secret: secret.neededForUsers != phase.forUsers) cfg.secrets;
  # Filters go in front of the placeholder's last character.
  stemOf = secret: lib.removeSuffix ">" (toString cfg.placeholder.${secret});
  strangersIn =
    phase: name: template:
    lib.mapAttrsToList (secret: _: {
      assertion = template.source == "file" || !lib.hasInfix (stemOf secret) template.content;
      message = ''
        sops.templates.${name}: it holds sops.secrets.${secret}, which is installed at another time. Set
        neededForUsers of both or of none of them.
      '';
    }) (strangers phase);

  someNeeded = phases.needed != [ ];
  mountsOf = import ./mounts.nix { inherit config lib utils; };
  early = lib.filter (phase: phase.beforeUsers || phase.bySnippet) phases.needed;
  tooLate = (mountsOf (phases.keyPaths ++ lib.concatMap (phase: phase.files) early)).afterBoot;
in
{
  assertions = lib.optionals someNeeded (
    [
      {
        assertion = phases.keyPaths != [ ];
        message = ''
          No key source configured for sops: no key could open any secret. Set services.openssh.enable, sops.age.keyFile,
          sops.age.sshKeyPaths or sops.gnupg.home.
        '';
      }
      {
        assertion = cfg.gnupg.home == null || cfg.gnupg.sshKeyPaths == [ ];
        message = "Exactly one of sops.gnupg.home and sops.gnupg.sshKeyPaths must be set";
      }
      {
        assertion = cfg.gnupg.home == null || cfg.age.keyFile == null;
        message = "sops.gnupg.home and sops.age.keyFile exclude each other; set one of them to null";
      }
      {
        assertion = cfg.age.generateKey -> cfg.age.keyFile != null;
        message = "sops.age.generateKey needs sops.age.keyFile: where is the key to be made?";
      }
      {
        assertion = users.bashless -> cfg.useSystemdActivation;
        message = ''
          sops.useSystemdActivation is false, and system.nixos-init.enable is true: nixos-init runs no activation
          script, so that no secret would ever be installed. Remove the setting of sops.useSystemdActivation.
        '';
      }
      {
        assertion =
          (options.system ? activatable && !config.system.activatable) -> cfg.useSystemdActivation;
        message = ''
          system.activatable is false: this system has no activation script, so that no secret would ever be installed. Set
          sops.useSystemdActivation to true.
        '';
      }
      {
        assertion = phases.users.needed && users.sysusers -> config.users.mutableUsers;
        message = ''
          systemd.sysusers.enable with sops.secrets.<name>.neededForUsers can only work with users.mutableUsers:
          sysusers reads no password file. Set users.mutableUsers to true, or services.userborn.enable instead.
        '';
      }
    ]
    ++ each cfg.secrets (placementOf "sops.secrets")
    ++ each cfg.templates (placementOf "sops.templates")
    ++ lib.optionals cfg.validateSopsFiles (each cfg.secrets fileOf)
    ++ lib.concatMap (phase: each phase.templates (strangersIn phase)) phases.needed
  );

  warnings =
    lib.optional (phases.services.needed && users.madeByUnit && !cfg.useSystemdActivation) ''
      sops.useSystemdActivation is false, but a unit makes the users of this machine: the activation script that installs
      secrets runs before it, and finds no owners at the first boot. Remove the setting of sops.useSystemdActivation.
    ''
    ++ lib.optional (early != [ ] && tooLate != [ ]) ''
      sops: ${
        lib.concatMapStringsSep " and " (phase: phase.description) early
      } are installed before local file systems
      are mounted, too early for ${lib.concatStringsSep ", " (lib.unique tooLate)}. Set fileSystems.<name>.neededForBoot of the
      file systems that hold these keys or files.
    '';
}
