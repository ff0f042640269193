# NOT NixOS: the options of NixOS that the module or a test reads or sets, as stand-ins for machines without nixpkgs. Typed, so
# that a misspelt one is found. With NIXPKGS the real modules take their place.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  option = type: default: mkOption { inherit type default; };
  strings = option (types.listOf types.str) [ ];
  text = option types.str "";
  free = option (types.attrsOf types.anything) { };
  named = options: option (types.attrsOf (types.submodule { inherit options; })) { };

  unit = {
    after = strings;
    before = strings;
    conflicts = strings;
    description = text;
    partOf = strings;
    requiredBy = strings;
    requires = strings;
    unitConfig = free;
    wantedBy = strings;
    wants = strings;
  };

  script = types.submodule {
    options = {
      deps = strings;
      supportsDryActivation = option types.bool false;
      # Without a default, as NixOS has it: nobody may order a snippet that is not there.
      text = mkOption { type = types.lines; };
    };
  };
in
{
  imports = [ ./nixos-newer.nix ];

  options = {
    assertions = option (types.listOf types.raw) [ ];
    warnings = strings;
    fileSystems = mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule (
          { name, ... }:
          {
            options = {
              fsType = option types.str "auto";
              mountPoint = option types.str name;
              neededForBoot = option types.bool false;
              options = option (types.listOf types.str) [ "defaults" ];
            };
          }
        )
      );
    };
    services.openssh = {
      enable = option types.bool false;
      hostKeys = option (types.listOf types.attrs) [
        {
          type = "rsa";
          path = "/etc/ssh/ssh_host_rsa_key";
        }
        {
          type = "ed25519";
          path = "/etc/ssh/ssh_host_ed25519_key";
        }
      ];
    };
    system = {
      activationScripts = option (types.attrsOf (types.either types.str script)) { };
      build = option (types.attrsOf types.raw) { };
    };
    systemd = {
      package = option types.package pkgs.systemd;
      mounts = option (types.listOf (
        types.submodule {
          options = unit // {
            options = text;
            type = text;
            what = text;
            where = text;
          };
        }
      )) [ ];
      paths = named (unit // { pathConfig = free; });
      services = named (
        unit
        // {
          environment = option (types.attrsOf (types.either types.str types.path)) { };
          overrideStrategy = option (types.enum [
            "asDropin"
            "asDropinIfExists"
          ]) "asDropinIfExists";
          path = option (types.listOf types.package) [ ];
          restartIfChanged = option types.bool true;
          restartTriggers = option (types.listOf types.raw) [ ];
          serviceConfig = free;
        }
      );
      targets = named unit;
    };
    users = {
      groups = named { gid = option (types.nullOr types.int) null; };
      mutableUsers = option types.bool true;
      users = named {
        group = text;
        hashedPasswordFile = option (types.nullOr types.str) null;
        isNormalUser = option types.bool false;
        isSystemUser = option types.bool false;
        uid = option (types.nullOr types.int) null;
      };
    };
  };

  config = {
    _module.args.utils = import ./utils.nix { inherit lib; };

    # The one that others order before themselves. An empty string if something else makes users.
    system.activationScripts.users =
      if config.services.userborn.enable or false || config.systemd.sysusers.enable or false then
        ""
      else
        { text = ": makes users"; };
  };
}
