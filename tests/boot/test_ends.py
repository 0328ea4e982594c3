"""How a boot ends, as its exit status tells, and the monitor's commands."""

import random
import re

import pytest

import log as read
from conftest import BUILD
from elf import Elf, symbol
from persistent import Persistent
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


def test_ram_that_is_none_is_refused(bench):
    """memmap= may call anything RAM; what the loader did not map would fault at some later time."""
    boot = bench.boot(SMALL, "memmap=16M@2304M poweroff")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert re.search(r"memmap=: is called RAM, .* \(address 0x90000000", boot.log), boot.log[-900:]


def test_load_options_replace_the_configured_ones(bench, faulty):
    boot = bench.boot(SMALL, "selftest", faulty("options"))
    assert (boot.ended, boot.status) == ("exit", POWERED_OFF), str(boot)
    assert read.find(boot.log, r"Command line: poweroff from-load-options$")


def test_initrd_reaches_the_kernel(bench):
    """Where the kernel has it reserved lies what the file holds, to the last byte."""
    content = random.Random(7).randbytes(3 * MIB + 1234)

    def change(tree):
        (tree / "EFI/baton/initrd.img").write_bytes(content)
        conf = tree / "EFI/baton/baton.conf"
        conf.write_text(conf.read_text() + "\ninitrd \\EFI\\baton\\initrd.img\n")
    with bench.start(SMALL, "keepinitrd", change) as running:
        monitor = Monitor(running)
        listed = re.search(r"\[mem 0x(\w+)-0x(\w+)\]\s+RAMDISK|RAMDISK\s+\[mem 0x(\w+)-0x(\w+)\]",
                           monitor.ask("reservations"))
        assert listed, running.log[-3000:]
        start, last = (int(number, 16) for number in listed.groups() if number)
        assert last + 1 - start == len(content)
        saved = bench.folder / "initrd.saved"
        running.qmp("pmemsave", val=start, size=len(content), filename=str(saved))
        assert saved.read_bytes() == content
        assert "RAMDISK" in monitor.ask(f"explain 0x{start:x}")
    boot = bench.boot(SMALL, "poweroff", change)
    assert (boot.ended, boot.status) == ("exit", POWERED_OFF), str(boot)
    assert read.find(boot.log, r"Freeing initrd memory: \d+K")


def planted(where, code):
    """A change of the ESP: the kernel that has `code` where a function of that name begins, or at
    an address."""
    def change(tree):
        path = tree / "EFI/baton/kernel.elf"
        elf = Elf(path.read_bytes())
        address = symbol(BUILD / "kernel.elf", where) if isinstance(where, str) else where
        elf.plant(address, code)
        path.write_bytes(elf.bytes())
    return change


def test_exception(bench):
    """An undefined instruction in the kernel: registers, fault, names, status 35."""
    boot = bench.boot(SMALL, "poweroff", planted("mm::numa_init", b"\x0f\x0b"))
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert re.search(r"invalid opcode", boot.log, re.IGNORECASE)
    assert re.search(r"RIP: .*numa_init\+0x0/0x[0-9a-f]+", boot.log)
    assert re.search(r"RSP: ", boot.log) and re.search(r"RAX: ", boot.log)
    assert re.search(r"Call Trace:", boot.log)


def test_failing_selftest(bench):
    """One test is made to find a fault: the others still run, and the status is 35."""
    # A Verdict (loader/handoff/self_test.h) of Fail and no words, through the pointer the caller passed:
    # movl $1, (%rdi); movb $0, 8(%rdi); mov %rdi, %rax; ret
    fail = b"\xc7\x07\x01\x00\x00\x00\xc6\x47\x08\x00\x48\x89\xf8\xc3"
    boot = bench.boot(SMALL, "selftest poweroff", planted("kernel::test_audit", fail))
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    plan, results = read.ktap(boot.log)
    assert len(results) == plan
    assert [name for ok, name in results if not ok] == ["mm.buddy.audit"]


def test_hang_is_seen(bench):
    """The runner's own eyes: a kernel that stands still ends by time-out, its last line known."""
    boot = bench.boot(SMALL, "poweroff", planted("mm::numa_init", b"\xeb\xfe"), timeout=30)
    assert (boot.ended, boot.status) == ("time-out", -1)
    assert read.find(boot.last_line, r"[A-Za-z]")


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


@pytest.mark.parametrize("kind", ["q35", "pc"])
def test_power_off_without_the_firmware(bench, kind):
    boot = bench.boot(Machine(memory=128 * MIB, kind=kind), "noefi poweroff")
    assert (boot.ended, boot.status) == ("exit", POWERED_OFF), str(boot)
    assert read.find(boot.log, r"reboot: Power down by ACPI's S5")


def test_reboot_without_the_firmware(bench):
    """Nor by the keyboard controller: there is none."""
    with bench.start(Machine(memory=128 * MIB, kind="q35,i8042=off"), "noefi") as running:
        monitor = Monitor(running)
        assert "runtime services" in monitor.ask("firmware")
        assert "runtime services" in monitor.ask("report")
        assert monitor.order("reboot") == 0
        assert read.find(running.log, r"reboot: Restarting by ACPI's reset register")
        assert not read.find(running.log, r"reboot: Restarting by the keyboard controller")


def test_bench_command(bench):
    with bench.start(SMALL) as running:
        answer = Monitor(running).ask("bench")
        figures = {name: int(value) for name, value in
                   re.findall(r"^BENCH (\S+) (\d+) ticks\r?$", answer, re.MULTILINE)}
        assert {"start.loader", "start.kernel", "alloc.order0_pair"} <= set(figures)
        causes = [figures[f"start.kernel.{cause}"] for cause in ("screen", "serial", "rest")]
        assert min(causes) > 0 and sum(causes) == figures["start.kernel"]
        half = Monitor(running).ask("bench half")
        for name in ("first.giga", "bulk.o0.get", "bulk.o9.put", "repeat.o3.pair", "random.o0.put"):
            assert re.search(rf"^BENCH {name} \d+ ticks\r?$", half, re.MULTILINE), half


def test_firmware_command(bench):
    """After the next reset the firmware shows its setup instead of starting Baton."""
    machine = Persistent(bench, SMALL)
    with machine.running("") as running:
        monitor = Monitor(running)
        assert monitor.order("firmware") == 0  # -no-reboot makes it an end
        assert "rebooting into the firmware's setup" in running.log
    with machine.running("") as running:
        assert running.wait_for(r"Boot Maintenance Manager", 120), running.log[-2000:]
        assert "Baton version" not in running.log
