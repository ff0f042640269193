# shellcheck shell=bash
# The evaluated activation snippets, run for real in NixOS's order, in a mount namespace with a /run and an /etc of its own.

machine() { "$@" ${NIXPKGS_LIB:+--arg nixpkgsLib "$NIXPKGS_LIB"} --arg agent "$package" "$here/machine"; }

# activation GENERATION: the script that NixOS makes of the snippets: each after what it depends on, none stopping the others.
activation() {
  local name snippets=$activations/$1.json dry=$2
  printf '#!/bin/bash\numask 0022\n_status=0\ntrap "_status=1 _localstatus=\\$?" ERR\n'
  while read -r name; do
    if "$dry" && [ "$(jq --arg name "$name" '.snippets[] | select(.name == $name).dry' "$snippets")" != true ]; then continue; fi
    printf '_localstatus=0\n'
    jq -r --arg name "$name" '.snippets[] | select(.name == $name).text' "$snippets"
    printf 'if (( _localstatus > 0 )); then printf "Activation script snippet %%s failed (%%s)\\n" %s "$_localstatus"; fi\n' "$name"
  done < <(jq -r '.snippets[] | .name as $name | ([$name, $name], (.deps[] | [., $name])) | join(" ")' "$snippets" | tsort)
  printf 'exit $_status\n'
}

activations=/nix/activations
mkdir -p "$activations"
ready=true
machine nix nix-instantiate --eval --strict --json --read-write-mode 2> "$activations/err" > "$activations/all.json" || ready=false
for generation in first changed broken; do
  jq --arg generation "$generation" '.[$generation]' "$activations/all.json" > "$activations/$generation.json" || ready=false
  activation "$generation" false > "$activations/$generation"
  activation "$generation" true > "$activations/$generation-dry"
  machine nix nix-build --no-out-link -A "$generation.manifests" >> "$activations/err" 2>&1 || ready=false
done
chmod +x "$activations"/*

if ! $ready; then
  fail 'the machine cannot be built' "$(cat "$activations/err")"
else
  for story in "$here"/machine/*.sh; do
    while read -r result name; do
      if [ "$result" = ok ]; then ok; else fail "$(basename "$story" .sh): ${name%%|*}" "$(tr '|' '\n' <<< "${name#*|}")"; fi
    done < <(unshare --mount --propagation private bash "$here/machine/story" "$story" "$activations" "$root/examples/quickstart")
  done
fi
