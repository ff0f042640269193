# What changes between generations.
{ lib, ... }:
{
  sops.secrets.value.key = lib.mkDefault "database/password";
}
