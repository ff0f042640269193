# GnuPG, asked for: its program is known to the agent, and the sandbox is wide enough for it.
{
  sops = {
    gnupg.home = "/var/lib/gnupg";
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service = { };
    useSystemdActivation = true;
  };
}
