# shellcheck shell=bash
# The manifests of builds/, built in the sandbox, with the static binary as their checker.

package=/nix/package
mkdir -p "$package/bin"
cp "$agent" "$package/bin/sops-activate"
ln -sf sops-activate "$package/bin/sops-install-secrets"

build() {
  nix nix-build --no-out-link --arg agent "$package" ${NIXPKGS_LIB:+--arg nixpkgsLib "$NIXPKGS_LIB"} -A "$1" "$here/builds.nix"
}

for file in "$here"/builds/*.nix; do
  name=$(basename "$file" .nix)
  first=$(head -n 1 "$file")
  output=$(build "$name" 2>&1)
  status=$?
  case $first in
    '# good: '*)
      if [ "$status" -eq 0 ] && [ -s "$(tail -n 1 <<< "$output")" ]; then ok; else fail "builds/$name is not built" "$output"; fi
      ;;
    '# error: '*)
      if [ "$status" -eq 0 ]; then
        fail "builds/$name is built, and should not be"
      # The agent's own words: not that Nix says so too, nor any other failure.
      elif grep -v '/nix/store/.*\.drv' <<< "$output" | grep -qF -- "${first#'# error: '}"; then
        ok
      else
        fail "builds/$name does not fail with '${first#'# error: '}'" "$output"
      fi
      ;;
    *) fail "builds/$name does not say whether it is good" ;;
  esac
done
