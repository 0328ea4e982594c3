"""The relay on machines of every shape: what the log must say about each, to the page."""

import re

import pytest

import log as read
from qemu import GIB, MIB, PASSED, Machine, Node


def srat(log):
    return [(int(m[1]), int(m[2]), int(m[3], 16), int(m[4], 16) + 1) for m in read.find_all(
        log, r"ACPI: SRAT: Node (\d+) PXM (\d+) \[mem 0x([0-9a-f]+)-0x([0-9a-f]+)\]")]


def node_ranges(log):
    return [(int(m[1]), int(m[2], 16), int(m[3], 16) + 1) for m in read.find_all(
        log, r"  node +(\d+): \[mem 0x([0-9a-f]{16})-0x([0-9a-f]{16})\]")]


def check_early_reservations(log, road):
    """So many, in a list with room for more; a line for each, and none for the list itself, which
    only the second road's Linux counts."""
    first = {"bootmem": r"\((\d+)/(\d+) early reservations\) ==> bootmem \[0000000000 - ",
             "memblock": r"Subtract \((\d+)() early reservations\)$"}
    said = read.find(log, first[road])
    assert said, f"no line matches {first[road]}"
    lines = read.find_all(log, r"  #(\d+) \[[0-9a-f]{10,} - [0-9a-f]{10,}\] +(.+?)(?: ==> .*)?$")
    count = int(said[1]) - (1 if road == "memblock" else 0)
    assert [int(m[1]) for m in lines] == list(range(1, count + 1))
    assert "EARLY_RES" not in [m[2] for m in lines]
    assert road == "memblock" or int(said[1]) < int(said[2])


def check_relay(boot, machine, road="bootmem"):
    """What holds on every machine."""
    log = boot.log
    assert boot.ended == "exit", str(boot)
    assert not re.search(r"panic|\bBUG\b|Oops|not understood", log, re.IGNORECASE)
    assert read.in_order(log, [
        r"BIOS-e820: \[mem 0x0000000000000000-",
        r"Zone ranges:",
        r"  DMA      \[mem 0x0000000000001000-0x0000000000ffffff\]",
        r"  DMA32    ",
        r"  Normal   ",
        r"  Device   empty",
        r"Early memory node ranges",
        r"  node   0: \[mem 0x0000000000001000-",
        r"Initmem setup node 0 ",
        r"Fallback order for Node 0: 0",
        r"Memory: \d+K/\d+K available \(",
        r"Node 0, zone ",
    ]) is None

    check_early_reservations(log, road)

    e820 = read.e820(log)
    assert all(start < end for start, end, _ in e820)
    assert all(a[1] <= b[0] for a, b in zip(e820, e820[1:])), "e820 is not sorted and disjoint"
    usable = sum(end - start for start, end, type_ in e820 if type_ == "usable")
    # The firmware keeps some for itself and its tables, less than 12 MiB on these boards.
    assert machine.memory - 12 * MIB < usable <= machine.memory

    # Every byte of a node's range is usable RAM, and only page 0 and page edges are missing.
    in_nodes = sum(end - start for _, start, end in node_ranges(log))
    assert usable - 64 * 1024 < in_nodes <= usable

    memory = read.find(log, r"Memory: (\d+)K/(\d+)K available \(")
    available, physical = int(memory[1]), int(memory[2])
    assert physical * 1024 == in_nodes
    assert available < physical

    # What reached buddy: nearly all there is.
    assert read.free_kib(log) * 1024 > in_nodes * 0.9 - 16 * MIB

    plan, results = read.ktap(log)
    assert plan >= 4 and len(results) == plan
    assert [name for ok, name in results if not ok] == []
    assert boot.status == PASSED


@pytest.mark.parametrize("machine", [
    pytest.param(Machine(memory=64 * MIB), id="q35-64M"),
    pytest.param(Machine(memory=256 * MIB), id="q35-256M"),
    pytest.param(Machine(memory=4 * GIB, cpus=2), id="q35-4G"),
    pytest.param(Machine(memory=6 * GIB, cpus=2, kind="pc"), id="pc-6G"),
])
def test_without_srat(bench, machine):
    boot = bench.boot(machine, "selftest poweroff")
    check_relay(boot, machine)
    assert srat(boot.log) == []
    assert {node for node, _, _ in node_ranges(boot.log)} == {0}
    assert read.find(boot.log, "Fallback order for Node 0: 0 *$")
    top = max(end for _, start, end in node_ranges(boot.log))
    if machine.memory < 2 * GIB:
        assert top <= machine.memory
        assert read.find(boot.log, r"  Normal   empty")
    else:
        # The board splits memory at 2 GiB (q35) or 3 GiB (pc); the rest lies above 4 GiB.
        below = 2 * GIB if machine.kind == "q35" else 3 * GIB
        assert top == 4 * GIB + machine.memory - below
        assert read.find(boot.log, r"  Normal   \[mem 0x0000000100000000-" + f"0x{top - 1:016x}")


def test_two_nodes(bench):
    machine = Machine.of_nodes(Node(2 * GIB, 1), Node(2 * GIB, 1))
    boot = bench.boot(machine, "selftest poweroff")
    check_relay(boot, machine)
    assert srat(boot.log) == [(0, 0, 0, 0xa0000), (0, 0, MIB, 2 * GIB),
                              (1, 1, 4 * GIB, 6 * GIB)]
    assert read.in_order(boot.log, [
        r"SRAT: PXM 0 -> APIC 0x00 -> Node 0$",
        r"SRAT: PXM 1 -> APIC 0x01 -> Node 1$",
        r"ACPI: SRAT: Node 0 PXM 0 \[mem 0x00000000-0x0009ffff\]$",
        r"ACPI: SRAT: Node 1 PXM 1 \[mem 0x100000000-0x17fffffff\]$",
        r"  node   1: \[mem 0x0000000100000000-0x000000017fffffff\]$",
        r"Initmem setup node 0 \[mem 0x0000000000001000-0x000000007",
        r"Initmem setup node 1 \[mem 0x0000000100000000-0x000000017fffffff\]$",
        r"Fallback order for Node 0: 0 1 *$",
        r"Fallback order for Node 1: 1 0 *$",
        r"Freeing dma32 memory: 131072K$",
    ]) is None
    assert read.find(boot.log, r"dma32: \[mem 0x20000000-0x27ffffff\] kept for 32-bit DMA$")
    assert {node for node, _ in read.buddyinfo(boot.log)} == {0, 1}


def test_node_without_memory(bench):
    machine = Machine.of_nodes(Node(512 * MIB, 1), Node(0, 1), Node(512 * MIB, 1))
    boot = bench.boot(machine, "selftest poweroff")
    check_relay(boot, machine)
    assert read.find(boot.log, r"SRAT: PXM 1 -> APIC 0x01 -> Node 1$")
    assert read.find(boot.log, r"Initmem setup node 1 as memoryless")
    assert {node for node, _, _ in node_ranges(boot.log)} == {0, 2}
    assert {node for node, _ in read.buddyinfo(boot.log)} == {0, 2}
    order = read.find(boot.log, r"Fallback order for Node 1: ([\d ]+)$")
    assert {"0", "2"} <= set(order[1].split())


def test_node_without_cpus(bench):
    machine = Machine.of_nodes(Node(512 * MIB, 2), Node(512 * MIB, 0))
    boot = bench.boot(machine, "selftest poweroff")
    check_relay(boot, machine)
    assert read.find(boot.log, r"SRAT: PXM 1 -> APIC ") is None
    assert {node for node, _, _ in node_ranges(boot.log)} == {0, 1}
    assert {node for node, _ in read.buddyinfo(boot.log)} == {0, 1}


@pytest.mark.parametrize("road", ["bootmem", pytest.param("memblock", marks=pytest.mark.long)])
def test_kernelcore_mirror(bench, faulty, road):
    """Memory below 4.5 GiB is kept twice: the kernel's. The rest of node 1 is Movable, and its
    Normal zone spans that, too."""
    machine = Machine.of_nodes(Node(2 * GIB, 1), Node(2 * GIB, 1))
    boot = bench.boot(machine, f"kernelcore=mirror early={road} selftest poweroff",
                      faulty("mirrored"))
    check_relay(boot, machine, road)
    assert read.in_order(boot.log, [
        r"efi: Memory: (\d+)M/\d+M mirrored memory$",
        r"NODE_DATA\(1\) allocated \[mem 0x11",
        r"Zone ranges:",
        r"Movable zone start for each node$",
        r"  Node 1: 0x0000000120000000$",
        r"  node   1: \[mem 0x0000000100000000-0x000000011fffffff\]$",
        r"  node   1: \[mem 0x0000000120000000-0x000000017fffffff\]$",
    ]) is None
    assert "unmirrored" not in boot.log
    free = read.buddyinfo(boot.log)
    assert {zone for node, zone in free if node == 1} == {"Normal", "Movable"}
    # All of it but what the firmware still holds.
    pages = sum(count << order for order, count in enumerate(free[1, "Movable"]))
    assert 0x60000 - 64 < pages <= 0x60000


def test_kernelcore_mirror_without_mirrored_memory(bench):
    """What Linux 6.1 does then: all above 4 GiB is Movable, and a warning."""
    machine = Machine.of_nodes(Node(2 * GIB, 1), Node(2 * GIB, 1))
    boot = bench.boot(machine, "kernelcore=mirror selftest=mm poweroff")
    assert boot.status == PASSED, str(boot)
    assert read.in_order(boot.log, [
        r"This configuration results in unmirrored kernel memory\.$",
        r"Zone ranges:",
        r"  Node 1: 0x0000000100000000$",
    ]) is None
    assert {zone for node, zone in read.buddyinfo(boot.log) if node == 1} == {"Movable"}


def test_disk_image(bench):
    """build/baton.img as it is handed out, on a SATA controller: ends at the monitor's prompt."""
    boot = bench.boot(Machine(memory=256 * MIB, bus="ahci"), disk=bench.handed_out(),
                      until=r"Node 0, zone +DMA32 .*\n")
    assert boot.ended == "seen", str(boot)
    assert read.find(boot.log, r"Memory: \d+K/\d+K available \(")
