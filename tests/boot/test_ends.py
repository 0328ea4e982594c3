"""How a boot ends, as its exit status tells, and the monitor's commands."""

import re

import log as read
from conftest import BUILD
from elf import Elf, symbol
from qemu import FAILED, MIB, PASSED, POWERED_OFF, Machine

SMALL = Machine(memory=128 * MIB)


def test_poweroff(bench):
    boot = bench.boot(SMALL, "poweroff")
    assert (boot.ended, boot.status) == ("exit", POWERED_OFF), str(boot)
    assert "KTAP" not in boot.log


def test_selftest(bench):
    boot = bench.boot(SMALL, "selftest poweroff")
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)


def test_unknown_option_is_named(bench):
    boot = bench.boot(SMALL, "frobnicate=7 poweroff")
    assert (boot.ended, boot.status) == ("exit", POWERED_OFF), str(boot)
    assert any("frobnicate=7" in line and "nknown" in line for line in read.lines(boot.log))


def test_exception(bench):
    """An undefined instruction planted in the kernel: registers, fault, names, status 35."""
    victim = "mm::numa_init"

    def plant(tree):
        path = tree / "EFI/baton/kernel.elf"
        elf = Elf(path.read_bytes())
        elf.plant(symbol(BUILD / "kernel.elf", victim), b"\x0f\x0b")
        path.write_bytes(elf.bytes())
    boot = bench.boot(SMALL, "poweroff", plant)
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert re.search(r"invalid opcode", boot.log, re.IGNORECASE)
    assert re.search(r"RIP: .*numa_init\+0x0/0x[0-9a-f]+", boot.log)
    assert re.search(r"RSP: ", boot.log) and re.search(r"RAX: ", boot.log)
    assert re.search(r"Call Trace:", boot.log)


class Monitor:
    """Types commands and takes their answers."""

    def __init__(self, running):
        self.running = running
        assert running.wait_for(r"^baton> $", 90), running.log[-2000:]

    def ask(self, command):
        since = len(self.running.log)
        self.running.send(command + "\r")
        assert self.running.wait_for(r"^baton> $", 20, since), self.running.log[since:]
        return self.running.log[since:]

    def order(self, command):
        """For what does not come back: the exit status."""
        self.running.send(command + "\r")
        self.running.wait_for(r"(?!)", 20)  # to QEMU's end
        return self.running.process.wait(timeout=10)


def test_monitor(bench):
    with bench.start(SMALL) as running:
        monitor = Monitor(running)
        answer = monitor.ask("help")
        for command in ("help", "e820", "buddyinfo", "zoneinfo", "explain", "poweroff", "reboot"):
            assert re.search(rf"^\s*{command}\b", answer, re.MULTILINE), answer
        assert read.e820(monitor.ask("e820"))
        assert read.buddyinfo(monitor.ask("buddyinfo"))
        assert re.search(r"Node 0, zone +DMA\b", monitor.ask("zoneinfo"))
        for address in ("0x0", "0x100000", "0x7000000", "0xfee00000", "0xffffffffffffffff"):
            assert address in monitor.ask(f"explain {address}")
        assert "gibberish" in monitor.ask("gibberish")
        assert re.search(r"explain", monitor.ask("explain banana"))
        assert monitor.order("poweroff") == POWERED_OFF


def test_reboot(bench):
    with bench.start(SMALL) as running:
        assert Monitor(running).order("reboot") == 0  # -no-reboot makes it an end
