"""Checks the scripts of the NixOS tests without running them, and that they make the claims that `claims` lists for them.

    lint.py CLAIMS SCRIPTS [CACHE]

SCRIPTS is JSON, `{NAME: {"file": …, "script": …, "machines": […]}}`. Prints a line for each fault; exits 1 if there is one. What NixOS
does to a script before it runs it is done here too: pyflakes and mypy, with the names of the driver and of the machines. Without
CACHE, mypy's directory, only the claims are compared.
"""

import ast
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

claims_file, scripts_file, *cache = map(pathlib.Path, sys.argv[1:])
DRIVER = pathlib.Path(__file__).parent
NAMES = ["subtest", "start_all", "t"]
# Calls that can fail by what they find on the machine.
ASSERTING = {"succeed", "fail", "wait_for_unit", "wait_for_file", "wait_until_succeeds"}

faults = []


def read_claims(text):
    """The names with the tiers that make them, and for each file of nixos/ the names that it has to make."""
    tiers, files = {}, {}
    for number, line in enumerate(text.splitlines(), 1):
        where = f"claims:{number}"
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("N "):
            _, file, *names = line.split()
            for name in names:
                if name in files.setdefault(file, []):
                    faults.append(f"{where}: {file} is to claim '{name}' twice")
                files[file].append(name)
        elif found := re.fullmatch(r"([A-B ]{3}) +(\S+) +\S.*", line):
            if found[2] in tiers:
                faults.append(f"{where}: '{found[2]}' stands twice")
            tiers[found[2]] = found[1].split()
        else:
            faults.append(f"{where}: cannot be read: {line}")
    for file, names in files.items():
        faults.extend(f"claims: {file} is to claim '{name}', which is not in the list" for name in names if name not in tiers)
    made = {name for names in files.values() for name in names}
    faults.extend(f"claims: nobody claims '{name}'" for name, own in tiers.items() if not own and name not in made)
    return files


def is_subtest(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "subtest"


def asserts(node):
    if isinstance(node, ast.Assert):
        return True
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    return node.func.attr in ASSERTING or node.func.attr.startswith("assert")


def subtests(name, tree):
    """The names of a script's subtests. Faults: a name that is not spelt out, and a subtest that nothing can make fail."""
    found = []
    for block in ast.walk(tree):
        for item in block.items if isinstance(block, ast.With) else []:
            if not is_subtest(item.context_expr):
                continue
            words = item.context_expr.args
            if len(words) != 1 or not isinstance(words[0], ast.Constant) or not isinstance(words[0].value, str):
                faults.append(f"{name}: line {block.lineno}: the name of a subtest is to be spelt out")
                continue
            found.append(words[0].value)
            if not any(asserts(node) for statement in block.body for node in ast.walk(statement)):
                faults.append(f"{name}: line {block.lineno}: nothing in subtest '{words[0].value}' can fail")
    used = [node for node in ast.walk(tree) if is_subtest(node)]
    if len(used) != len(found):
        faults.append(f"{name}: a subtest is not the head of a `with`")
    return found


def compare(name, file, found, wanted):
    faults.extend(f"{name}: subtest '{one}' is not a claim of nixos/{file}.nix" for one in sorted(set(found) - set(wanted)))
    faults.extend(f"{name}: no subtest makes the claim '{one}'" for one in sorted(set(wanted) - set(found)))
    faults.extend(f"{name}: two subtests are called '{one}'" for one in sorted({one for one in found if found.count(one) > 1}))


def tool(command, environment, directory):
    run = subprocess.run(command, env=os.environ | environment, cwd=directory, capture_output=True, text=True)
    output = (run.stdout + run.stderr).strip()
    # A tool that fails and says nothing has not looked.
    return output.splitlines() if run.returncode == 0 or output else [f"{command[2]} failed with status {run.returncode}"]


def module(name):
    return name.replace("-", "_") + ".py"


def undefined_names(directory, scripts):
    for name, test in scripts.items():
        builtins = ",".join(NAMES + test["machines"])
        faults.extend(tool([sys.executable, "-m", "pyflakes", module(name)], {"PYFLAKES_BUILTINS": builtins}, directory))


def types(directory, scripts):
    command = [sys.executable, "-m", "mypy", "--no-implicit-optional", "--disallow-untyped-defs", "--no-error-summary"]
    command += ["--scripts-are-modules", "--cache-dir", str(cache[0])]
    for name, test in scripts.items():
        machines = "".join(f"{machine}: Machine; " for machine in test["machines"])
        # All on the first line, which is a comment in the script, so that the lines keep their numbers.
        first, rest = test["script"].split("\n", 1)
        head = f"from nixos_driver import Machine, {', '.join(NAMES)}; {machines}{first}\n"
        (directory / "typed").mkdir(exist_ok=True)
        (directory / "typed" / module(name)).write_text(head + rest)
    files = [f"typed/{module(name)}" for name in scripts]
    faults.extend(tool(command + files, {"MYPYPATH": str(DRIVER)}, directory))


scripts = json.loads(scripts_file.read_text())
listed = read_claims(claims_file.read_text())
total = 0
with tempfile.TemporaryDirectory() as temporary:
    directory = pathlib.Path(temporary)
    good = {}
    for name, test in scripts.items():
        try:
            tree = ast.parse(test["script"])
        except SyntaxError as error:
            faults.append(f"{name}: line {error.lineno}: {error.msg}")
            continue
        good[name] = test
        (directory / module(name)).write_text(test["script"])
        found = subtests(name, tree)
        total += len(found)
        compare(name, test["file"], found, listed.get(test["file"], []))
    if cache and good:
        undefined_names(directory, good)
        types(directory, good)
faults.extend(f"claims: there is no nixos/{file}.nix" for file in set(listed) - {test["file"] for test in scripts.values()})

print(*faults, sep="\n", end="\n" if faults else "")
print(f"{len(scripts)} scripts with {total} subtests, {len(faults)} faults")
sys.exit(1 if faults or total == 0 else 0)
