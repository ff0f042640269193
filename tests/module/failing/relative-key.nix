# error: sops.age.keyFile' is not of type
{
  sops = {
    age.keyFile = "key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service = { };
  };
}
