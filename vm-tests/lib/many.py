"""Makes a machine with many secrets, to see how long the agent takes with them.

    many.py AGENT SOPS OUT COUNT...

OUT/machine/key             the host key that opens them all
OUT/machine/files-N/        a manifest for each phase: N secrets in N sops files, as clan has them
OUT/machine/yaml-N/         the same: N secrets in one YAML file, as most users of sops-nix have them
OUT/etc                     users and groups
"""

import concurrent.futures
import json
import os
import pathlib
import secrets
import subprocess
import sys

agent, sops, out = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
counts = [int(word) for word in sys.argv[4:]]
machine = out / "machine"


def run(*command, stdin=None):
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return subprocess.run(command, input=stdin, env=environment, check=True, capture_output=True, text=True).stdout


def encrypt(kind, text, path):
    """Encrypts `text` for the machine, as a user of sops does."""
    command = [sops, "--disable-version-check", "--config", "/dev/null", "encrypt", "--age", recipient]
    path.write_text(run(*command, "--input-type", kind, "--output-type", kind, "/dev/stdin", stdin=text))


def manifests(name, entries):
    """Both phases with the same secrets: each is measured with as many."""
    for phase, mount in (("users", "/run/secrets-for-users"), ("services", "/run/secrets")):
        declared = {"owner": "root", "group": "root", "mode": "0400", "restartUnits": [], "reloadUnits": []}
        if phase == "services":
            declared |= {"owner": "web", "group": "web"}
        body = {
            "schema": 1,
            "secrets": [entry | declared | {"path": f"{mount}/{entry['name']}"} for entry in entries],
            "templates": [],
            "placeholderBySecretName": {},
            "secretsMountPoint": f"{mount}.d",
            "symlinkPath": mount,
            "keepGenerations": 1,
            "ageSshKeyPaths": ["/machine/key"],
            "logging": {"keyImport": False, "secretChanges": False},
        }
        directory = machine / name
        directory.mkdir(exist_ok=True)
        (directory / f"{phase}.json").write_text(json.dumps(body))


(machine / "sops").mkdir(parents=True)
(out / "etc").mkdir()
(out / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nweb:x:995:994::/var/empty:/bin/false\n")
(out / "etc/group").write_text("root:x:0:\nkeys:x:96:\nweb:x:994:\n")
run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "machine", "-f", str(machine / "key"))
recipient = run(agent, "recipient", str(machine / "key.pub")).strip()

names = [f"secret-{number}" for number in range(max(counts))]
with concurrent.futures.ThreadPoolExecutor() as pool:
    list(pool.map(lambda name: encrypt("binary", secrets.token_hex(20), machine / "sops" / name), names))
for count in counts:
    document = "".join(f"{name}: {secrets.token_hex(20)}\n" for name in names[:count])
    encrypt("yaml", document, machine / "sops" / f"{count}.yaml")
    entries = [{"name": name, "key": "", "format": "binary", "sopsFile": f"/machine/sops/{name}"} for name in names[:count]]
    manifests(f"files-{count}", entries)
    entries = [{"name": name, "key": name, "format": "yaml", "sopsFile": f"/machine/sops/{count}.yaml"} for name in names[:count]]
    manifests(f"yaml-{count}", entries)
