# Secrets as credentials of services, beside what these services say of themselves.
{
  systemd.services.web = {
    after = [ "network.target" ];
    serviceConfig.LoadCredential = [ "own:/etc/own" ];
  };
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    useSystemdActivation = true;
    secrets."tls/key" = {
      credentialFor = [
        "web.service"
        "proxy"
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
