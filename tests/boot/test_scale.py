"""A machine far larger than the host: 2 TiB in 8 nodes, of which only what is touched exists.

What Baton and its self-tests touch goes by the borders in the map and not by its size, so the guest
fits on a small host; were anything done for each page, QEMU would grow until the host has no more.
"""

import resource

import pytest

import log as read
from qemu import GIB, Machine
from test_machines import check_relay, node_ranges

NODES = 8
TIB = 1 << 40
# QEMU itself, the firmware's page tables for 42 address bits, and Baton's few GiB of self-tests.
MOST = 4 * GIB


@pytest.mark.parametrize("road", ["bootmem", pytest.param("memblock", marks=pytest.mark.long)])
def test_two_tebibytes(bench, road):
    machine = Machine.split(2 * TIB, cpus=NODES, nodes=NODES)
    boot = bench.boot(machine, f"early={road} selftest poweroff", timeout=600)
    check_relay(boot, machine, road)
    # 2 GiB lie below 4 GiB; the rest may begin at 1 TiB, as on PCs with AMD's processors.
    above = read.e820(boot.log)[-1][0]
    per_node = 2 * TIB // NODES
    blocks = read.buddyinfo(boot.log)
    for number in range(1, NODES):
        start = above + number * per_node - 2 * GIB
        assert (number, start, start + per_node) in node_ranges(boot.log)
        assert blocks[number, "Normal"][18] >= 253  # of 256 GiB, in blocks of 1 GiB; the kernel may lie in one
    # The largest of all machines of this run; the others are small.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < MOST
