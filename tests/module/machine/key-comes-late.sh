# shellcheck shell=bash
# No key at the first boot; then it comes, and the unit that waits for it starts the same command.
activate first
claim 'without a key the activation fails' "$status" 1
holds 'the key is named' "$output" "$host_key"
claim 'no secret is there' "$(cat /run/secrets/value 2>&1)" 'cat: /run/secrets/value: No such file or directory'

give_key
start_unit first
claim 'with the key the unit succeeds' "$status" 0
claim 'the secret is there' "$(cat /run/secrets/value)" s3cr3t-demo
claim 'its link too' "$(cat /etc/web/value)" s3cr3t-demo
claim 'services that started without it are restarted' "$(sort /run/systemctl | tr '\n' '|')" \
  '--no-block try-reload-or-restart proxy.service|--no-block try-restart mailer.service web.service|'
rm /run/systemctl

start_unit first
claim 'a second look finds nothing to do' "$status $(grep -v '^Imported' <<< "$output")" '0 '
claim 'and asks nothing' "$(cat /run/systemctl 2>&1)" 'cat: /run/systemctl: No such file or directory'
