# Every complaint that the module can make of secrets and templates, at once.
{ config, ... }:
{
  users.users.web.group = "web";
  systemd.services.web = { };
  sops = {
    gnupg.home = "/var/lib/gnupg";
    gnupg.sshKeyPaths = [ "/etc/ssh/ssh_host_rsa_key" ];
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets = {
      both-owners = {
        owner = "web";
        uid = 1;
      };
      both-groups = {
        group = "web";
        gid = 1;
      };
      stranger.owner = "nobody-knows";
      contradiction = {
        neededFor = "services";
        neededForUsers = true;
      };
      early-web = {
        neededForUsers = true;
        owner = "web";
      };
      early-id = {
        neededForUsers = true;
        gid = 5;
      };
      outside.sopsFile = "/etc/secrets.yaml";
      missing.sopsFile = ./does-not-exist.yaml;
      credential-socket.credentialFor = [ "web.socket" ];
      credential-misspelt.credentialFor = [ "wbe" ];
      credential-instance.credentialFor = [ "wgg@eth0" ];
      credential-slash = {
        credentialFor = [ "web" ];
        credentialName = "a/b";
      };
      twice-a = {
        credentialFor = [ "web" ];
        credentialName = "one";
      };
      twice-b = {
        credentialFor = [ "web.service" ];
        credentialName = "one";
      };
    };
    templates = {
      strange = {
        content = builtins.replaceStrings [ ">" ] [ "|trim>" ] config.sops.placeholder.early-id;
        owner = "web";
        uid = 7;
      };
    };
  };
}
