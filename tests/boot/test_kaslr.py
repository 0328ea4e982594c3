"""KASLR: image, its place in memory and the direct map are elsewhere at every start, and nothing else is."""

import re
import socket
import subprocess

import pytest

import log as read
import qemu
from conftest import BUILD, ROOT
from elf import symbol
from qemu import FAILED, GIB, MIB, PASSED, POWERED_OFF, Machine
from test_ends import planted

SMALL = Machine(memory=512 * MIB)
LINKED, DIRECT_MAP = 0xffff_ffff_8020_0000, 0xffff_8880_0000_0000
RNG = ("-device", "virtio-rng-pci")  # OVMF then has EFI_RNG_PROTOCOL
NO_CPU_RNG = ("-cpu", "max,-rdrand,-rdseed")


def sources(boot):
    return read.find(boot.log, r"KASLR enabled: .* of 2\^\d+, by (.*)")[1]


def told(boot):
    """What is said of memory, without addresses of the kernel's own and what depends on time."""
    lines = []
    for line in read.lines(boot.log):
        if re.match(r"BIOS-e820|  (DMA|DMA32|Normal|Movable) |  node |On node|Memory: |Ledger: (address|closed)"
                    r"|Early memory|Zone ranges|Movable zone|Fallback", line):
            lines.append(re.sub(r"free_area_init_node: .*", "", line))
    return lines


def test_every_start_is_another(bench):
    boots = [bench.boot(Machine(memory=512 * MIB, extra=extra), "selftest=kernel,mm poweroff")
             for extra in (RNG, NO_CPU_RNG, ())]
    assert [boot.status for boot in boots] == [PASSED] * 3
    places = [read.kaslr(boot.log) for boot in boots]
    for each in zip(*places):  # image, memory, direct map
        assert len(set(each)) > 1, places
    for image, memory, direct_map in places:
        assert 0xffff_ffff_8000_0000 <= image < 0xffff_ffff_c000_0000 and image % (2 * MIB) == 0
        assert 16 * MIB <= memory < 512 * MIB and memory % (2 * MIB) == 0
        assert DIRECT_MAP <= direct_map < 0xffff_ea00_0000_0000 and direct_map % GIB == 0
    assert sources(boots[0]).startswith("EFI_RNG, ")
    assert sources(boots[1]) == "the time alone, which can be guessed"
    assert "RDRAND" in sources(boots[2])


def test_without_it_all_is_where_it_was(bench):
    """And memory is told in the same words as with it."""
    boot = bench.boot(SMALL, "nokaslr poweroff", planted("kernel::finish", b"\x0f\x0b"))
    assert boot.status == FAILED
    assert read.find(boot.log, r"KASLR disabled: 'nokaslr' on cmdline")
    assert f"finish+0x0/" in boot.log and f"[{symbol(BUILD / 'kernel.elf', 'kernel::finish'):016x}]" in boot.log
    assert "Kernel Offset: 0x0 from 0xffffffff80200000" in boot.log
    with_it = bench.boot(SMALL, "poweroff")
    assert with_it.status == POWERED_OFF
    assert told(boot) == told(with_it)


def test_a_backtrace_names_what_moved(bench):
    boot = bench.boot(SMALL, "poweroff", planted("kernel::finish", b"\x0f\x0b"))
    assert boot.status == FAILED
    image = read.kaslr(boot.log)[0]
    assert image != LINKED or "Kernel Offset: 0x0 " in boot.log
    at = symbol(BUILD / "kernel.elf", "kernel::finish") - LINKED + image
    assert re.search(rf"RIP: .*finish\+0x0/0x[0-9a-f]+ \[{at:016x}\]", boot.log), boot.log[-1500:]
    assert re.search(r"kernel_main\+0x", boot.log)
    assert f"Kernel Offset: {(image - LINKED) % (1 << 64):#x} from {LINKED:#x}" in boot.log


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
             "-ex", "print/x &kernel_start_address", "-ex", "detach"],
            capture_output=True, text=True, timeout=120, check=False)
        print(said.stdout, said.stderr)
        image = read.kaslr(running.log)[0]
        assert f"{image - LINKED:#x} behind" in said.stdout or image == LINKED
        assert re.search(r"kernel::(?:run_monitor|kernel_main)", said.stdout)
