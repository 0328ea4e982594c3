"""Wherever Baton breaks, between leaving the firmware and the end, COM1 hears of it first; no
machine is reset or stopped in silence."""

import re
import subprocess

import pytest

import pe
from conftest import BUILD
from elf import symbol
from qemu import FAILED, MIB, Machine
from test_ends import planted

SMALL = Machine(memory=128 * MIB)
INVALID = b"\x0f\x0b"  # ud2


def test_in_the_loader(bench):
    """Its first step without the firmware."""
    def change(tree):
        path = tree / "EFI/BOOT/BOOTX64.EFI"
        at = symbol(BUILD / "efi/baton.so", "efi::enter_world")
        path.write_bytes(pe.plant(path.read_bytes(), at, INVALID))
    boot = bench.boot(SMALL, "poweroff", change)
    assert (boot.ended, boot.status) == ("exit", 0), str(boot)  # the reset, and -no-reboot
    assert re.search(r"^baton: invalid opcode: CPU exception before the kernel took over", boot.log,
                     re.MULTILINE), boot.log[-1000:]
    assert "baton: resetting the machine" in boot.log


@pytest.mark.parametrize("function, code, fault", [
    # xor %esp, %esp; push %rax: there is no stack on which the exception could be told.
    ("kernel_entry", b"\x31\xe4\x50", "page fault|stack-segment fault|double fault"),
    ("kernel::x86::load_descriptors", INVALID, "invalid opcode"),
])
def test_in_the_kernels_first_steps(bench, function, code, fault):
    """Before it has descriptors of its own, the loader's still serve."""
    boot = bench.boot(SMALL, "poweroff", planted(function, code))
    assert (boot.ended, boot.status) == ("exit", 0), str(boot)
    assert re.search(rf"^baton: (?:{fault}): CPU exception before the kernel took over", boot.log,
                     re.MULTILINE), boot.log[-1000:]


def behind(function, mnemonic):
    """The address behind the first such instruction of a function of the kernel."""
    start = symbol(BUILD / "kernel.elf", function)
    listing = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", f"--start-address={start}",
         f"--stop-address={start + 4096}", BUILD / "kernel.elf"],
        check=True, text=True, stdout=subprocess.PIPE).stdout
    code = re.findall(r"^([0-9a-f]+):\s+(\S+)", listing, re.MULTILINE)
    at = next(i for i, (_, name) in enumerate(code) if name.startswith(mnemonic))
    return int(code[at + 1][0], 16)


def test_before_the_console(bench):
    """The kernel's own descriptors are there, and nothing to print on yet."""
    at = behind("kernel::x86::load_descriptors", "lidt")
    boot = bench.boot(SMALL, "nokaslr poweroff", planted(at, INVALID))
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert re.search(r"invalid opcode, error code", boot.log), boot.log[-1000:]
    assert re.search(rf"RIP: .*load_descriptors\+.*\[{at:016x}\]", boot.log)
    assert "---[ end Kernel panic ]---" in boot.log


def test_in_printing(bench):
    """Nothing can be printed: both faults are told in the plainest way."""
    boot = bench.boot(SMALL, "nokaslr poweroff", planted("mm::Printer::part_of", INVALID))
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    where = f"{symbol(BUILD / 'kernel.elf', 'mm::Printer::part_of'):016x}"
    fault = rf"invalid opcode \({where}, 0{{16}}\)"
    assert re.search(rf"^Kernel panic while telling of another: {fault}; the first: {fault}",
                     boot.log, re.MULTILINE), boot.log[-1000:]


def test_on_the_screen(bench):
    """COM1 has the whole report before the screen, which breaks again, is tried."""
    boot = bench.boot(SMALL, "poweroff", planted("kernel::Screen::write", INVALID))
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    report = boot.log.index("invalid opcode, error code")
    end = boot.log.index("---[ end Kernel panic ]---")
    assert report < end < boot.log.index("Kernel panic while telling of another: ")
    assert re.search(r"RIP: .*Screen::write\+0x0/", boot.log[report:end])
