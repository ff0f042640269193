# fault: the name of a subtest is to be spelt out
{ common }:
{
  name = "sops-activate-plugin";

  nodes.machine = {
    imports = [
      common.module
      common.machine
    ];
  };

  testScript = common.script ''
    with subtest("plugin.opens"):
        machine.succeed("true")

    with subtest("plugin.named"):
        machine.succeed("true")

    with subtest("plugin.others"):
        machine.succeed("true")

    for name in ["named", "others"]:
        with subtest("plugin." + name):
            machine.succeed("true")
  '';
}
