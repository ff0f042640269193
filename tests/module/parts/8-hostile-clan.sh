# shellcheck shell=bash
# A clan's repository whose names are meant to be taken for something else: by Nix, by a shell, by systemd, by the agent.

clan=/nix/hostile-clan
# What has to arrive as it is.
# shellcheck disable=SC2016
odd=('$(touch pwned)' '`touch pwned`' ';touch ${IFS}pwned;' "';touch pwned;'" '"' '${builtins.abort "x"}' '@agent@' '--help' 'a b' '%i' '\n' 'é')
# What has to be refused by name.
bad=($'line\nbreak' 'rendered')

mkdir -p "$clan/sops/machines/m1"
cp "$here/clan/sops/machines/m1/key.json" "$clan/sops/machines/m1/"
for name in "${odd[@]}" "${bad[@]}"; do
  mkdir -p "$clan/sops/secrets/$name/machines/m1" && cp "$here/clan/sops/secrets/direct-directory/secret" "$clan/sops/secrets/$name/secret"
done
# And groups of such names.
mkdir -p "$clan/sops/groups/\$(touch pwned)/machines/m1" "$clan/sops/secrets/by-group/groups/\$(touch pwned)"
cp "$here/clan/sops/secrets/direct-directory/secret" "$clan/sops/secrets/by-group/secret"

cat > /nix/hostile.nix <<NIX
{ ... }@arguments:
let
  tests = import $here arguments;
in
import $here/evaluate.nix { inherit (tests) lib pkgs; } {
  imports = [ $here/beside/clan-settings.nix ];
  clan.core.settings.directory = $clan;
  clan.core.settings.machine.name = "m1";
}
NIX

if instantiate -A manifests.services /nix/hostile.nix > /nix/hostile.json 2> /nix/hostile.err; then
  wanted=$(jq -n '$ARGS.positional | sort' --args -- "${odd[@]}" "${bad[@]}" by-group)
  expect 'a hostile clan: every name is in the manifest as it is' \
    diff <(jq .[] <<< "$wanted") <(jq '[.secrets[].name] | sort | .[]' /nix/hostile.json)
  instantiate -A snippets /nix/hostile.nix > /nix/hostile.texts 2> /nix/hostile.err && instantiate -A units /nix/hostile.nix >> /nix/hostile.texts 2> /nix/hostile.err
  expect 'a hostile clan: a snippet runs the agent' grep -q 'sops-activate install' /nix/hostile.texts
  expect 'a hostile clan: no name is in a snippet or a unit' test 0 = "$(grep -c 'touch\|IFS\|line' /nix/hostile.texts)"

  if output=$("$agent" check --level manifest /nix/hostile.json 2>&1); then
    fail 'a hostile clan: names that cannot be are accepted' "$output"
  elif ! grep -v "^error: cannot use manifest\|^  secret 'line.nbreak': \|^  secret 'rendered': " <<< "$output" &&
    [ "$(grep -c "^  secret '" <<< "$output")" = 3 ]; then
    ok
  else
    fail 'a hostile clan: the agent says something else' "$output"
  fi
  jq '.secrets |= map(select(.name | test("\n|^rendered$") | not))' /nix/hostile.json > /nix/odd.json
  expect 'a hostile clan: odd names are names' "$agent" check --level manifest /nix/odd.json
else
  fail 'a hostile clan cannot be evaluated' "$(cat /nix/hostile.err)"
fi
expect 'a hostile clan: nothing of it was run' test ! -e pwned
