# shellcheck shell=bash
# systemd's own opinion of the units, and the option reference.

command -v systemd-analyze >/dev/null ||
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends systemd >/dev/null

units=/nix/units
mkdir -p "$units"
if ! nix nix-instantiate --eval --strict --json --read-write-mode --arg agent "$package" \
  ${NIXPKGS_LIB:+--arg nixpkgsLib "$NIXPKGS_LIB"} "$here/unit-texts.nix" > "$units/all.json" 2> "$units/err"; then
  fail 'the units cannot be evaluated' "$(cat "$units/err")"
fi
verify() {
  local name complaints
  rm -rf "$units/$1" && mkdir "$units/$1"
  while IFS= read -r name; do
    jq -r --arg case "$1" --arg name "$name" '.[$case][$name]' "$units/all.json" > "$units/$1/$name"
  done < <(jq -r --arg case "$1" '.[$case] | keys[]' "$units/all.json")
  [ -n "$(ls "$units/$1")" ] || return 1
  # The programs that make a key are stand-ins here.
  complaints=$(SYSTEMD_UNIT_PATH="$units/$1:" systemd-analyze verify --man=no "$units/$1"/* 2>&1 |
    grep -F "$units/$1" | grep -vE '(mkdir|age-keygen) is not executable')
  printf '%s\n' "$complaints"
  [ -z "$complaints" ]
}
while read -r case; do
  expect "systemd-analyze verify: units of $case" verify "$case"
done < <(jq -r 'keys[]' "$units/all.json")

reference=$(mktemp)
if nix nix-instantiate --eval --strict --json --read-write-mode "$here/options-doc.nix" 2> "$reference.err" | jq -r . > "$reference" && [ -s "$reference" ]; then
  if $update; then cp "$reference" "$root/docs/options.md" && chmod 0644 "$root/docs/options.md"; fi
  expect 'docs/options.md is out of date (tests/module/run --update writes it anew)' diff -u "$root/docs/options.md" "$reference"
else
  fail 'docs/options.md cannot be made' "$(cat "$reference.err")"
fi
rm -f "$reference" "$reference.err"
