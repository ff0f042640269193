# shellcheck shell=bash
# A first boot, a dry run, a switch, the same again, and a switch that fails in part.
give_key

activate first
claim 'the first activation succeeds' "$status" 0
claim 'users come after their secrets and before the others' "$(grep -v groups /run/order | tr '\n' ' ')" 'specialfs users afterwards '
claim 'the password hash was there when users were made' "$(cat /etc/shadow)" 'web:s3cr3t-demo:1::::::'
claim 'secrets for users belong to root' "$(of /run/secrets-for-users/hash)" 'root:root 400'
claim 'a secret has its value' "$(cat /run/secrets/value)" s3cr3t-demo
claim 'a secret has its owner, its group by default, and its mode' "$(of /run/secrets/value)" 'web:web 440'
claim 'a link stands at the declared path' "$(readlink /etc/web/value)" /run/secrets/value
claim 'a group by number' "$(of /run/secrets/database/port)" 'root:keys 400'
claim 'one variable of a dotenv file' "$(cat /run/secrets/smtp)" hunter2
claim 'a whole dotenv file' "$(cat /run/secrets/whole)" $'SMTP_USER=demo\nSMTP_PASSWORD=hunter2'
claim 'a template' "$(cat /run/secrets/rendered/web.conf)" 'port 5432 password hunter2'
claim 'its owner' "$(of /run/secrets/rendered/web.conf)" 'web:web 400'
claim 'both live in memory' "$(stat -f -c %T /run/secrets.d /run/secrets-for-users.d | tr '\n' ' ')" 'ramfs ramfs '
claim 'only root and keys can list the generation' "$(of /run/secrets.d/1)" 'root:keys 751'
claim 'nothing restarts at boot' "$(ls /run/nixos)" ''

dry_activate changed
claim 'the dry run succeeds' "$status" 0
holds 'the dry run says what would change' "$output" 'would modify secrets: database/port, value'
holds 'the dry run says what would come' "$output" 'would add secret: added'
claim 'the dry run lists what would restart' "$(sort -u /run/nixos/dry-activation-restart-list)" web.service
claim 'the dry run changes nothing' "$(cat /run/secrets/value) $(generation /run/secrets)" 's3cr3t-demo 1'
rm -f /run/nixos/*

activate changed
claim 'the switch succeeds' "$status" 0
holds 'the switch says what has changed' "$output" 'modifying secrets: database/port, value'
claim 'the changed value' "$(cat /run/secrets/value)" 5432
claim 'the changed group' "$(of /run/secrets/database/port)" 'root:web 400'
claim 'the new secret' "$(cat /run/secrets/added)" demo
claim 'the link is still right' "$(cat /etc/web/value)" 5432
claim 'what restarts' "$(sort -u /run/nixos/activation-restart-list)" web.service
claim 'nothing reloads' "$(cat /run/nixos/activation-reload-list 2>&1)" 'cat: /run/nixos/activation-reload-list: No such file or directory'
claim 'users kept their generation' "$(generation /run/secrets-for-users)" 1

activate changed
claim 'the same again succeeds' "$status" 0
claim 'the same again changes nothing' "$(generation /run/secrets)" 2
claim 'the same again restarts nothing more' "$(sort -u /run/nixos/activation-restart-list)" web.service

activate broken
claim 'a secret that fails makes the activation fail' "$status" 1
holds 'NixOS names the snippet' "$output" 'Activation script snippet setupSecrets failed (3)'
holds 'the agent names the secret' "$output" "secret 'smtp'"
claim 'the other secrets are there' "$(cat /run/secrets/value /run/secrets/added)" "$(printf '5432demo')"
claim 'the secret that failed is as it was' "$(cat /run/secrets/smtp)" hunter2
claim 'the snippets behind it ran' "$(tail -n 1 /run/order)" afterwards
