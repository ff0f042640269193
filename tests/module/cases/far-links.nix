# Links below directories that the machine need not have, and in homes.
{
  sops = {
    useSystemdActivation = true;
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.data.path = "/data/app/token";
    secrets.opt.path = "/opt/100%/token";
    secrets.home.path = "/home/alice/.config/token";
    secrets.hash = {
      neededForUsers = true;
      path = "/var/lib/hash";
    };
  };
}
