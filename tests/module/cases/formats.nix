# Every format, with a key and without; dotenv and INI mean the whole file unless told otherwise.
let
  file = ../../../examples/quickstart/services.yaml;
in
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = file;
    defaultSopsKey = "database/port";
    secrets = {
      yaml.format = "yaml";
      json.format = "json";
      json-key = {
        format = "json";
        key = "a/b/0";
      };
      binary.format = "binary";
      dotenv.format = "dotenv";
      dotenv-key = {
        format = "dotenv";
        key = "SMTP_PASSWORD";
      };
      ini.format = "ini";
      ini-key = {
        format = "ini";
        key = "section/NAME";
      };
      age.format = "age";
      whole = {
        key = "";
      };
    };
  };
}
