"""Errors that the hardware tells of: QEMU puts them into a CPU's banks (`mce`), and raises a machine
check for those that are not corrected."""

import bisect
import re
import subprocess
import time

import pytest

import log as read
from conftest import BUILD
from qemu import FAILED, MIB, PASSED, Machine

MACHINE = Machine.split(256 * MIB, 2, 2)
# Of a bank's status: VAL, EN, MISCV, ADDRV; uncorrected ones UC, then S, AR, or PCC.
CORRECTED = 0x9c00_0000_0000_0090
LATENT = 0xbd00_0000_0000_00c0
ACTION = 0xbd80_0000_0000_0134
CORRUPT = 0xbe00_0000_0000_0134
# Of IA32_MCG_STATUS.
RIPV, EIPV, MCIP = 1, 2, 4
PAGE_OF = 0x8c  # MISC: a physical address, good to its page
ADDRESS = 0x500_0000  # free in MACHINE without KASLR, on node 0


def inject(running, cpu, bank, status, global_status=0, address=ADDRESS, broadcast=False):
    said = running.qmp("human-monitor-command", **{
        "command-line": f"mce {'-b ' if broadcast else ''}{cpu} {bank} {status:#x} {global_status:#x} "
                        f"{address:#x} {PAGE_OF:#x}"})
    assert said.strip() == "", said


def stop_in_sweep(running, cpu):
    """Stops the machine when the CPU is at memory under test, and nowhere else."""
    listing = subprocess.run(["nm", "--numeric-sort", "--demangle", "--defined-only",
                              BUILD / "kernel.elf"], check=True, text=True, stdout=subprocess.PIPE).stdout
    symbols = [line.split(maxsplit=2) for line in listing.splitlines()]
    starts = [int(symbol[0], 16) for symbol in symbols]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        running.qmp("stop")
        said = running.qmp("human-monitor-command", **{
            "command-line": "info registers", "cpu-index": cpu})
        at = int(re.search(r"RIP=([0-9a-f]+)", said)[1], 16)
        if at >= starts[0] and "::tried<" in symbols[bisect.bisect_right(starts, at) - 1][2]:
            return
        running.qmp("cont")
        running.wait_for(r"\Z(?!)", 0.02)
    raise AssertionError(f"CPU {cpu} does not sweep")


def test_memory(bench, errors, options="memtest=quick", machine=MACHINE, sweeping=None):
    """The log of a memory test when each of `errors` (arguments of inject()) arrives, and QEMU's exit
    status. CPU `sweeping` is in the middle of a sweep then."""
    with bench.start(machine, f"nokaslr {options} poweroff") as running:
        assert running.wait_for(r"running: memtest\.own-address", 120), running.log
        if sweeping is not None:
            stop_in_sweep(running, sweeping)
        for error in errors:
            inject(running, *error)
        if sweeping is not None:
            running.qmp("cont")
        running.wait_for(r"\Z(?!)", 240)
        running.process.wait(timeout=10)
        print(running.log)
        return running.log, running.process.returncode


test_memory.__test__ = False


def test_corrected(bench):
    """Of any CPU, found by looking; told with its place, and no fault of the memory's yet."""
    log, status = test_memory(bench, [(0, 3, CORRECTED), (1, 8, CORRECTED, 0, ADDRESS + 0x2040),
                                      (1, 9, CORRECTED, 0, ADDRESS + 0x2040)])
    assert status == PASSED
    assert read.find(log, r"memtest: corrected error at 0x5000000 \(node 0.*seen by CPU 0\): memory "
                          r"controller error, bank 3, status 9c00000000000090$")
    assert read.find(log, r"memtest: corrected error at 0x5002000 \(node 0.*seen by CPU 1\): .*bank 8")
    assert read.find(log, r"memtest: the hardware told of 3 corrected and 0 uncorrected errors$")
    assert read.find(log, r"memtest: bank 9, 0x5002000: 1 corrected$")
    assert "no bad pages" in log and "BAD PAGES" not in log


@pytest.mark.parametrize("cpu", [pytest.param(0, marks=pytest.mark.long), 1])
@pytest.mark.parametrize("status, global_status", [
    pytest.param(LATENT, MCIP | RIPV, id="latent"),
    pytest.param(ACTION, MCIP | RIPV | EIPV, id="action"),
    pytest.param(LATENT, MCIP, id="not-restartable")])
def test_uncorrected_marks_the_page_bad(bench, cpu, status, global_status):
    """And the run goes on to its end, whether or not the CPU may go on where it was."""
    log, ended = test_memory(bench, [(cpu, 9, status, global_status)], sweeping=cpu)
    assert ended == FAILED
    assert "Kernel panic" not in log
    assert read.find(log, rf"memtest: uncorrected error at 0x5000000 \(node 0.*seen by CPU {cpu}\)")
    _, results = read.ktap(log)
    assert [name.split()[0] for ok, name in results if not ok] == ["memtest.own-address"]
    assert bool(read.find(log, r"memtest: \[mem .*\]: what this pattern wrote is lost")) == (
        status == ACTION or not global_status & RIPV)
    assert read.find(log, r"memtest: bank 9, 0x5000000: 1 uncorrected$")
    assert read.find(log, r"memtest: Linux: memmap=4K\$0x5000000$")
    assert read.find(log, r"Ledger:   BAD PAGES +4096$")
    assert read.find(log, r"Ledger: closed, 0 bytes unaccounted for")


def test_broadcast_and_several_at_once(bench):
    """All CPUs are in the exception at a time: each page is found, once."""
    machine = Machine.split(256 * MIB, 4, 2, extra=("-cpu", "max,vendor=GenuineIntel,model=158"))
    errors = [(cpu, 9, LATENT, MCIP | RIPV, ADDRESS + 0x1000 * cpu, cpu == 3) for cpu in range(4)]
    log, ended = test_memory(bench, errors, machine=machine)
    assert ended == FAILED
    for cpu in range(4):
        assert len(read.find_all(log, rf"memtest: uncorrected error at 0x500{cpu}000 .* CPU {cpu}\)")) == 1
    # What QEMU puts into the others' banks is not meant for a machine check (EN is 0).
    assert len(read.find_all(log, r"memtest: uncorrected error without an address, CPU \d")) == 3
    assert read.find(log, r"memtest: Linux: memmap=16K\$0x5000000$")
    assert read.find(log, r"Ledger: closed, 0 bytes unaccounted for")


@pytest.mark.parametrize("cpu", [0, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("status, global_status, why", [
    (CORRUPT, MCIP, r"the CPU's state is corrupt \(PCC\)"),
    (ACTION | 1 << 62, MCIP | RIPV | EIPV, "what else was lost is not known")], ids=["pcc", "overflow"])
def test_what_cannot_be_gone_on_from(bench, cpu, status, global_status, why):
    log, ended = test_memory(bench, [(cpu, 9, status, global_status)])
    assert ended == FAILED
    assert read.in_order(log, [
        rf"On CPU {cpu}:$",
        rf"mce: \[Hardware Error\]: CPU {cpu}: Machine Check: {global_status:x} Bank 9: {status:016x}$",
        r"mce: \[Hardware Error\]: cache error ADDR 5000000 MISC 8c$", r"RIP: ", r"Call Trace:",
        f"Kernel panic - not syncing: Fatal machine check: {why}$"]) is None, log[-3000:]
    assert len(re.findall("end Kernel panic", log)) == 1


class Prompt:
    """The monitor of a machine that runs."""

    def __init__(self, running):
        self.running = running
        self.since = running.wait_for(r"baton> ", 120).end()

    def ask(self, command, answer):
        """The first match of `answer` after `command` was typed."""
        self.running.send(command + "\r")
        return self.see(answer)

    def see(self, answer):
        match = self.running.wait_for(answer, 60, self.since)
        assert match, f"no {answer}: {self.running.log[self.since:]}"
        self.since = match.end()
        return match


def test_at_the_prompt(bench):
    """No memory test runs: a corrected error is counted; a page that nobody has is taken out of use;
    one that somebody has ends it."""
    with bench.start(MACHINE, "nokaslr monitor") as running:
        prompt = Prompt(running)
        inject(running, 1, 4, CORRECTED)
        prompt.ask("mce", r"corrected memory controller error, CPU 1 bank 4 .* at 0x5000000")
        prompt.see(r"^1 corrected and 0 uncorrected errors since the kernel began\s+"
                   r"mce: bank 4, 0x5000000: 1 corrected")
        inject(running, 1, 4, LATENT, MCIP | RIPV)
        prompt.see(r"mce: frame 0x5000 was free and is taken out of use")
        prompt.ask("ledger", r"Ledger:   BAD PAGES +4096\s")
        prompt.see(r"Ledger: closed, 0 bytes")
        inject(running, 0, 4, LATENT, MCIP | RIPV)  # again: nothing is left to do
        prompt.ask("mce", r"mce: bank 4, 0x5000000: 2 uncorrected")
        held = int(prompt.ask("alloc 0", r"0x([0-9a-f]+), order 0")[1], 16)
        inject(running, 1, 4, LATENT, MCIP | RIPV, held)
        running.wait_for(r"\Z(?!)", 60)
        running.process.wait(timeout=10)
        print(running.log)
        assert running.process.returncode == FAILED
        assert read.find(running.log, r"Kernel panic - not syncing: uncorrected error in memory that is "
                                      rf"in use: CPU 1 bank 4 status {LATENT:016x} at {held:#x}, allocated")


def test_action_outside_a_test(bench):
    """What the kernel itself was about to use is lost."""
    with bench.start(MACHINE, "nokaslr monitor") as running:
        Prompt(running)
        inject(running, 0, 4, ACTION, MCIP | RIPV | EIPV)
        running.wait_for(r"\Z(?!)", 60)
        running.process.wait(timeout=10)
        assert running.process.returncode == FAILED
        assert read.find(running.log, r"Kernel panic - not syncing: Fatal machine check: what this code "
                                      r"was about to use is lost$")


def test_left_by_the_firmware(bench):
    """Told apart, and not held against the machine as it runs."""
    with bench.start(MACHINE, "selftest=kernel poweroff") as running:
        running.wait_for(r"leaving the firmware", 120)
        inject(running, 1, 6, CORRECTED)
        running.wait_for(r"\Z(?!)", 120)
        running.process.wait(timeout=10)
        print(running.log)
        assert running.process.returncode == PASSED
    assert read.find(running.log, r"mce: \[Hardware Error\]: left from before: corrected .*CPU 1 bank 6")
    assert "1 corrected and 0 uncorrected errors were left from before" in running.log


def test_no_banks(bench):
    boot = bench.boot(Machine(memory=128 * MIB, extra=("-cpu", "max,-mce,-mca")),
                      "selftest=kernel memtest=quick poweroff")
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert read.find(boot.log, r"mce: the CPU has no machine-check banks: nothing tells of memory errors$")
