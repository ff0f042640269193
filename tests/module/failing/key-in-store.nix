# error: sops.age.keyFile' is not of type
{
  sops = {
    age.keyFile = "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service = { };
  };
}
