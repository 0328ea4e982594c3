"""What Baton says about a machine: booted each time, from the tree the build left."""

import re

import boot
import facts
import tables
from machine import BUILD, qemu

OPTIONS = "selftest monitor"
PROMPT = r"^baton> "
TIMEOUT = 600  # s; a host that is busy with other things must not make a boot fail


class BatonError(Exception):
    """Baton did not boot, or not to a good end."""


def report(machine, build):
    """(serial log, seconds). The log is kept in build/baton/ too, whatever came of the boot."""
    options = " ".join([OPTIONS, *machine.baton])
    done = boot.converse(machine, BUILD / machine.arch.esp, options, PROMPT, [*tables.NAMES, "ledger", "poweroff"], TIMEOUT,
                         build / "debian")
    kept = build / "baton" / f"{machine.name}.log"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(done.log)
    if done.status != qemu.POWERED_OFF:
        raise BatonError(f"Baton should reach its prompt and power off (its log: {kept}): {done}")
    wrong = failures(done.log, machine.faults)
    if wrong:
        raise BatonError(f"Baton's own checks fail (its log: {kept}):\n" + "\n".join(wrong))
    return done.log, done.seconds


def failures(log, known=frozenset()):
    """[text]: self-tests that failed, or did not run, or should have failed as `known` and passed;
    and a ledger that does not close."""
    results = re.findall(r"^(ok|not ok) \d+.*$", log, re.MULTILINE)
    plan = re.search(r"^1\.\.(\d+)$", log, re.MULTILINE)
    found = re.findall(r"^ +not ok \d+ (\S+)", log, re.MULTILINE)
    wrong = [f"self-test {name} failed" for name in found if name not in known]
    wrong += [f"self-test {name} should find this firmware's fault" for name in known
              if name not in found]
    if not plan or int(plan[1]) == 0 or int(plan[1]) != len(results):
        wrong.append(f"self-tests: {plan[0] if plan else 'no plan'}, {len(results)} results")
    if not any(re.search(r"Ledger: closed, 0 bytes", line) for line in ledger(log)):
        wrong.append("\n".join(["the ledger does not close", *ledger(log)]))
    return wrong


def table(log, name):
    """The lines that the monitor's command `name` printed."""
    lines = iter(log.splitlines())
    for line in lines:
        if re.match(PROMPT + name + r"\s*$", line):
            break
    found = []
    for line in lines:
        if re.match(PROMPT, line):
            break
        found.append(line.rstrip())
    return found


def ledger(log):
    """The ledger as the monitor prints it."""
    return table(log, "ledger")


def said(log):
    """[(subject, line)], as facts.of_linux()."""
    return facts.of_baton(log, {name: table(log, name) for name in tables.NAMES})
