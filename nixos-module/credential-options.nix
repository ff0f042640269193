# Options that hand a secret to services as a systemd credential.
{ lib, name }:
let
  inherit (lib) mkOption types;
in
{
  credentialFor = mkOption {
    type = types.listOf types.str;
    default = [ ];
    example = [ "nginx.service" ];
    description = ''
      Services that get this secret as a systemd credential: each finds it as `''${CREDENTIALS_DIRECTORY}/‹credentialName›`,
      readable by its own user only, whether that user is known beforehand or not (`DynamicUser`). The service is ordered
      after the secrets, and restarted when this one changes. Without it systemd does not start the service, and it fails; once
      a key has come that opens the secret, it is started ({option}`sops.retryWhenKeyAppears`). The secret itself can stay with
      root.
    '';
  };

  credentialName = mkOption {
    type = types.str;
    default = lib.replaceStrings [ "/" ] [ "-" ] name;
    defaultText = lib.literalMD "the secret's name, with `-` for `/`";
    description = "The name of the credential. It cannot hold slashes.";
  };
}
