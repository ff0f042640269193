# error: not known here: testscript
{ common }:
{
  name = "sops-activate-plugin";
  nodes.machine.imports = [ common.machine ];
  testscript = common.script "";
}
