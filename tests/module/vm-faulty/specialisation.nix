# error: The option `sops.keepGeneration' does not exist
{ common }:
{
  name = "sops-activate-plugin";

  nodes.machine = {
    imports = [
      common.module
      common.machine
    ];
    specialisation.changed.configuration.sops.keepGeneration = 2;
  };

  testScript = common.script ''
    with subtest("plugin.opens"):
        machine.succeed("true")

    with subtest("plugin.named"):
        machine.succeed("true")

    with subtest("plugin.others"):
        machine.succeed("true")
  '';
}
