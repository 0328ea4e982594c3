"""What Baton says about a machine: booted each time, from the tree the build left."""

import boot
import facts
from machine import BUILD, qemu

ESP = BUILD / "esp"
# The self-tests, whose outcome is the exit status, and the table that Linux keeps in /proc/zoneinfo.
OPTIONS = "selftest zoneinfo poweroff"
TIMEOUT = 180


class BatonError(Exception):
    """Baton did not boot, or not to a good end."""


def report(machine, build):
    """(serial log, seconds). The log is kept in build/baton/ too, whatever came of the boot."""
    options = " ".join([OPTIONS, *machine.baton])
    done = boot.boot(machine, ESP, options, [], TIMEOUT, build / "debian")
    kept = build / "baton" / f"{machine.name}.log"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(done.log)
    if done.status != qemu.PASSED:
        raise BatonError(f"Baton's boot should end with status {qemu.PASSED} (self-tests passed; "
                         f"all of its log: {kept}): {done}")
    if not facts.of_baton(done.log):
        raise BatonError(f"Baton's log says nothing of memory: {kept}")
    return done.log, done.seconds


def ledger(log):
    """The lines of the ledger that do not change from boot to boot."""
    return [line for line in log.splitlines() if "ledger" in line]
