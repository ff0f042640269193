# A web server with secrets of every kind: for users and for services, with an owner, readable by all, in a template.
{
  files,
  hostKey,
  withHostKey,
}:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  # Adds what the file holds to /run/seen/NAME, a line each time.
  see =
    name: file:
    pkgs.writeShellScript "see-${name}" ''
      mkdir -p /run/seen
      { cat ${file}; echo; } >> /run/seen/${name}
    '';
  service = {
    wants = [ "sops-secrets.target" ];
    after = [ "sops-secrets.target" ];
    serviceConfig = {
      Type = "exec";
      ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
    };
  };
in
{
  imports = [ withHostKey ];

  system.switch.enable = true;

  users.users = {
    web = {
      isSystemUser = true;
      group = "web";
      hashedPasswordFile = config.sops.secrets.hash.path;
    };
    stranger = {
      isSystemUser = true;
      group = "stranger";
    };
  };
  users.groups = {
    web = { };
    stranger = { };
  };

  sops = {
    age.sshKeyPaths = [ hostKey ];
    defaultSopsFile = lib.mkDefault "${files}/first.yaml";
    secrets = {
      hash.neededForUsers = true;
      "app/token" = {
        owner = "web";
        mode = "0440";
        path = "/var/lib/web/token";
        restartUnits = [
          "web.service"
          "idle.service"
        ];
      };
      public.mode = "0444";
      smtp = {
        format = "dotenv";
        sopsFile = lib.mkDefault "${files}/smtp.env";
        owner = "web";
        group = "root";
      };
    };
    templates."web.conf" = {
      owner = "web";
      group = "keys";
      mode = "0460";
      content = "token ${config.sops.placeholder."app/token"}\n";
      reloadUnits = [ "proxy.service" ];
    };
  };

  systemd.services = {
    web = lib.mkMerge [
      service
      {
        wantedBy = [ "multi-user.target" ];
        serviceConfig.ExecStartPre = see "web" "/run/secrets/app/token";
      }
    ];
    proxy = lib.mkMerge [
      service
      {
        wantedBy = [ "multi-user.target" ];
        serviceConfig.ExecStartPre = see "proxy" "/run/secrets/rendered/web.conf";
        serviceConfig.ExecReload = see "proxy-reload" "/run/secrets/rendered/web.conf";
      }
    ];
    # Nothing starts it.
    idle = lib.mkMerge [
      service
      { serviceConfig.ExecStartPre = see "idle" "/run/secrets/app/token"; }
    ];
  };
}
