# error: machine, specialisation bad: sops.secrets.public: neededFor and neededForUsers contradict each other
{ common }:
{
  name = "sops-activate-plugin";

  nodes.machine = {
    imports = [
      common.module
      common.machine
    ];
    specialisation.bad.configuration.sops.secrets.public = {
      neededFor = "users";
      neededForUsers = false;
    };
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
