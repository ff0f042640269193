# Evaluates one configuration with the module, and tells what became of it: manifests, units, snippets, complaints.
{
  lib,
  pkgs,
  # The whole of nixpkgs, for its NixOS modules; else stand-ins.
  nixpkgs ? null,
}:
configuration:
let
  modules = [
    ../../nixos-module
    { _module.args.pkgs = lib.mkForce pkgs; }
    configuration
  ];
  evaluated =
    if nixpkgs == null then
      lib.evalModules { modules = [ ./nixos.nix ] ++ modules; }
    else
      import "${nixpkgs}/nixos/lib/eval-config.nix" {
        inherit modules;
        system = "x86_64-linux";
      };
  inherit (evaluated) config;
  cfg = config.sops;
  snippets = config.system.activationScripts;

  given = lib.filterAttrs (
    _: value:
    !lib.elem value [
      [ ]
      { }
      ""
      null
    ]
  );
  only = names: lib.filterAttrs (name: _: lib.elem name names);

  unit =
    value:
    given (
      only [
        "after"
        "before"
        "conflicts"
        "description"
        "environment"
        "options"
        "partOf"
        "path"
        "pathConfig"
        "requiredBy"
        "requires"
        "restartIfChanged"
        "restartTriggers"
        "serviceConfig"
        "type"
        "unitConfig"
        "wantedBy"
        "wants"
        "what"
        "where"
      ] value
      # What NixOS adds to every unit is not ours.
      // lib.optionalAttrs (value ? environment) {
        environment = lib.filterAttrs (
          name: _:
          !lib.elem name [
            "LOCALE_ARCHIVE"
            "PATH"
            "TZDIR"
          ]
        ) value.environment;
      }
      // lib.optionalAttrs (value ? path) {
        path = lib.filter (package: lib.elem package cfg.age.plugins) value.path;
      }
      // lib.optionalAttrs (value ? unitConfig) {
        unitConfig = only [
          "ConditionFileNotEmpty"
          "ConditionPathIsMountPoint"
          "DefaultDependencies"
          "RequiresMountsFor"
          "StartLimitIntervalSec"
          "X-StopOnRemoval"
        ] value.unitConfig;
      }
    );

  textOf = file: builtins.fromJSON (builtins.unsafeDiscardStringContext file.text);

  credentialServices = map (lib.removeSuffix ".service") (
    lib.concatMap (secret: secret.credentialFor) (lib.attrValues cfg.secrets)
  );
  isOurs = name: _: lib.hasPrefix "sops-" name;

  # Of other modules' services, what concerns secrets.
  foreign =
    service:
    given {
      inherit (service) after partOf wants;
      overrideStrategy = lib.optionalString (
        service.overrideStrategy == "asDropin"
      ) service.overrideStrategy;
      LoadCredential = service.serviceConfig.LoadCredential or [ ];
      restartTriggers = lib.filter (
        trigger: lib.hasInfix "manifest" "${trigger}"
      ) service.restartTriggers;
    };
  isForeign = name: _: lib.elem name ([ "userborn" ] ++ credentialServices);

  # Real NixOS has more to say.
  concerning = lib.filter (lib.hasInfix "sops");
in
{
  inherit config;
  inherit (evaluated) options;
  manifests = {
    services = textOf config.system.build.sops-nix-manifest;
    users = textOf config.system.build.sops-nix-users-manifest;
  };
  units = given {
    services =
      lib.mapAttrs (_: unit) (lib.filterAttrs isOurs config.systemd.services)
      // lib.mapAttrs (_: foreign) (lib.filterAttrs isForeign config.systemd.services);
    paths = lib.mapAttrs (_: unit) (lib.filterAttrs isOurs config.systemd.paths);
    targets = lib.mapAttrs (_: unit) (lib.filterAttrs isOurs config.systemd.targets);
    mounts = map unit (
      lib.filter (mount: lib.hasPrefix "/run/secrets" mount.where) config.systemd.mounts
    );
  };
  snippets =
    only [
      "generate-age-key"
      "setupSecrets"
      "setupSecretsForUsers"
    ] snippets
    // lib.optionalAttrs (snippets.users.deps or [ ] != [ ]) {
      users = { inherit (snippets.users) deps; };
    };
  complaints = concerning (
    map (assertion: assertion.message) (lib.filter (assertion: !assertion.assertion) config.assertions)
  );
  warnings = concerning config.warnings;
  inherit (config.clan.core.sops) defaultGroups;
}
