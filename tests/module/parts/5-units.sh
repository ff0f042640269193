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
# furnish CASE: its units in a directory, and the mount units that systemd's own generator makes of its file systems. Stage 1 has mounted
# what is not among these.
furnish() {
  local name target directory=$units/$1
  rm -rf "$directory" && mkdir "$directory"
  while IFS= read -r name; do
    jq -j --arg case "$1" --arg name "$name" '.[$case].units[$name].text' "$units/all.json" > "$directory/$name"
    for target in $(jq -r --arg case "$1" --arg name "$name" '.[$case].units[$name].wantedBy[]' "$units/all.json"); do
      mkdir -p "$directory/$target.wants" && ln -s "../$name" "$directory/$target.wants/$name"
    done
  done < <(jq -r --arg case "$1" '.[$case].units | keys[]' "$units/all.json")
  jq -j --arg case "$1" '.[$case].fstab' "$units/all.json" > "$directory.fstab"
  SYSTEMD_FSTAB=$directory.fstab /usr/lib/systemd/system-generators/systemd-fstab-generator "$directory" "$directory" "$directory" || return 1
  # As NixOS has it. Debian's systemd-sysusers.service has these orders too.
  printf '[Unit]\nDefaultDependencies=false\nAfter=systemd-remount-fs.service\nBefore=%s\n[Service]\nType=oneshot\nExecStart=/bin/true\n' \
    'systemd-tmpfiles-setup-dev.service sysinit.target shutdown.target' > "$directory/userborn.service"
  printf '[Unit]\nBefore=network-online.target\n[Service]\nType=oneshot\nExecStart=/bin/true\n' > "$directory/network-up.service"
  mkdir -p "$directory"/{sysinit,network-online}.target.wants
  ln -s ../userborn.service "$directory/sysinit.target.wants"
  ln -s ../network-up.service "$directory/network-online.target.wants"
}
verify() {
  local complaints
  [ -n "$(ls "$units/$1"/sops-*)" ] || return 1
  # The programs that make a key, start units or make directories are stand-ins here.
  complaints=$(SYSTEMD_UNIT_PATH="$units/$1:" systemd-analyze verify --man=no sysinit.target remote-fs.target "$units/$1"/sops-* 2>&1 |
    grep -E "$units/$1|cycle|sops|secrets" | grep -vE '/nix/store/[^ ]*-(age|bash|coreutils|systemd|util-linux)-[^ ]* is not executable')
  printf '%s\n' "$complaints"
  [ -z "$complaints" ]
}
while read -r case; do
  expect "the units of $case are written" furnish "$case"
  expect "systemd-analyze verify: units of $case" verify "$case"
done < <(jq -r 'keys[]' "$units/all.json")

# faulty CASE UNIT LINE: with the line in the unit, systemd finds a circle.
faulty() {
  local found
  furnish "$1" && sed -i "s|^\[Unit\]|&\n$3|" "$units/$1/$2" || return 1
  if found=$(verify "$1"); then
    echo 'nothing is found'
    return 1
  fi
  grep -q 'ordering cycle' <<< "$found"
}
users=sops-install-secrets-for-users.service
expect 'a file system that has to come, and that users wait for, is a circle' faulty late-keys "$users" 'RequiresMountsFor=/persist'
expect 'a mount unit that users wait for is a circle' faulty late-keys "$users" 'RequiresMountsFor=/own'
expect 'a watch that users wait for is a circle' faulty late-keys 'sops-retry-secrets-persist.path' "Before=$users"
expect 'a network that secrets wait for is a circle' faulty late-keys sops-install-secrets.service 'RequiresMountsFor=/net'
expect 'a key that is made late, and that users wait for, is a circle' faulty generate-key-late sops-generate-age-key.service "Before=$users"

reference=$(mktemp)
if nix nix-instantiate --eval --strict --json --read-write-mode "$here/options-doc.nix" 2> "$reference.err" | jq -r . > "$reference" && [ -s "$reference" ]; then
  if $update; then cp "$reference" "$root/docs/options.md" && chmod 0644 "$root/docs/options.md"; fi
  expect 'docs/options.md is out of date (tests/module/run --update writes it anew)' diff -u "$root/docs/options.md" "$reference"
else
  fail 'docs/options.md cannot be made' "$(cat "$reference.err")"
fi
rm -f "$reference" "$reference.err"
