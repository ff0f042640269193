# Secrets as credentials of services, beside what these services say of themselves.
{
  systemd.services.web = {
    after = [ "network.target" ];
    serviceConfig.LoadCredential = [ "own:/etc/own" ];
  };
  systemd.services.proxy = { };
  # Of one instance only the template is written down; the other one is.
  systemd.services."wg@" = { };
  systemd.services."own@one" = { };
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    useSystemdActivation = true;
    secrets."tls/key" = {
      credentialFor = [
        "web.service"
        "proxy"
        "wg@eth0"
        "own@one.service"
      ];
      restartUnits = [ "other.service" ];
    };
    secrets.token = {
      credentialFor = [ "web" ];
      credentialName = "api";
      path = "/var/lib/token";
    };
  };
}
