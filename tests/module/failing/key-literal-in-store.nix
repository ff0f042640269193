# error: sops.age.keyFile' is not of type
{
  sops = {
    age.keyFile = builtins.path {
      path = ../../../examples/quickstart/services.yaml;
    };
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service = { };
  };
}
