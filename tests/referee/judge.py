"""One machine, both kernels, the verdict."""

import traceback

import baton
import compare
import facts
import linux
import reviewed
import tables
from machine import BUILD as ALL_BUILT
from machine import qemu

BUILD = ALL_BUILT / "referee"


class Outcome:
    """What came of one machine."""

    def __init__(self, machine):
        self.machine = machine
        self.lines = 0  # facts that were compared
        self.rows = 0  # rows of tables whose form was
        self.used = {}  # exception's name -> times it was needed
        self.problems = []
        self.note = ""


def judge(machine, referee, only_linux):
    """Boots what has to be booted, and compares."""
    outcome = Outcome(machine)
    times = []
    try:
        log = theirs = None
        if not machine.linux_refused:
            log, seconds = referee.report(machine)
            theirs = facts.of_linux(log, machine.arch)
            times.append("Linux remembered" if seconds is None else f"Linux {seconds:.0f} s")
        else:
            times.append(f"no Linux: {machine.linux_refused}")
        if not only_linux:
            own_log, seconds = baton.report(machine, BUILD)
            times.append(f"Baton {seconds:.0f} s")
            if theirs is not None:
                release = reviewed.release("\n".join(facts.section(log, "version")))
                ours = baton.said(own_log)
                theirs, ours = (
                    reviewed.apply(theirs, ours, "linux", machine.name, release, outcome.used),
                    reviewed.apply(ours, theirs, "baton", machine.name, release, outcome.used))
                outcome.rows = sum(subject.startswith(tables.FORM) for subject, _ in theirs)
                outcome.lines = len(theirs) - outcome.rows
                outcome.problems = compare.differences(theirs, ours)
    except (linux.LinuxError, baton.BatonError, qemu.QemuError) as error:
        outcome.problems.append(str(error))
    except Exception:  # pylint: disable=broad-except  # one machine must not end the others' run
        outcome.problems.append(traceback.format_exc())
    outcome.note = ", ".join(times)
    return outcome
