# The key is made on the machine, by an activation script.
{
  sops = {
    age.keyFile = "/var/lib/it's/key.txt";
    age.generateKey = true;
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service = { };
    secrets.hash.neededForUsers = true;
  };
}
