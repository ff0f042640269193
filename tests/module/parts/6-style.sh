# shellcheck shell=bash
# Formatted as nixfmt does it, and nothing in it that is not used. nixfmt_rs is nixfmt's own style in Rust; it can be had from
# the same registry as everything else.

style_tools() {
  command -v nixfmt >/dev/null && command -v deadnix >/dev/null && return
  PATH=$cache/nix-tools/bin:$PATH
  command -v nixfmt >/dev/null && command -v deadnix >/dev/null && return
  cargo install --quiet --locked --root "$cache/nix-tools" --version 0.5.3 nixfmt_rs &&
    cargo install --quiet --locked --root "$cache/nix-tools" --version 1.3.1 deadnix
}

mapfile -t ours < <(find "$root" \( -path "$root/target" -o -path "$root/.cache" -o -path "$root/.git" \) -prune -o -name '*.nix' -type f -print)
# Cargo has its own place to keep things, in the home that the tests do not use.
if ! HOME=$home style_tools > /nix/style.log 2>&1; then
  fail 'nixfmt and deadnix cannot be had' "$(cat /nix/style.log)"
else
  expect 'nixfmt would change files' nixfmt --check "${ours[@]}"
  expect 'deadnix finds unused code' deadnix --fail "${ours[@]}"
fi
long=$(find "$root/nixos-module" "$here" -name '*.nix' -size +0 -exec awk 'END { if (FNR > 200) print FILENAME ": " FNR " lines" }' {} \;)
expect "files are short: $long" test -z "$long"
