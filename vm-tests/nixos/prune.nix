# How many generations stay in memory.
{ common }:
{
  name = "sops-activate-prune";

  nodes.machine = {
    imports = [
      common.module
      common.machine
    ];
    specialisation = {
      changed.configuration = common.changed;
      all.configuration.sops.keepGenerations = 0;
      two.configuration = {
        imports = [ common.changed ];
        sops.keepGenerations = 2;
      };
    };
  };

  testScript = common.script ''
    def numbers() -> list[str]:
        """The generations that are in memory."""
        return run("find /run/secrets.d -mindepth 1 -maxdepth 1 -type d -printf '%f\\n' | sort -n").split()


    def switched(name: str | None) -> None:
        status, output = switch(name)
        t.assertEqual(status, 0, output)


    machine.wait_for_unit("multi-user.target")

    with subtest("prune.one"):
        switched("changed")
        t.assertEqual(numbers(), ["2"])

    with subtest("prune.all"):
        switched("all")
        t.assertEqual(numbers(), ["2", "3"])

    with subtest("prune.newest"):
        switched("two")
        t.assertEqual(numbers(), ["3", "4"])
        t.assertEqual(generation(), "4")

    with subtest("prune.foreign"):
        machine.succeed("mkdir /run/secrets.d/of-somebody-else")
        switched(None)
        t.assertEqual(numbers(), ["of-somebody-else", "5"])
  '';
}
