# The key is made on the machine, by a unit.
{
  services.userborn.enable = true;
  sops = {
    age.keyFile = "/var/lib/100%/key.txt";
    age.generateKey = true;
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service = { };
    secrets.hash.neededForUsers = true;
  };
}
