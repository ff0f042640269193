# The names that options had once.
{
  sops = {
    sshKeyPaths = [ "/etc/ssh/ssh_host_rsa_key" ];
    gnupgHome = null;
    defaultSopsFile = ../../../examples/quickstart/services.yaml;
    secrets.service = { };
  };
}
