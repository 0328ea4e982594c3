"""PCs under a firmware of 32 bits: the same relay, by the same words."""

import re

import pytest

import log as read
from conftest import BUILD
from qemu import FAILED, GIB, MIB, PASSED, POWERED_OFF, U_BOOT, Machine, Node
from test_selftests import results
from test_u_boot import FAULTS


def machine(memory, **others):
    return Machine(memory=memory, kind="q35", built_for="ia32", **others)


def test_boots_to_a_closed_ledger(bench):
    """With 6 GiB, all of it is used; zones and RAM as Linux' 686-pae has them."""
    boot = bench.boot(machine(6 * GIB), "poweroff")
    assert (boot.ended, boot.status) == ("exit", POWERED_OFF), str(boot)
    wrong = read.in_order(boot.log, [
        r"last_pfn = 0x200000 max_arch_pfn = 0x1000000",
        r"7312MB HIGHMEM available\.",
        r"879MB LOWMEM available\.",
        r"Zone ranges:",
        r"  DMA      \[mem 0x0000000000001000-0x0000000000ffffff\]",
        r"  Normal   \[mem 0x0000000001000000-0x0000000036ffdfff\]",
        r"  HighMem  \[mem 0x0000000036ffe000-0x00000001ffffffff\]",
        r"Memory: \d+K/6255500K available .* \d+K highmem\)",
        r"Ledger: closed, 0 bytes unaccounted for",
        r"smp: Brought up 1 node, 1 CPU"])
    assert wrong is None, wrong


# QEMU's plain CPU enters with paging off, the other with PAE on.
@pytest.mark.parametrize("cpu, memory", [("max", 2 * GIB), ("qemu32", 512 * MIB)])
def test_every_self_test_passes(bench, cpu, memory):
    boot = bench.boot(machine(memory, cpu=cpu), "selftest poweroff", timeout=240)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    by_id, failed = results(boot)
    assert failed == []
    assert {test.split(".")[0] for test in by_id} == {"efi", "acpi", "machine", "kernel", "mm"}
    assert sum("# SKIP" not in text for text in by_id.values()) >= 80
    assert all(re.search(r"# SKIP \S+ \S+", text) for text in by_id.values() if "# SKIP" in text)
    high = memory > 880 * MIB
    assert ("# SKIP" in by_id["kernel.highmem.frames"]) != high


# What this firmware is found to get wrong when there are several CPUs: RAM that no descriptor has.
HOLE = {"efi.map.gaps", "machine.holes"}


def test_two_nodes_and_four_cpus(bench):
    nodes = Machine.of_nodes(Node(GIB, 2), Node(GIB, 2), kind="q35", built_for="ia32")
    boot = bench.boot(nodes, "selftest poweroff", timeout=240)
    assert boot.ended == "exit", str(boot)
    assert read.find(boot.log, r"smp: Brought up 2 nodes, 4 CPUs")
    assert set(results(boot)[1]) <= HOLE


def test_without_pae(bench):
    """RAM up to 4 GiB is used, as Linux' 686 uses it, and what is beyond, the second node, is told."""
    nodes = Machine.of_nodes(Node(3 * GIB, 1), Node(3 * GIB, 0), kind="q35", built_for="ia32")
    boot = bench.boot(nodes, "nopae selftest poweroff", timeout=240)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    wrong = read.in_order(boot.log, [
        r"NX \(Execute Disable\) protection: cannot be enabled: non-PAE kernel!",
        r"e820: 4194304K of RAM from 0x100000000 on are not used: page tables of this form do not lead there",
        r"last_pfn = 0x7ef[0-9a-f]+ max_arch_pfn = 0x100000",
        r"1155MB HIGHMEM available\.",
        r"875MB LOWMEM available\.",
        r"  Normal   \[mem 0x0000000001000000-0x0000000036bfdfff\]",
        r"  HighMem  \[mem 0x0000000036bfe000-0x000000007ef[0-9a-f]+\]",
        r"Ledger:   unreachable +4294967296",
        r"Ledger: closed, 0 bytes unaccounted for"])
    assert wrong is None, wrong
    by_id, failed = results(boot)
    assert failed == []
    assert "# SKIP NX" in by_id["kernel.pages.wx"]
    for test in ("kernel.pages.exact", "kernel.pages.image", "kernel.pages.guard",
                 "kernel.highmem.frames", "kernel.highmem.kept"):
        assert "# SKIP" not in by_id[test], test


@pytest.mark.long
def test_several_cpus_without_pae(bench):
    nodes = Machine.of_nodes(Node(GIB, 2), Node(GIB, 2), kind="q35", built_for="ia32")
    boot = bench.boot(nodes, "nopae selftest=kernel.*,mm.* stress=20 poweroff", timeout=240)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert read.find(boot.log, r"smp: Brought up 2 nodes, 4 CPUs")
    assert read.find(boot.log, r"Ledger: closed, 0 bytes unaccounted for")


# OVMF32 does not start on such CPUs, U-Boot does. Without page size extensions there are only small pages.
@pytest.mark.parametrize("cpu", [
    pytest.param("qemu32,-pae", marks=pytest.mark.long), "qemu32,-pae,-pse"])
def test_a_cpu_that_has_no_pae(bench, cpu):
    boot = bench.boot(machine(1 * GIB, cpu=cpu, firmware=U_BOOT), "selftest poweroff", timeout=240)
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    _, failed = results(boot)
    assert set(failed) <= FAULTS
    assert "# SKIP NX missing" in results(boot)[0]["kernel.pages.wx"]
    assert read.find(boot.log, r"CPU: .* 2-level paging, NX no")
    assert read.find(boot.log, r"875MB LOWMEM available\.")
    assert read.find(boot.log, r"Ledger: closed, 0 bytes unaccounted for")


def test_a_fault_names_who_made_it(bench):
    boot = bench.boot(machine(256 * MIB), "panic=fault")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    wrong = read.in_order(boot.log, [
        r"BUG: unable to handle page fault for address: [0-9a-f]{8}$",
        r"#PF: supervisor read access in kernel mode", r"EIP: 0008:.*crash_here\+0x",
        r"Call Trace:", r" .*crash_here\+0x", r" .*kernel_main\+0x", r" .*kernel_start\+0x",
        r" .*kernel_entry\+0x", r"---\[ end Kernel panic \]---"])
    assert wrong is None, wrong


@pytest.mark.long
def test_a_fault_of_another_cpu(bench):
    boot = bench.boot(machine(256 * MIB, cpus=3), "panic=fault@2")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    wrong = read.in_order(boot.log, [
        r"On CPU 2:", r"BUG: unable to handle page fault for address: [0-9a-f]{8}$",
        r"EIP: 0008:.*crash_here\+0x", r"Call Trace:", r" .*crash_here\+0x",
        r" .*secondary_main\+0x", r" .*secondary_start\+0x", r"---\[ end Kernel panic \]---"])
    assert wrong is None, wrong


@pytest.mark.parametrize("cpu", [1, pytest.param(3, marks=pytest.mark.long)])
def test_another_cpus_stack_that_is_too_small(bench, cpu):
    boot = bench.boot(machine(256 * MIB, cpus=4), f"panic=stack@{cpu}")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    wrong = read.in_order(boot.log, [
        rf"On CPU {cpu}:", r"double fault, error code 0x0000",
        r"#DF: f7[0-9a-f]{6} is in the page below the main stack: the stack is too small",
        r"EIP: 0008:.*deeper\+0x", r" .*deeper\+0x"])
    assert wrong is None, wrong


@pytest.mark.long
def test_memtest_to_its_end(bench):
    """Highmem, too: every pattern over all RAM that is free."""
    boot = bench.boot(machine(1280 * MIB, cpus=4), "memtest=quick poweroff", timeout=240)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert read.find(boot.log, r"memtest: 12[0-9]{2} MiB, 1 pass, took .*: no bad pages")


def test_a_stack_that_is_too_small(bench):
    boot = bench.boot(machine(256 * MIB), "panic=stack")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    wrong = read.in_order(boot.log, [
        r"double fault, error code 0x0000",
        r"#DF: f7[0-9a-f]{6} is in the page below the boot stack: the stack is too small",
        r"EIP: 0008:.*deeper\+0x", r" .*deeper\+0x"])
    assert wrong is None, wrong


def test_a_kernel_for_another_machine(bench):
    def of_x86_64(tree):
        (tree / "EFI/baton/kernel.elf").write_bytes(
            (BUILD / "esp/EFI/baton/kernel.elf").read_bytes())
    boot = bench.boot(machine(256 * MIB), "poweroff", of_x86_64)
    assert boot.ended == "firmware", str(boot)
    assert re.search(r"the kernel: is of 64 bits, and this CPU has 32 only", boot.log)
