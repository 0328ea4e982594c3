"""What stops a kernel that goes wrong, and names it."""

import re

import pytest

import log as read
from conftest import BUILD
from elf import symbol
from qemu import AARCH64, ARM, FAILED, GIB, IA32, MIB, PASSED, POWERED_OFF, Machine, Node
from test_ends import Monitor
from test_selftests import results

SMALL = Machine(memory=128 * MIB)


def of(arch, memory, **others):
    return Machine(memory=memory, kind="q35" if arch is IA32 else "virt", built_for=arch.name, **others)


# With 32 bits some of it is highmem.
OTHERS = [pytest.param(of(arch, memory), id=arch.name, marks=pytest.mark.long)
          for arch, memory in ((AARCH64, 256 * MIB), (IA32, GIB), (ARM, GIB))]


@pytest.mark.parametrize("machine", [pytest.param(SMALL, id="x86_64"), *OTHERS])
def test_a_stack_that_was_written_over(bench, machine):
    """Found when the function returns, and not by what it returns to."""
    boot = bench.boot(machine, "panic=smash poweroff")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert re.search(r"stack-protector: Kernel stack is corrupted in: kernel::.*smash.*\+0x[0-9a-f]+/0x",
                     boot.log), boot.log[-1500:]
    moved = r"Kernel Offset: 0x\w+ from 0x\w+\s*\n.*" if machine.arch not in (IA32, ARM) else ""
    assert re.search(moved + r"---\[ end Kernel panic ", boot.log), boot.log[-1500:]
    assert "page fault" not in boot.log


def test_poisoned_memory(bench):
    """A page that is written to after it was freed is told of when it is handed out; all that the kernel
    does itself leaves free memory alone. And the stack protector's word, which is read where the kernel
    is linked to, is this boot's."""
    words = "nokaslr page_poison=1 debug_pagealloc=off panic=free selftest=kernel,mm monitor"
    with bench.start(SMALL, words) as running:
        monitor = Monitor(running)
        log = running.log
        guard = symbol(BUILD / "kernel.elf", "__stack_chk_guard")
        word = running.qmp("human-monitor-command", **{"command-line": f"x /1gx {guard:#x}"})
        assert monitor.order("poweroff") == POWERED_OFF
    page, again = re.search(r"panic=free: page (0x\w+) was written to after it was freed; page (0x\w+) is the next",
                            log).groups()
    assert page == again
    at = int(page, 16)
    assert log.count("pagealloc: ") == 1
    assert re.search(rf"pagealloc: memory corruption\s.*page at {page}: 8 bytes are not 0xaa, from offset 0x40 to 0x47\s"
                     rf".*{at + 0x40:016x}:( ff){{8}}( aa){{8}}", log, re.DOTALL), log[-3000:]
    plan, tests = read.ktap(log)
    assert len(tests) == plan > 20 and all(ok for ok, _ in tests)
    chosen = int(re.search(r": 0x([0-9a-f]{16})", str(word))[1], 16)
    assert chosen & 0xff == 0 and chosen not in (0, 0x5be0cd191f83d900)


# RAM with highmem, where there is such.
@pytest.mark.parametrize("machine, words", [
    (Machine(memory=128 * MIB, cpus=2), "page_poison=1 memtest=quick"),
    pytest.param(SMALL, "early=memblock debug_pagealloc=on init_on_alloc=1", marks=pytest.mark.long),
    pytest.param(Machine.of_nodes(Node(3 * GIB, 1), Node(3 * GIB, 1)), "page_poison=1", marks=pytest.mark.long),
    (of(AARCH64, 256 * MIB, cpus=2), "page_poison=1"),
    (of(IA32, GIB), "page_poison=1"),
    pytest.param(of(IA32, GIB), "nopae page_poison=1", marks=pytest.mark.long),
    (of(ARM, GIB, cpus=2), "page_poison=1"),
    pytest.param(of(ARM, 256 * MIB), "early=memblock page_poison=1 memtest=quick", marks=pytest.mark.long)])
def test_free_memory_is_not_mapped(bench, machine, words):
    """Every free page is unmapped and faults, nothing that runs minds, and the ledger has what that takes."""
    boot = bench.boot(machine, f"{words} selftest=kernel.*,mm.* poweroff", timeout=300)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    kib = int(re.search(r"debug_pagealloc: free pages are not mapped; (\d+)K of page tables", boot.log)[1])
    assert (kib == 0) == (machine.built_for == "arm")  # there all tables are PGDIR
    assert kib == 0 or re.search(rf"Ledger:   DIRECT MAP +{kib * 1024}\s", boot.log), boot.log[-3000:]
    by_id, failed = results(boot)
    assert failed == []
    assert "pagealloc: memory corruption" not in boot.log
    assert re.search(rf"# found: {7 * machine.cpus} blocks on {machine.cpus} CPUs\s+ok \d+ kernel.pages.freed\s",
                     boot.log), boot.log[-3000:]  # each way to have some, on each CPU
    for test in ("kernel.pages.free", "kernel.pages.exact", "mm.cpus.stress"):
        assert "# SKIP" not in by_id[test], test


FREED = r"address is in a free page: nobody has 0x[0-9a-f]+000\s"


def test_a_write_to_freed_memory_faults(bench):
    """By the instruction that does it, and the page is named."""
    boot = bench.boot(SMALL, "page_poison=1 panic=free poweroff")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert re.search(r"BUG: unable to handle page fault for address: [0-9a-f]+040\s.*#PF: supervisor write access.*"
                     rf"#PF: {FREED}", boot.log, re.DOTALL), boot.log[-1500:]
    assert re.search(r"RIP: \w+:kernel::crash", boot.log), boot.log[-1500:]
    assert "---[ end Kernel panic ]---" in boot.log


@pytest.mark.parametrize("machine", OTHERS)
def test_so_it_does_elsewhere(bench, machine):
    boot = bench.boot(machine, "page_poison=1 panic=free poweroff")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert re.search(rf"write access.*{FREED}", boot.log, re.DOTALL), boot.log[-1500:]


def test_zeroed_memory(bench):
    boot = bench.boot(SMALL, "init_on_alloc=1 init_on_free=on selftest=mm poweroff")
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert read.find(boot.log, r"mem auto-init: stack:off, heap alloc:on, heap free:on$")
    assert results(boot)[1] == []


@pytest.mark.parametrize("machine", OTHERS)
@pytest.mark.parametrize("words", ("page_poison=1 debug_pagealloc=off panic=free", "init_on_alloc=1 init_on_free=1"))
def test_memory_of_other_architectures(bench, machine, words):
    boot = bench.boot(machine, f"{words} selftest=kernel,mm poweroff", timeout=400)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert results(boot)[1] == []
    assert boot.log.count("pagealloc: memory corruption") == ("panic=free" in words)
    assert bool(read.find(boot.log, r" +HighMem +\[mem 0x")) == (machine.arch in (IA32, ARM))
