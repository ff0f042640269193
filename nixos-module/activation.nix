# Activation scripts, for systems whose users are made by one. Their names are an interface: other modules order after them.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  cfg = config.sops;
  inherit (import ./users.nix { inherit config options; }) madeByUnit;
  phases = import ./phases.nix {
    inherit
      config
      lib
      options
      pkgs
      ;
  };
  bySnippet = lib.filter (phase: phase.bySnippet) phases.needed;

  # The values are put between single quotes as they are, as sops-nix does it: people use command substitutions there.
  variables = cfg.environment // {
    HOME = "/var/empty";
    PATH = lib.makeBinPath cfg.age.plugins;
  };
  exports = lib.concatStrings (
    lib.mapAttrsToList (name: value: "  export ${name}='${value}'\n") variables
  );

  snippet = phase: {
    name = phase.snippet;
    value = {
      deps = [
        "specialfs"
      ]
      ++ lib.optionals (!phase.forUsers) [
        "users"
        "groups"
      ]
      ++ lib.optional cfg.age.generateKey "generate-age-key";
      supportsDryActivation = true;
      text = ''
        [ -e /run/current-system ] || echo setting up ${phase.description}...
        (
        ${exports}  ${phase.command}
        )
      '';
    };
  };

  keyFile = lib.escapeShellArg cfg.age.keyFile;
  newKeyFile = lib.escapeShellArg "${cfg.age.keyFile}.new";
in
{
  system.activationScripts = lib.mkMerge [
    (lib.listToAttrs (map snippet bySnippet))
    # With sysusers or userborn this snippet is a mere empty string, which cannot have dependencies.
    (lib.mkIf (lib.any (phase: phase.forUsers) bySnippet && !madeByUnit) {
      users.deps = [ phases.users.snippet ];
    })
    (lib.mkIf (cfg.age.generateKey && bySnippet != [ ]) {
      # An empty file is what is left of a power cut. The key appears whole or not at all.
      generate-age-key = ''
        if [[ ! -s ${keyFile} ]]; then
          echo generating machine-specific age key...
          mkdir -p "$(dirname ${keyFile})"
          rm -f ${newKeyFile}
          # age-keygen makes it readable by root only
          ${pkgs.age}/bin/age-keygen -o ${newKeyFile} && sync ${newKeyFile} && mv -T ${newKeyFile} ${keyFile}
        fi
      '';
    })
  ];

  system.build = {
    sops-nix-manifest = phases.services.manifest;
    sops-nix-users-manifest = phases.users.manifest;
  };
}
