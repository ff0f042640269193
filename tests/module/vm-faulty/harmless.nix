# fine: what the others do wrong, done right
{ common }:
{
  name = "sops-activate-plugin";

  nodes.machine = {
    imports = [
      common.module
      common.machine
    ];
    specialisation.changed.configuration = common.changed;
  };

  testScript = common.script ''
    with subtest("plugin.opens"):
        machine.succeed("true")

    with subtest("plugin.named"):
        machine.succeed("true")

    with subtest("plugin.others"):
        t.assertEqual(generation(), "1")
  '';
}
