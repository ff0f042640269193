# NOT clan: a stand-in for the settings that clan gives to each of its machines.
{ lib, ... }:
{
  options.clan.core.settings = lib.mkOption {
    type = lib.types.submodule {
      options = {
        directory = lib.mkOption { type = lib.types.path; };
        machine = lib.mkOption {
          type = lib.types.submodule { options.name = lib.mkOption { type = lib.types.str; }; };
        };
      };
    };
  };
}
