# Sops files and templates outside the store: they are read where they lie, and read anew at every switch.
{
  services.userborn.enable = true;
  fileSystems = {
    "/" = { };
    "/persist" = { };
    "/mnt/stick".options = [ "nofail" ];
  };
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    validateSopsFiles = false;
    secrets.service.sopsFile = "/persist/services.yaml";
    secrets.home.sopsFile = "/home/alice/secrets.yaml";
    secrets.stick.sopsFile = "/mnt/stick/stick.yaml";
    secrets.hash = {
      neededForUsers = true;
      sopsFile = "/persist/users.yaml";
    };
    templates.conf.file = "/srv/template.conf";
  };
}
