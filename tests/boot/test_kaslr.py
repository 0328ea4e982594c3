"""KASLR: image, its place in memory and the direct map are elsewhere at every start, and nothing else is."""

import re
import socket
import subprocess

import pytest

import log as read
from conftest import BUILD, ROOT
from elf import symbol
from qemu import FAILED, GIB, MIB, PASSED, POWERED_OFF, Machine
from test_ends import planted

SMALL = Machine(memory=512 * MIB)
LINKED, DIRECT_MAP = 0xffff_ffff_8020_0000, 0xffff_8880_0000_0000
RNG = ("-device", "virtio-rng-pci")  # OVMF then has EFI_RNG_PROTOCOL
NO_CPU_RNG = ("-cpu", "max,-rdrand,-rdseed")


def sources(boot):
    return read.find(boot.log, r"KASLR enabled: .*\), by (.*)")[1]


def told(boot):
    """What is said of memory, without addresses of the kernel's own and what depends on time."""
    lines = []
    for line in read.lines(boot.log):
        if re.match(r"BIOS-e820|  (DMA|DMA32|Normal|Movable) |  node |On node|Memory: |Ledger: (address|closed)"
                    r"|Early memory|Zone ranges|Movable zone|Fallback", line):
            lines.append(re.sub(r"free_area_init_node: .*", "", line))
    return lines


def assert_in_their_rooms(places):
    image, memory, direct_map = places
    assert 0xffff_ffff_8000_0000 <= image < 0xffff_ffff_c000_0000 and image % (2 * MIB) == 0
    assert 16 * MIB <= memory < 512 * MIB and memory % (2 * MIB) == 0
    assert DIRECT_MAP <= direct_map < 0xffff_ea00_0000_0000 and direct_map % GIB == 0


def test_every_start_is_another(bench):
    """Whatever chance is made of."""
    boots = [bench.boot(Machine(memory=512 * MIB, extra=extra), "selftest=kernel,mm poweroff")
             for extra in (RNG, NO_CPU_RNG)]
    assert [boot.status for boot in boots] == [PASSED] * 2
    places = [read.kaslr(boot.log) for boot in boots]
    for each in places:
        assert_in_their_rooms(each)
    # Each alone may be the same by chance: one of 500, 200 and 60,000 times.
    assert sum(len(set(which)) == 2 for which in zip(*places)) >= 2, places
    assert any(image != LINKED for image, _, _ in places)
    assert sources(boots[0]).startswith("EFI_RNG, ")
    assert sources(boots[1]) == "the time alone, which can be guessed"


@pytest.mark.long
def test_words_about_memory_keep_the_place(bench):
    """Below what mem= leaves, where there is four times as much."""
    boot = bench.boot(Machine(memory=GIB), "mem=256M poweroff")
    assert (boot.ended, boot.status) == ("exit", POWERED_OFF), str(boot)
    assert re.search(r", in memory at 0x\w+ \(0\), direct map at 0x\w+ \(16\), by ", boot.log)
    assert read.kaslr(boot.log)[1] + 4 * MIB < 256 * MIB
    assert read.find(boot.log, r"Ledger: closed, 0 bytes unaccounted for$")


def test_all_but_the_kernels_own_addresses_is_as_without(bench):
    """Memory is told in the same words, and a backtrace has the same names."""
    with_it, without = (bench.boot(SMALL, options, planted("kernel::bring_up_cpus", b"\x0f\x0b"))
                        for options in ("poweroff", "nokaslr poweroff"))
    assert with_it.status == without.status == FAILED
    assert read.find(without.log, r"KASLR disabled: 'nokaslr' on cmdline")
    assert read.kaslr(without.log) is None
    image = read.kaslr(with_it.log)[0]
    linked = symbol(BUILD / "kernel.elf", "kernel::bring_up_cpus")
    for boot, at in ((with_it, image), (without, LINKED)):
        assert re.search(rf"RIP: .*bring_up_cpus\+0x0/0x[0-9a-f]+ \[{linked - LINKED + at:016x}\]", boot.log)
        assert re.search(r"^(\[ *[\d.]+\])? +kernel_start\+0x", boot.log, re.MULTILINE)
        assert f"Kernel Offset: {(at - LINKED) % (1 << 64):#x} from {LINKED:#x}" in boot.log
    assert told(with_it) == told(without)


@pytest.mark.long
def test_self_tests_wherever_it_is(bench):
    places = []
    for number in range(6):
        machine = Machine.split(2048 * MIB + 512 * MIB * number, cpus=2, nodes=2)
        boot = bench.boot(machine, f"early={('bootmem', 'memblock')[number % 2]} selftest poweroff")
        assert boot.status == PASSED
        places.append(read.kaslr(boot.log))
    for which in zip(*places):  # image, memory, direct map
        assert len(set(which)) > 2, places


def test_gdb_follows(bench):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    machine = Machine(memory=256 * MIB, extra=("-gdb", f"tcp:127.0.0.1:{port}"))
    with bench.start(machine, "monitor") as running:
        assert running.wait_for(r"baton> $", 120), running.log[-2000:]
        said = subprocess.run(
            ["gdb", "-nx", "-batch", BUILD / "kernel.elf", "-x", ROOT / "tools/gdb_symbols.py",
             "-ex", f"target remote 127.0.0.1:{port}", "-ex", "info symbol $pc", "-ex", "backtrace",
             "-ex", "print/x &kernel_start_address",
             # Where it is woken up: through the assembly, before registers are kept and among them.
             "-ex", "hbreak timer_stub", "-ex", "continue", "-ex", "echo in the stub\n", "-ex", "backtrace",
             "-ex", "stepi 7", "-ex", "echo in the middle\n", "-ex", "backtrace", "-ex", "detach"],
            capture_output=True, text=True, timeout=120, check=False)
        print(said.stdout, said.stderr)
        image = read.kaslr(running.log)[0]
        assert f"{image - LINKED:#x} behind" in said.stdout or image == LINKED
        chains = re.split("in the (?:stub|middle)\n", said.stdout)
        assert len(chains) == 3
        for chain in chains:
            assert "kernel::run_monitor (" in chain and "kernel_entry (" in chain, chain
