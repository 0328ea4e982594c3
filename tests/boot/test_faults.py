"""What goes wrong is said: the file and the fault, and then the firmware has control again.

Each machine is small, so that a boot that comes through by mistake costs little.
"""

import re

import pytest

import log as read
from elf import Elf
from qemu import MIB, Machine

SMALL = Machine(memory=128 * MIB)
KERNEL = "EFI/baton/kernel.elf"


def check_refused(boot, *words):
    """Baton said all of `words`, in any letter case, in one line; and went back to the firmware."""
    assert boot.ended == "firmware", str(boot)
    assert not re.search(r"BIOS-e820|CPU Exception|X64 Exception", boot.log)
    said = [line for line in read.lines(boot.log)
            if all(re.search(word, line, re.IGNORECASE) for word in words)]
    assert said, f"no line with {words}"


def change_kernel(change):
    """A change of the ESP that puts kernel.elf through `change`, bytes to bytes."""
    def on_tree(tree):
        path = tree / KERNEL
        path.write_bytes(change(path.read_bytes()))
    return on_tree


def change_elf(change):
    def on_bytes(data):
        elf = Elf(data)
        change(elf)
        return elf.bytes()
    return change_kernel(on_bytes)


def overlap(elf):
    elf.loads[1].vaddr = elf.loads[0].vaddr
    elf.loads[1].paddr = elf.loads[0].paddr


def beyond_canonical(elf):
    elf.loads[1].vaddr = 0x0000_9000_0000_0000


def in_low_half(elf):
    elf.loads[1].vaddr = 0x20_0000


def writable_and_executable(elf):
    elf.loads[0].flags = 7


def sum_wraps(elf):
    elf.loads[-1].memsz = 0xffff_ffff_ffff_f000


def file_part_beyond_file(elf):
    elf.loads[-1].offset = 0x7fff_ffff_ffff_0000


def entry_outside(elf):
    elf.entry = 0xffff_ffff_ffff_f000


def wrong_machine(elf):
    elf.machine = 183  # EM_AARCH64


def no_segments(elf):
    elf.phnum = 0


def elf32(data):
    return data[:4] + b"\x01" + data[5:]


# What the loader says of segments is the unit tests' field, too.
UNIT_TESTED = pytest.mark.long


@pytest.mark.parametrize("change, words", [
    pytest.param(lambda tree: (tree / KERNEL).unlink(), ["not found|missing|no such"],
                 id="missing"),
    pytest.param(change_kernel(lambda data: b""), ["empty|too small|short|truncated|ELF"],
                 id="empty"),
    pytest.param(change_kernel(lambda data: data[:len(data) // 2]),
                 ["truncated|beyond|outside|short|end"], id="truncated"),
    pytest.param(change_kernel(lambda data: b"MZ, but no kernel. " * 1000), ["ELF"],
                 id="not-elf"),
    pytest.param(change_kernel(elf32), ["ELF64|64-bit|class"], id="elf32"),
    pytest.param(change_elf(wrong_machine), ["machine|x86-64"], id="wrong-machine"),
    pytest.param(change_elf(no_segments), ["segment|program header|PT_LOAD"], id="no-segments", marks=UNIT_TESTED),
    pytest.param(change_elf(overlap), ["overlap"], id="overlapping-segments", marks=UNIT_TESTED),
    pytest.param(change_elf(beyond_canonical), ["segment|address|canonical|map"],
                 id="not-canonical", marks=UNIT_TESTED),
    pytest.param(change_elf(in_low_half), ["segment|address|half|map"], id="in-low-half", marks=UNIT_TESTED),
    pytest.param(change_elf(writable_and_executable), ["writ"], id="writable-and-executable"),
    pytest.param(change_elf(sum_wraps), ["segment|wrap|overflow|beyond|size"], id="sum-wraps", marks=UNIT_TESTED),
    pytest.param(change_elf(file_part_beyond_file), ["segment|beyond|outside|file"],
                 id="file-part-beyond-file", marks=UNIT_TESTED),
    pytest.param(change_elf(entry_outside), ["entry"], id="entry-outside"),
])
def test_bad_kernel(bench, change, words):
    boot = bench.boot(SMALL, "poweroff", change)
    check_refused(boot, r"kernel\.elf", *words)


def test_missing_configuration_is_named(bench):
    """Defaults serve; but the missing file is told."""
    boot = bench.boot(SMALL, None, lambda tree: (tree / "EFI/baton/baton.conf").unlink(),
                      until=r"Memory: \d+K")
    assert boot.ended == "seen", str(boot)
    assert any("baton.conf" in line for line in read.lines(boot.log))


def test_unknown_key_is_named(bench):
    def add_key(tree):
        conf = tree / "EFI/baton/baton.conf"
        conf.write_bytes(conf.read_bytes() + b"\r\nkernal \\EFI\\x\r\n")
    boot = bench.boot(SMALL, "poweroff", add_key)
    assert boot.ended == "exit", str(boot)
    assert any("kernal" in line for line in read.lines(boot.log))


def test_too_little_memory(bench):
    """An initrd that no free memory can hold."""
    def large_initrd(tree):
        with open(tree / "EFI/baton/large.img", "wb") as file:
            file.truncate(120 * MIB)
        conf = tree / "EFI/baton/baton.conf"
        conf.write_text(conf.read_text() + "\ninitrd \\EFI\\baton\\large.img\n")
    boot = bench.boot(SMALL, "poweroff", large_initrd)
    check_refused(boot, r"large\.img", "memory|resources")


@pytest.mark.parametrize("length", [4095, 4096])
def test_longest_options(bench, length):
    """As long as a kernel takes them; one character more, and the firmware is gone back to."""
    options = "poweroff ".ljust(length, "x")
    boot = bench.boot(SMALL, options)
    if length == 4096:
        check_refused(boot, r"options: more than a kernel takes \(given 4096, most 4095\)")
    else:
        assert (boot.ended, boot.status) == ("exit", 0), str(boot)
        assert options in boot.log


def test_kernel_larger_than_memory(bench):
    def huge(elf):
        elf.loads[-1].memsz = 512 * MIB
    boot = bench.boot(SMALL, "poweroff", change_elf(huge))
    check_refused(boot, r"kernel\.elf", "memory|resources")


@pytest.mark.parametrize("fault", ["no_descriptor_size", "silent_map"])
def test_map_that_is_told_little_about(bench, faulty, fault):
    """What the firmware may leave open about its map's size, and what it should not."""
    boot = bench.boot(SMALL, "poweroff", faulty(fault))
    assert (boot.ended, boot.status) == ("exit", 0), str(boot)
    assert read.find(boot.log, r"Ledger: closed, 0 bytes unaccounted for")


def test_slow_medium(bench, faulty):
    """What takes long says how far it is."""
    boot = bench.boot(SMALL, "poweroff", faulty("slow_stick"))
    assert (boot.ended, boot.status) == ("exit", 0), str(boot)
    told = read.find_all(boot.log, r"reading \\EFI\\baton\\kernel\.elf: (\d+) of (\d+) KiB")
    assert told, boot.log[-2000:]
    done = [int(line[1]) for line in told]
    assert done == sorted(done) and done[-1] < int(told[0][2])


def test_sloppy_entry(bench, faulty):
    """Flags that the firmware should have cleared, and a stack that it should have aligned."""
    boot = bench.boot(SMALL, "poweroff", faulty("sloppy_entry"))
    assert (boot.ended, boot.status) == ("exit", 0), str(boot)
    assert read.find(boot.log, r"Ledger: closed, 0 bytes unaccounted for")


def test_sloppy_entry_gets_its_registers_back(bench, faulty):
    def without_kernel(tree):
        faulty("sloppy_entry")(tree)
        (tree / KERNEL).unlink()
    boot = bench.boot(SMALL, "poweroff", without_kernel)
    check_refused(boot, r"kernel\.elf", "not found")
    assert "faulty: rdi and rsi are as they were" in boot.log
