# age plugins and an environment of one's own; homes are reached for keys and links.
{ pkgs, ... }:
{
  sops = {
    age.keyFile = "/root/keys/identity.txt";
    age.plugins = [ pkgs.age-plugin-tpm ];
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    environment = {
      EXPANDED = "$(hostname)";
      HOME = "/is/replaced/in/snippets";
    };
    secrets.service = { };
    useSystemdActivation = true;
  };
}
