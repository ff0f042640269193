# `credentialFor`: secrets as systemd credentials.
{ config, lib, ... }:
let
  secrets = lib.attrValues (
    lib.filterAttrs (_: secret: secret.credentialFor != [ ]) config.sops.secrets
  );

  # One for each service that gets a credential.
  uses = lib.concatMap (
    secret:
    map (unit: {
      inherit secret;
      service = lib.removeSuffix ".service" unit;
    }) (lib.unique secret.credentialFor)
  ) secrets;

  byService = lib.groupBy (use: use.service) uses;
  namesOf = map (use: use.secret.credentialName);

  otherUnits = [
    ".mount"
    ".path"
    ".socket"
    ".target"
    ".timer"
  ];
in
{
  systemd.services = lib.mapAttrs (_: ofService: {
    # Ordered and wanted, not required: another secret that fails is none of its business.
    wants = [ "sops-secrets.target" ];
    after = [ "sops-secrets.target" ];
    serviceConfig.LoadCredential = map (
      use: "${use.secret.credentialName}:${use.secret.path}"
    ) ofService;
  }) byService;

  assertions =
    map (use: {
      assertion = !lib.any (suffix: lib.hasSuffix suffix use.service) otherUnits;
      message = ''
        sops.secrets.${use.secret.name}.credentialFor: '${use.service}' is not a service, and only services can have
        credentials here.
      '';
    }) uses
    ++ map (secret: {
      assertion = builtins.match "[^/:[:cntrl:]]+" secret.credentialName != null;
      message = "sops.secrets.${secret.name}.credentialName: '${secret.credentialName}' cannot be the name of a credential";
    }) secrets
    ++ lib.mapAttrsToList (service: ofService: {
      assertion = lib.length (lib.unique (namesOf ofService)) == lib.length ofService;
      message = ''
        ${service}.service gets two credentials of one name (${lib.concatStringsSep ", " (namesOf ofService)}). Set
        sops.secrets.<name>.credentialName of one of them.
      '';
    }) byService;
}
