# `neededFor` and `neededForUsers`: two ways to say the same. Whichever is set decides, and the other one follows.
{
  lib,
  noun,
  # The secret or template itself, and its options
  self,
  selfOptions,
}:
let
  inherit (lib) mkOption types;
  isSet = option: option.highestPrio < (lib.mkOptionDefault null).priority;
in
{
  neededFor = mkOption {
    type = types.enum [
      "services"
      "users"
    ];
    default = if isSet selfOptions.neededForUsers && self.neededForUsers then "users" else "services";
    defaultText = "services";
    description = ''
      When this ${noun} is installed: `users` is before users are made, in `/run/secrets-for-users`, and only root can own
      it then; `services` is before services start, in `/run/secrets`.
    '';
  };

  neededForUsers = mkOption {
    type = types.bool;
    default = self.neededFor == "users";
    defaultText = lib.literalExpression ''neededFor == "users"'';
    description = "The same as `neededFor = \"users\"`: for password hashes and whatever else users need to be made.";
  };
}
