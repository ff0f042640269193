# error: SMTP_NOTHING
{
  sops = {
    age.keyFile = "/var/lib/sops-nix/key.txt";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.smtp = {
      format = "dotenv";
      key = "SMTP_NOTHING";
      sopsFile = ../../../examples/quickstart/mailer.env;
    };
  };
}
