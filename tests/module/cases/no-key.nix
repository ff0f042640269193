# No key at all, and a place is missing for the one that should be made.
{
  sops = {
    age.generateKey = true;
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service = { };
  };
}
