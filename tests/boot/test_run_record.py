"""A run that does not come to its end: the next start says how far it was."""

import dataclasses
import re
import subprocess

import pytest

import log as read
import qemu
from persistent import Persistent
from qemu import MIB, PASSED, POWERED_OFF, Machine

MACHINE = Machine(memory=256 * MIB)


def content(disk):
    return subprocess.run(["mtype", "-i", f"{disk}@@1048576", "::/baton/lastrun.txt"],
                          capture_output=True, text=True, check=True).stdout.replace("\r", "")


def reset(running):
    """As by the button on the case; memory stays."""
    running.qmp("set-action", reboot="reset")
    running.qmp("system_reset")


@pytest.mark.long
def test_power_fails_in_the_memory_test(bench):
    """Nothing outlives that but what stands in flash."""
    machine = Persistent(bench, MACHINE)
    with machine.running("memtest poweroff") as running:
        assert running.wait_for(r"running: memtest\.own-address", 120), running.log
        # Nothing was worn yet but the one mark.
    machine.configure("poweroff")
    boot = machine.boot()
    assert boot.status == POWERED_OFF, str(boot)
    assert re.search(r"the last run did not come to its end in: the memory test, begun \d{4}-", boot.log)
    assert "it was at" not in boot.log
    assert "how far it came, and what it said, is not known" in content(machine.disk)
    again = machine.boot()
    assert "the last run" not in again.log


def test_reset_in_the_memory_test(bench):
    """The page that says how far it was is found, and what it knows is in the file."""
    machine = Persistent(bench, MACHINE)
    with machine.running("memtest") as running:
        assert running.wait_for(r"running: memtest\.moving-bytes", 200), running.log
        assert running.wait_for(r"memtest: \[#+\.+\] +\d+%.*moving-bytes", 60), running.log
        running.wait_for(r"\Z(?!)", 3)
        heard = len(running.log)
        reset(running)
        assert running.wait_for(r"the last run did not come to its end in: the memory test", 60)
        assert running.wait_for(r"more is in \\baton\\lastrun.txt", 30), running.log[heard:]
        said = running.log[heard:]
    told = re.search(r"it was at memtest\.moving-\w+, (\d+) %, after 0 errors", said)
    assert told and int(told[1]) > 0, said
    text = content(machine.disk)
    assert "it was at memtest.moving-" in text
    assert re.search(r"^\s+# running: memtest\.moving-bytes$", text, re.M), text


def test_reset_after_a_panic(bench, monkeypatch):
    """On a machine that does not end by it."""
    monkeypatch.setitem(qemu.ARCHITECTURES, "x86_64", dataclasses.replace(qemu.X86_64, exit=()))
    machine = Persistent(bench, MACHINE)
    with machine.running("panic=fault") as running:
        assert running.wait_for(r"end Kernel panic", 60), running.log
        running.wait_for(r"\Z(?!)", 2)
        heard = len(running.log)
        reset(running)
        assert running.wait_for(r"the last run ended with a panic", 60), running.log[heard:]
        assert running.wait_for(r"more is in \\baton\\lastrun.txt", 30), running.log[heard:]
        running.wait_for(r"\Z(?!)", 1)
    text = content(machine.disk)
    assert "unable to handle page fault" in text and "---[ end Kernel panic ]---" in text


def test_a_run_that_ends_is_not_told(bench):
    machine = Persistent(bench, MACHINE)
    first = machine.boot("selftest poweroff")
    assert first.status == PASSED, str(first)
    assert read.find(first.log, r"Ledger: closed, 0 bytes unaccounted for")
    with machine.running("selftest=mm") as running:
        assert running.wait_for(r"baton> ", 120), running.log
        assert "the last run did not" not in running.log
        heard = len(running.log)
        reset(running)
        assert running.wait_for(r"baton> ", 120), running.log[heard:]
        assert "the last run did not" not in running.log[heard:]
