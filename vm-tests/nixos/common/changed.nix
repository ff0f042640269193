# The second generation of the machine: one value changes, one secret comes.
{ files }:
{
  sops.defaultSopsFile = "${files}/changed.yaml";
  sops.secrets.new = { };
}
