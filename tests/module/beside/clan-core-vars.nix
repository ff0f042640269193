# NOT clan: a stand-in for what clan-core's vars set of `sops.*`.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.clan.core.settings) directory;
in
{
  sops = {
    secrets."vars/per-machine/m1/wifi/psk" = {
      owner = "root";
      group = "root";
      mode = "0400";
      neededForUsers = false;
      restartUnits = [ "wpa_supplicant.service" ];
      format = "binary";
      sopsFile = builtins.path {
        name = "per-machine-m1-wifi_psk";
        path = directory + "/vars/per-machine/m1/wifi/psk/secret";
      };
    };
    secrets."vars/shared/root/hash" = {
      owner = "root";
      group = "root";
      mode = "0400";
      neededForUsers = true;
      restartUnits = [ ];
      format = "binary";
      sopsFile = builtins.path {
        name = "shared-root_hash";
        path = directory + "/vars/shared/root/hash/secret";
      };
    };
    defaultSopsFile = lib.mkIf config.sops.validateSopsFiles (
      lib.mkDefault (toString (pkgs.writeText "dummy.yaml" ""))
    );
    age.keyFile = lib.mkIf (builtins.pathExists (directory + "/sops/secrets/m1-age.key/secret")) (
      lib.mkDefault "/var/lib/sops-nix/key.txt"
    );
  };
}
