"""Makes a machine to boot: its host key, secrets encrypted for it by the real sops, and three generations of manifests.

    machine.py AGENT SOPS OUT

OUT/etc       what the machine keeps on its disk: the host key, users and groups
OUT/store     what a switch brings: sops files, and a manifest for each generation and phase
OUT/expected  shell variables with the SHA-256 of every value: nothing in the machine holds a value but the agent
OUT/values    every value, a line each, for whoever searches disks and logs afterwards
OUT/stick.txt an age key that is not on the machine; it opens store/sops/stick.yaml. And one of the plugin, for store/sops/plugin.yaml
OUT/slow_key  an SSH key that is not on the machine; it opens store/sops/slow.yaml
OUT/late_key  another one; it opens store/sops/late.yaml
OUT/hash      the password hashes, which do end up on the disk, in /etc/shadow
"""

import hashlib
import json
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys

agent, sops, out = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
store = out / "store"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
# A key of the plugin beside them, and its recipient.
plugins = pathlib.Path(__file__).parent.parent / "nixos/common"
PLUGIN_KEY = "AGE-PLUGIN-TOY-1D4SKGEFQVEHHYGRPYP6X2UM5XM5YKJ"
PLUGIN_RECIPIENT = "age1toy1d4skgefqvehhygrpyp6x2um52fke6x"


def value():
    return "value-" + secrets.token_hex(16)


def run(*command, stdin=None):
    environment = {"PATH": f"{plugins}:{os.environ['PATH']}", "HOME": "/nonexistent"}
    return subprocess.run(command, input=stdin, env=environment, check=True, capture_output=True, text=True).stdout


def encrypt(kind, text, name, key=None):
    """Encrypts `text` for the machine, or for another key, as a user of sops does."""
    command = [sops, "--disable-version-check", "--config", "/dev/null", "encrypt", "--age", key or recipient]
    encrypted = run(*command, "--input-type", kind, "--output-type", kind, "/dev/stdin", stdin=text)
    (store / "sops" / name).write_text(encrypted)


def damage(source, name):
    """One letter of the ciphertext becomes another: the file still parses, and its MAC no longer holds."""
    text = (store / "sops" / source).read_text()
    position = re.search(r"PASSWORD=ENC\[AES256_GCM,data:", text).end()
    other = "B" if text[position] == "A" else "A"
    (store / "sops" / name).write_text(text[:position] + other + text[position + 1 :])


def secret(name, file, **declared):
    entry = {"name": name, "key": name, "format": "yaml", "sopsFile": f"/store/sops/{file}", "path": f"/run/secrets/{name}"}
    entry |= {"owner": "root", "group": "root", "mode": "0400", "restartUnits": [], "reloadUnits": []}
    return entry | declared


def manifest(generation, phase, mount, entries, templates=()):
    body = {
        "schema": 1,
        "secrets": entries,
        "templates": list(templates),
        "placeholderBySecretName": {entry["name"]: placeholder(entry["name"]) for entry in entries},
        "secretsMountPoint": mount + ".d",
        "symlinkPath": mount,
        "keepGenerations": 1,
        "ageSshKeyPaths": [HOST_KEY],
        "ageKeyFile": "/etc/plugin-key.txt",
        "agePlugins": ["/store/age-plugin-toy"],
        "logging": {"keyImport": True, "secretChanges": True},
    }
    directory = store / generation
    directory.mkdir(exist_ok=True)
    (directory / f"{phase}.json").write_text(json.dumps(body, indent=1))


def placeholder(name):
    return f"<SOPS:{hashlib.sha256(name.encode()).hexdigest()}:PLACEHOLDER>"


def generation(name, services, smtp, extra):
    """The secrets and the template of one generation; `extra` is the secret that only this one has."""
    hash_path = "/run/secrets-for-users/hash"
    manifest(name, "users", "/run/secrets-for-users", [secret("hash", "users.yaml", path=hash_path)])
    declared = {"owner": "web", "group": "web", "mode": "0440", "path": "/etc/web/token"}
    entries = [
        secret("app/token", services, **declared, restartUnits=["web.service"]),
        secret("public", services, mode="0444"),
        secret("smtp", smtp, format="dotenv", key="SMTP_PASSWORD", owner="web", mode="0400"),
        secret(extra, services, path=f"/etc/{extra}", mode="0400"),
        secret("plugin", "plugin.yaml"),
    ]
    content = f"token {placeholder('app/token')}\n"
    template = {"name": "web.conf", "content": content, "path": "/run/secrets/rendered/web.conf", "mode": "0460"}
    template |= {"owner": "web", "group": "keys", "reloadUnits": ["proxy.service"]}
    manifest(name, "services", "/run/secrets", entries, [template])


USERS = """root:x:0:0::/root:/bin/sh
stranger:x:1001:1001::/:/bin/sh
"""
GROUPS = """root:x:0:
stranger:x:1001:
"""

for directory in (store / "sops", out / "etc/ssh"):
    directory.mkdir(parents=True)
run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "machine", "-f", f"{out}{HOST_KEY}")
recipient = run(agent, "recipient", f"{out}{HOST_KEY}.pub").strip()

(out / "etc/passwd").write_text(USERS)
(out / "etc/group").write_text(GROUPS)
(out / "etc/shadow").write_text("root:!:1::::::\nstranger:!:1::::::\n")
(out / "etc/shadow").chmod(0o600)

def password_hash():
    return run("busybox", "mkpasswd", "-m", "sha512", value()).strip()


known = {
    "hash": password_hash(),
    "hash_changed": password_hash(),
    "token_first": value(),
    "token_changed": value(),
    "public": value(),
    "smtp": value(),
    "old": value(),
    "new": value(),
    "stick": value(),
    "slow": value(),
    "late": value(),
    "plugin": value(),
    "outside_first": value(),
    "outside_changed": value(),
}
encrypt("yaml", f"hash: {known['hash']}\n", "users.yaml")
encrypt("yaml", f"hash: {known['hash_changed']}\n", "users-changed.yaml")
for name in ("outside_first", "outside_changed"):
    encrypt("yaml", f"outside: {known[name]}\n", f"{name}.yaml")
for name, extra in (("first", "old"), ("changed", "new")):
    text = f"app:\n    token: {known['token_' + name]}\npublic: {known['public']}\n{extra}: {known[extra]}\n"
    encrypt("yaml", text, f"{name}.yaml")
encrypt("dotenv", f"SMTP_USER=web\nSMTP_PASSWORD={known['smtp']}\n", "smtp.env")
damage("smtp.env", "damaged.env")
# A secret that only a key on a stick can open.
run("age-keygen", "-o", f"{out}/stick.txt")
encrypt("yaml", f"stick: {known['stick']}\n", "stick.yaml", run("age-keygen", "-y", f"{out}/stick.txt").strip())
# And ones that only a host key on a slow disk can open, and one that is uploaded late.
for name in ("slow", "late"):
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", f"{out}/{name}_key")
    encrypt("yaml", f"{name}: {known[name]}\n", f"{name}.yaml", run(agent, "recipient", f"{out}/{name}_key.pub").strip())

# And one that only a plugin opens.
shutil.copy(plugins / "age-plugin-toy", store)
(out / "etc/plugin-key.txt").write_text(f"{PLUGIN_KEY}\n")
(out / "etc/plugin-key.txt").chmod(0o400)
encrypt("yaml", f"plugin: {known['plugin']}\n", "plugin.yaml", PLUGIN_RECIPIENT)
with (out / "stick.txt").open("a") as stick:
    stick.write(f"{PLUGIN_KEY}\n")

generation("first", "first.yaml", "smtp.env", "old")
generation("changed", "changed.yaml", "smtp.env", "new")
# From `first` on: one secret changed, another damaged.
generation("broken", "changed.yaml", "damaged.env", "new")

known["template_first"] = f"token {known['token_first']}\n"
known["template_changed"] = f"token {known['token_changed']}\n"
digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in known.items()}
(out / "expected").write_text("".join(f"{name}={digest}\n" for name, digest in digests.items()))
values = [text for name, text in known.items() if not name.startswith(("template", "hash"))]
(out / "values").write_text("\n".join(values) + "\n")
(out / "hash").write_text(f"{known['hash']}\n{known['hash_changed']}\n")
