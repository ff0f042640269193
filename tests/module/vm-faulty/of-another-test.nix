# fault: subtest 'prune.one' is not a claim of nixos/plugin.nix
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

    with subtest("prune.one"):
        machine.succeed("true")
  '';
}
