# `credentialFor`: secrets as systemd credentials.
{
  config,
  lib,
  options,
  ...
}:
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

  # Whoever else says something of a service: our own definition, one for all secrets, would make a service of nothing.
  isDefined =
    service:
    lib.length (lib.filter (services: services ? ${service}) options.systemd.services.definitions)
    > (if byService ? ${service} then 1 else 0);

  # `wg@eth0` -> `wg@`
  isInstance = service: builtins.match "[^@]+@.+" service != null;
  templateOf = service: "${lib.head (lib.splitString "@" service)}@";

  isOther =
    unit:
    lib.any (suffix: lib.hasSuffix suffix unit) [
      ".mount"
      ".path"
      ".socket"
      ".target"
      ".timer"
    ];
in
{
  systemd.services = lib.mapAttrs (service: ofService: {
    # An instance that nobody has written down is that of its template, with this added.
    overrideStrategy = lib.mkIf (isInstance service && !isDefined service) "asDropin";
    # Ordered and wanted, not required: another secret that fails is none of its business.
    wants = [ "sops-secrets.target" ];
    after = [ "sops-secrets.target" ];
    serviceConfig.LoadCredential = map (
      use: "${use.secret.credentialName}:${use.secret.path}"
    ) ofService;
  }) byService;

  assertions =
    map (use: {
      assertion = !isOther use.service;
      message = ''
        sops.secrets.${use.secret.name}.credentialFor: '${use.service}' is not a service, and only services can have
        credentials here.
      '';
    }) uses
    ++ lib.mapAttrsToList (service: ofService: {
      assertion =
        isOther service || isDefined service || (isInstance service && isDefined (templateOf service));
      message = ''
        sops.secrets.${(lib.head ofService).secret.name}.credentialFor: there is no service '${service}' in systemd.services. If it
        is not misspelt, but comes from systemd.packages, add systemd.services."${
          if isInstance service then templateOf service else service
        }" = { }.
      '';
    }) byService
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
