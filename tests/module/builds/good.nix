# good: a clan's machine, with templates, and more secrets of every kind.
{ config, ... }:
{
  imports = [ ../beside/clan-settings.nix ];
  clan.core.settings.directory = ../../../examples/quickstart;
  clan.core.settings.machine.name = "demo";
  users.users.web.group = "web";
  sops = {
    age.sshKeyPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets."database/password".owner = "web";
    secrets."database/port" = { };
    secrets."mailer.env" = {
      format = "dotenv";
      sopsFile = ../../../examples/quickstart/mailer.env;
    };
    secrets.smtp = {
      format = "dotenv";
      key = "SMTP_PASSWORD";
      sopsFile = ../../../examples/quickstart/mailer.env;
    };
    templates.url.content = "pg://${config.sops.placeholder."database/password"}";
  };
}
