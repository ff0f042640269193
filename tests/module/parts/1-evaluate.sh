# shellcheck shell=bash
# Every file parses; every configuration of cases/ evaluates to its golden file; those of failing/ fail as they say.

normal="s#/nix/store/[0-9a-z]{32}-#/nix/store/‹hash›-#g; s#$root/#‹root›/#g; s#-systemd-[0-9.]+/#-systemd-‹version›/#g"

mapfile -t files < <(find "$root" \( -path "$root/target" -o -path "$root/.cache" -o -path "$root/.git" \) -prune -o -name '*.nix' -type f -print)
expect "all ${#files[@]} files parse" nix nix-instantiate --parse "${files[@]}"

answers=$(mktemp)
if instantiate -A answers "$here" 2> "$answers.err" | sed -E "$normal" > "$answers" && [ -s "$answers" ]; then
  for file in "$here"/cases/*.nix; do
    name=$(basename "$file" .nix)
    # A given nixpkgs is as new as it is.
    if [ -n "${NIXPKGS:-}" ] && [ "$name" = older-nixos ]; then echo "not run with NIXPKGS: $name"; continue; fi
    golden=$here/golden/$name.json
    jq --sort-keys --arg name "$name" '.[$name]' "$answers" > "$answers.one"
    if $update; then cp "$answers.one" "$golden"; fi
    expect "case $name differs from its golden file (tests/module/run --update writes it anew)" diff -u "$golden" "$answers.one"
  done
  for golden in "$here"/golden/*.json; do
    expect "$(basename "$golden") belongs to a case" test -e "$here/cases/$(basename "$golden" .json).nix"
  done
else
  fail 'the cases cannot be evaluated' "$(cat "$answers.err")"
fi
rm -f "$answers" "$answers".*

for file in "$here"/failing/*.nix; do
  name=$(basename "$file" .nix)
  wanted=$(sed -n '1s/^# error: //p' "$file")
  if output=$(instantiate -A "failing.$name.manifests" "$here" 2>&1); then
    fail "failing/$name evaluates" "$output"
  elif [ -n "$wanted" ] && grep -qF -- "$wanted" <<< "$output"; then
    ok
  else
    fail "failing/$name does not fail with '$wanted'" "$output"
  fi
done
