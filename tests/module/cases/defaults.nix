# What most machines have: a host key, a sops file, a secret.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../../examples/quickstart/services.yaml;
  sops.secrets."database/password" = { };
}
