# shellcheck shell=bash
# The flake, checked with a stand-in for nixpkgs, from a copy that holds only what belongs to the repository.

copy=/nix/repository
mkdir -p "$copy"
{ git ls-files -z --cached --others --exclude-standard 2>/dev/null || find . -path ./target -prune -o -path ./.cache -prune -o -type f -print0; } |
  tar --null --files-from=- --create 2>/dev/null | tar --extract --directory="$copy"

stand_ins=(--impure --no-write-lock-file --override-input nixpkgs "path:$here" --override-input sops-nix "path:$here/beside")
flake() { nix nix --offline --option warn-dirty false flake "$@" "${stand_ins[@]}"; }

expect 'nix flake check' flake check --no-build "path:$copy"
shown=$(flake show --json "path:$copy" 2>/dev/null)
for output in nixosModules.default nixosModules.sops packages.\"x86_64-linux\".default packages.\"x86_64-linux\".\"sops-activate\" \
  checks.\"x86_64-linux\".package checks.\"x86_64-linux\".module formatter.\"x86_64-linux\"; do
  expect "the flake has $output" jq -e ".$output" <<< "$shown"
done
# A virtual machine for each file, and two more for drop-in.nix.
for system in x86_64-linux aarch64-linux; do
  expect "the flake has a check for each of vm-tests/nixos, on $system" diff -u \
    <(cd "$root/vm-tests/nixos" && find . -maxdepth 1 -name '*.nix' | sed -E '/default/d; s#\./(.*)\.nix#vm-\1#; s/vm-drop-in/&\n&-swapped\n&-theirs/' | sort) \
    <(nix nix --offline eval --json --apply builtins.attrNames "${stand_ins[@]}" \
      "path:$copy#checks.$system" 2>/dev/null | jq -r '.[] | select(startswith("vm-"))' | sort)
done
expect 'the module of default.nix is that of the flake' nix nix-instantiate --eval \
  --expr "(import $copy { pkgs = null; }).nixosModules.default == $copy/nixos-module || throw \"another one\""
