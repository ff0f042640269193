# maker: the service that makes users.
{ maker }:
{ lib, pkgs, ... }:
{
  systemd.services =
    lib.genAttrs
      [
        "sops-install-secrets"
        "sops-install-secrets-for-users"
        maker
      ]
      (_: {
        serviceConfig.ExecStartPre = [ "${pkgs.coreutils}/bin/sleep 0.5" ];
      });
}
