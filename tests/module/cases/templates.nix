# Templates from text and from files, with placeholders of both phases.
{ config, ... }:
{
  users.users.web.group = "web";
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets."database/password" = { };
    secrets."database/port".name = "port";
    secrets.hash.neededForUsers = true;
    templates = {
      "database.url" = {
        content = "pg://${config.sops.placeholder."database/password"}@localhost:${
          config.sops.placeholder."database/port"
        }";
        owner = "web";
        path = "/etc/web/database.url";
        restartUnits = [ "web.service" ];
      };
      "from/file".file = ./templates.nix;
      both = {
        file = ./templates.nix;
        content = "not this";
      };
      nothing = { };
      early = {
        neededFor = "users";
        content = config.sops.placeholder.hash;
      };
    };
  };
}
