# The second generation: one secret has another value, one is gone, one has another owner.
{ lib, ... }:
{
  sops.secrets = {
    value.key = "database/port";
    "database/port".gid = lib.mkForce 994;
    added = {
      format = "dotenv";
      sopsFile = ../../../examples/quickstart/mailer.env;
      key = "SMTP_USER";
    };
  };
}
