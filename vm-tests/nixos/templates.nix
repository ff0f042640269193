# Files with secrets in them.
{ common }:
{
  name = "sops-activate-templates";

  nodes.machine =
    { config, lib, ... }:
    {
      imports = [
        common.module
        common.machine
      ];
      sops.secrets.smtp.key = "SMTP_PASSWORD";
      sops.templates."app.json" = {
        path = "/var/lib/app/app.json";
        content =
          let
            json = lib.replaceStrings [ ":PLACEHOLDER>" ] [ ":PLACEHOLDER|json>" ];
          in
          ''{"token": ${
            json config.sops.placeholder."app/token"
          }, "smtp": ${json config.sops.placeholder.smtp}}'';
      };
    };

  testScript = common.script ''
    import json

    machine.wait_for_unit("multi-user.target")

    with subtest("first.template"):
        t.assertEqual(read("/run/secrets/rendered/web.conf"), f"token {VALUES['token']}\n")
        t.assertEqual(placed("/run/secrets/rendered/web.conf"), "web:keys 460")

    with subtest("template.link"):
        t.assertEqual(run("readlink /var/lib/app/app.json"), "/run/secrets/rendered/app.json")

    with subtest("template.filter"):
        rendered = json.loads(read("/var/lib/app/app.json"))
        t.assertEqual(rendered, {"token": VALUES["token"], "smtp": VALUES["smtp"]})
  '';
}
