"""The firmware's map from start to start: kept on the ESP, compared, told, and handed to the kernel."""

import re
import subprocess

import log as read
from persistent import Persistent
from qemu import MIB, PASSED, POWERED_OFF, Machine
from test_ends import Monitor

MACHINE = Machine(memory=192 * MIB)


def on_esp(disk, command, *names, **how):
    return subprocess.run([command, "-i", f"{disk}@@1048576", *names], capture_output=True,
                          check=True, **how).stdout


def content(disk, name):
    return on_esp(disk, "mtype", f"::/baton/{name}", text=True).replace("\r", "")


def names(disk):
    return sorted(line.split("/")[-1] for line in
                  on_esp(disk, "mdir", "-b", "::/baton", text=True).splitlines())


def put(disk, name, text):
    on_esp(disk, "mcopy", "-o", "-", f"::/baton/{name}", input=text.encode())


def told(log):
    """What moved, as the loader says it."""
    found = re.search(r"^the firmware's memory map .*\n(?:  .*\n)*", log.replace("\r", ""), re.M)
    return found[0] if found else None


def test_what_moved_is_told(bench):
    """With two MiB less of RAM what lies at its end moves down by them; a torn file harms nothing."""
    machine = Persistent(bench, MACHINE)
    on_esp(machine.disk, "mmd", "::/baton")
    first = machine.boot("selftest=efi.map.boots poweroff")
    assert first.status == PASSED, str(first)
    assert told(first.log) is None
    assert read.find(first.log, r"\s*ok \d+ efi\.map\.boots # SKIP no earlier start's map is known")
    text = content(machine.disk, "map.txt")

    same = machine.boot("selftest=efi.map.boots poweroff")
    assert same.status == PASSED, str(same)
    assert told(same.log) is None
    assert read.find(same.log, r"\s*ok \d+ efi\.map\.boots$")
    assert content(machine.disk, "map.txt") == text and "map.old" not in names(machine.disk)

    # Cut short while it was written, with the one before still there.
    put(machine.disk, "map.old", text)
    put(machine.disk, "map.txt", text[:len(text) // 2])
    torn = machine.boot("poweroff")
    assert torn.status == POWERED_OFF, str(torn)
    assert re.search(r"the last start's map: \\baton\\map\.txt: ends in line \d+", torn.log)
    assert r"\baton\map.txt: not there whole; going by \baton\map.old" in torn.log
    assert told(torn.log) is None
    assert content(machine.disk, "map.txt").splitlines()[3:-1] == text.splitlines()[3:-1]
    text = content(machine.disk, "map.txt")

    smaller = Persistent(bench, Machine(memory=190 * MIB), machine.disk)
    with smaller.running("selftest=efi.map.boots") as running:
        assert running.wait_for(r"baton> ", 120), running.log
        moved = Monitor(running).ask("map diff")
    log = running.log
    assert "has changed since 20" in told(log)
    assert re.search(r"^  usable memory is \d+ KiB less: \d+ MiB$", told(log), re.M)
    assert re.search(r"^  Runtime Data at 0x\w+, \d+ pages, moved by -512 pages$", told(log), re.M), told(log)
    assert read.find(log, r"\s*not ok \d+ efi\.map\.boots")
    assert told(moved) == told(log)
    assert content(machine.disk, "map.old") == text
    assert content(machine.disk, "map.txt") != text
