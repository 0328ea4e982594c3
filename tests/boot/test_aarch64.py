"""Arm's 64-bit machines under AAVMF: the same relay, by the same words."""

import re
import shutil

import pytest

import log as read
from conftest import BUILD
from qemu import FAILED, GIB, MIB, PASSED, POWERED_OFF, Machine, Node
from test_selftests import KNOWN, results

SMALL = Machine(kind="virt", memory=256 * MIB)
FOUR = Machine(kind="virt", memory=256 * MIB, cpus=4)


def test_boots_to_a_closed_ledger(bench):
    """With Linux' zones: RAM begins at 1 GiB, all of it below 4 GiB is DMA."""
    boot = bench.boot(Machine(kind="virt", memory=4 * GIB), "poweroff")
    assert (boot.ended, boot.status) == ("exit", POWERED_OFF), str(boot)
    wrong = read.in_order(boot.log, [
        r"CPU: Booted on physical CPU 0x0000000000 \[0x[0-9a-f]{8}\]",
        r"Zone ranges:",
        r"  DMA      \[mem 0x0000000040000000-0x00000000ffffffff\]",
        r"  DMA32    empty",
        r"  Normal   \[mem 0x0000000100000000-0x000000013fffffff\]",
        r"Ledger: closed, 0 bytes unaccounted for",
        r"arch_timer: .* running at",
        r"smp: Brought up 1 node, 1 CPU"])
    assert wrong is None, wrong
    assert "BIOS PAGE 0" not in boot.log


def test_two_nodes_pass_every_test(bench):
    """A GICv2; and NUMA, which Linux 6.1 drops here, as it takes the firmware's MMIO for memory."""
    machine = Machine.of_nodes(Node(2 * GIB, 2), Node(2 * GIB, 2), kind="virt,gic-version=2",
                               cpu="cortex-a57")
    boot = bench.boot(machine, "selftest poweroff")
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert read.find(boot.log, r"ACPI: NUMA: SRAT: PXM 1 -> MPIDR 0x2 -> Node 1")
    assert read.find(boot.log, r"ACPI: SRAT: Node 1 PXM 1 \[mem 0xc0000000-0x13fffffff\]")
    assert read.find(boot.log, r"smp: Brought up 2 nodes, 4 CPUs")
    by_id, failed = results(boot)
    assert failed == []
    assert {test.split(".")[0] for test in by_id} == {"efi", "acpi", "machine", "kernel", "mm"}
    assert {test for test, text in by_id.items() if "# XFAIL" in text} == KNOWN
    assert sum("# SKIP" not in text for text in by_id.values()) >= 100
    assert all(re.search(r"# SKIP \S+ \S+", text) for text in by_id.values() if "# SKIP" in text)


@pytest.mark.parametrize("kind", ["virt,gic-version=3,virtualization=on",
                                  "virt,gic-version=2,virtualization=on"])
def test_from_el2(bench, kind):
    """The firmware runs at EL2, and so do other CPUs begin; with all that QEMU's CPUs have."""
    boot = bench.boot(Machine(kind=kind, memory=512 * MIB, cpus=3), "selftest early=memblock poweroff")
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert read.find(boot.log, r"CPU: PAN on")
    assert read.find(boot.log, r"smp: Brought up 1 node, 3 CPUs")
    assert results(boot)[1] == []


@pytest.mark.parametrize("cpu, names", [
    (0, ["kernel_main", "kernel_start", "kernel_entry"]),
    (2, ["secondary_main", "secondary_start"])])
def test_a_fault_names_who_made_it(bench, cpu, names):
    boot = bench.boot(FOUR, f"panic=fault@{cpu}")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    wrong = read.in_order(boot.log, [
        rf"On CPU {cpu}:",
        r"Unable to handle kernel paging request at virtual address 00007fff00001000",
        r"  read access: translation fault: the page is not mapped",
        r"pc : .*crash_here\+0x", r"Call Trace:", r" .*crash_here\+0x",
        *(rf" .*{name}\+0x" for name in names),
        r"---\[ end Kernel panic \]---"])
    assert wrong is None, wrong


@pytest.mark.parametrize("cpu, stack", [(0, "boot"), (3, "main")])
def test_a_stack_that_is_too_small(bench, cpu, stack):
    boot = bench.boot(FOUR, f"panic=stack@{cpu}")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    wrong = read.in_order(boot.log, [
        rf"On CPU {cpu}:", r"  write access: translation fault",
        rf"  the page below the {stack} stack: the stack is too small", r" .*deeper\+0x"])
    assert wrong is None, wrong


def test_memtest(bench):
    boot = bench.boot(FOUR, "memtest=quick poweroff")
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert read.find(boot.log, r"memtest: 24[12] MiB, 1 pass, took .*: no bad pages")


def test_somebody_types(bench):
    with bench.start(SMALL, "nokaslr monitor") as running:
        assert running.wait_for(r"baton> $", 60)
        running.send("pt 0xffffffff80200000\r")
        assert running.wait_for(r"PGD", 10)
        running.send("poweroff\r")
        assert running.process.wait(timeout=20) == POWERED_OFF


def test_the_menu_has_its_entries(bench):
    """Those that are shipped name this architecture and its application."""
    def change(tree):
        shutil.copytree(BUILD / SMALL.arch.esp / "loader", tree / "loader")
        (tree / "loader/loader.conf").write_text("default baton-selftest\ntimeout 1\n")
        path = tree / "loader/entries/baton-selftest.conf"
        path.write_text(path.read_text().replace("selftest\n", "selftest=acpi.madt.* poweroff\n"))
    boot = bench.boot(SMALL, None, change)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    for title in ("Baton", "Baton, self-tests", "Baton, memory test"):
        assert title in boot.log
    assert set(results(boot)[0]) == {"acpi.madt.form", "acpi.madt.cpus", "acpi.madt.x2apic",
                                     "acpi.madt.addresses"}


def test_a_kernel_for_another_machine(bench):
    def of_x86(tree):
        (tree / "EFI/baton/kernel.elf").write_bytes(
            (BUILD / "esp/EFI/baton/kernel.elf").read_bytes())
        for path in tree.glob("EFI/baton/kernel-*.elf"):
            path.unlink()
    boot = bench.boot(SMALL, "poweroff", of_x86)
    assert boot.ended == "firmware", str(boot)
    assert re.search(r"e_machine: for x86-64 \(given 0x3e, this one is 0xb7\)", boot.log)
