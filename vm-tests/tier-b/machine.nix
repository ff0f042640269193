# The machine of tier B in six generations, evaluated: its unit files, its activation script, its manifests, and what they name in the store.
{
  # A directory with the agent's static binary in `bin`, and the one with the encrypted files.
  agent,
  files,
  # A directory with an age plugin in `bin`.
  plugin,
  nixpkgsLib ? ../../tests/module/lib,
}:
let
  lib = import nixpkgsLib;
  pkgs = import ../../tests/module/pkgs.nix { inherit agent lib; };
  evaluate = import ../../tests/module/evaluate.nix { inherit lib pkgs; };
  unitFiles = import ../../tests/module/unit-files.nix { inherit lib; };
  file = name: /. + "${files}/${name}";
  toy = {
    type = "derivation";
    name = "plugin-toy";
    outPath = builtins.path {
      name = "plugin-toy";
      path = plugin;
    };
    meta.mainProgram = "age-plugin-toy";
  };

  # The same secrets as in tier A (lib/machine.py), declared as a user of the module does.
  common =
    { config, ... }:
    {
      systemd.sysusers.enable = true;
      users.users.web.group = "web";
      sops = {
        age.sshKeyPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
        # One more key, which opens nothing.
        age.keyFile = lib.mkDefault "/keep/keys/key.txt";
        age.generateKey = lib.mkDefault true;
        secrets = {
          hash = {
            neededForUsers = true;
            sopsFile = lib.mkDefault (file "users.yaml");
          };
          # A home that is made before links are.
          home = {
            key = "public";
            owner = "web";
            path = "/srv/web/conf/public";
          };
          "app/token" = {
            owner = "web";
            mode = "0440";
            path = "/etc/web/token";
            restartUnits = [
              "web.service"
              "idle.service"
            ];
          };
          public.mode = "0444";
          smtp = {
            format = "dotenv";
            key = "SMTP_PASSWORD";
            owner = "web";
            group = "root";
          };
        };
        templates."web.conf" = {
          owner = "web";
          group = "keys";
          mode = "0460";
          content = "token ${config.sops.placeholder."app/token"}\n";
          reloadUnits = [ "proxy.service" ];
        };
      };
    };
  first.systemd.services = {
    mailer = { };
    guest = { };
  };
  first.sops = {
    defaultSopsFile = file "first.yaml";
    secrets.smtp.sopsFile = file "smtp.env";
    secrets.old = {
      path = "/etc/old";
      credentialFor = [
        "mailer"
        "guest"
      ];
    };
  };
  changed = smtp: {
    systemd.services.courier = { };
    sops = {
      defaultSopsFile = file "changed.yaml";
      secrets.smtp.sopsFile = file smtp;
      secrets.new.path = "/etc/new";
      secrets.new.credentialFor = [ "courier" ];
      secrets.hash.sopsFile = file "users-changed.yaml";
    };
  };
  # More keys: on a file system that need not be there, on one that has to be, and is slow (guest/fstab), and one that is uploaded. And
  # what lies where the sandbox of the units does not let everything through.
  stick = {
    imports = [ (changed "smtp.env") ];
    fileSystems = {
      "/" = { };
      "/mnt/stick".options = [ "nofail" ];
      "/mnt/slow" = { };
    };
    sops.age.keyFile = "/mnt/stick/key.txt";
    sops.age.plugins = [ toy ];
    sops.secrets.plugin.sopsFile = file "plugin.yaml";
    sops.age.generateKey = false;
    sops.age.sshKeyPaths = [
      "/mnt/slow/key"
      "/etc/late/key"
    ];
    sops.validateSopsFiles = false;
    sops.secrets.outside.sopsFile = "/root/secrets/outside.yaml";
    sops.secrets.data = {
      key = "public";
      path = "/data/app/token";
    };
    sops.secrets.late.sopsFile = file "late.yaml";
    sops.secrets.stick.sopsFile = file "stick.yaml";
    sops.secrets.slow.sopsFile = file "slow.yaml";
  };

  # No unit makes users: activation scripts do, and install secrets.
  scripts = {
    imports = [ first ];
    systemd.sysusers.enable = lib.mkForce false;
    # As NixOS's own, it sets passwords.
    system.activationScripts.users.text = "/guest/bin/set-password web /run/secrets-for-users/hash";
    fileSystems = {
      "/" = { };
      "/mnt/slow" = { };
    };
    sops.age.sshKeyPaths = [ "/mnt/slow/key" ];
    sops.secrets.slow.sopsFile = file "slow.yaml";
    sops.secrets.old.credentialFor = lib.mkForce [ ];
  };

  generation =
    module:
    let
      inherit (evaluate { imports = module; }) config;
      snippets = config.system.activationScripts;
      manifest = built: {
        path = builtins.unsafeDiscardStringContext built.outPath;
        inherit (built) text;
      };
    in
    {
      units = unitFiles config;
      # In the order that NixOS finds (tests/module/parts/3-run.sh does too). Each says what became of it.
      activation =
        lib.concatMapStringsSep "\n"
          (name: ''
            ${snippets.${name}.text or snippets.${name}}
            echo ${name} $? >> /run/activated
          '')
          (
            lib.filter (name: snippets ? ${name}) [
              "generate-age-key"
              "setupSecretsForUsers"
              "users"
              "setupSecrets"
            ]
          );
      manifests = [
        (manifest config.system.build.sops-nix-manifest)
        (manifest config.system.build.sops-nix-users-manifest)
      ];
    };
in
lib.mapAttrs (_: generation) {
  first = [
    common
    first
  ];
  changed = [
    common
    (changed "smtp.env")
  ];
  broken = [
    common
    (changed "damaged.env")
  ];
  stick = [
    common
    stick
  ];
  scripts = [
    common
    scripts
  ];
  # The module alone.
  none = [ ];
}
