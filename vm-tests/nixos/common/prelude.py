# The beginning of every script. Paths and words are those of the claims in vm-tests/claims.
USERS = "sops-install-secrets-for-users.service"
SERVICES = "sops-install-secrets.service"
BOOTED = "/run/booted-system"


def run(command: str) -> str:
    """What the command prints, without the last newline."""
    return machine.succeed(command).removesuffix("\n")


def read(path: str) -> str:
    """The content of a file, byte for byte."""
    return machine.succeed(f"cat {path}")


def placed(path: str) -> str:
    """Owner, group and mode of what a path leads to."""
    return run(f"stat --dereference --format '%U:%G %a' {path}")


def generation(link: str = "/run/secrets") -> str:
    """The number of the live generation."""
    return run(f"basename $(readlink {link})")


def seen(name: str) -> list[str]:
    """What a service has seen, each time that it was started or reloaded."""
    return machine.succeed(f"cat /run/seen/{name} 2>/dev/null || true").splitlines()


def shown(unit: str, what: str) -> str:
    return run(f"systemctl show --value --property {what} {unit}")


def succeeded(unit: str) -> bool:
    """Whether a unit of type oneshot that stays active has done its work."""
    return [shown(unit, what) for what in ["ActiveState", "Result", "ExecMainStatus"]] == ["active", "success", "0"]


def switch(name: str | None, action: str = "test") -> tuple[int, str]:
    """Switches to a specialisation of the booted system, or back to that itself. Returns exit code and output."""
    system = BOOTED if name is None else f"{BOOTED}/specialisation/{name}"
    return machine.execute(f"{system}/bin/switch-to-configuration {action} 2>&1")


def journal() -> str:
    """All that has been logged since the machine was switched on, by whatever unit or script."""
    return machine.succeed("journalctl --sync && journalctl --boot --no-pager --output cat")


def activated() -> None:
    """Activation scripts have been run, what they said is in the journal, and none of the agent's has failed."""
    said = journal()
    t.assertIn("running activation script", said)
    t.assertNotRegex(said, "snippet .?setupSecrets.* failed")


def hash_of(user: str) -> str:
    """The password hash that the user has been made with."""
    return run(f"getent shadow {user} | cut -d : -f 2")


def started(unit: str) -> int:
    """When a unit began to start, in microseconds since the machine was switched on."""
    return int(shown(unit, "InactiveExitTimestampMonotonic"))


def done(unit: str) -> int:
    """When a unit was done, or a target reached, in microseconds since the machine was switched on."""
    return int(shown(unit, "ActiveEnterTimestampMonotonic"))


