"""Arm's 32-bit machines under AAVMF32 and U-Boot, which have a device tree: the same relay, by the same
words."""

import re

import pytest

import log as read
from conftest import BUILD
from qemu import FAILED, GIB, MIB, PASSED, POWERED_OFF, U_BOOT, Machine, Node
from test_selftests import results


def machine(memory, **others):
    return Machine(memory=memory, kind="virt", built_for="arm", **others)


def test_boots_to_a_closed_ledger(bench):
    """Lowmem is as large as Linux 6.1's, which calls the zone that is Normal here DMA."""
    boot = bench.boot(machine(3071 * MIB), "poweroff")
    assert (boot.ended, boot.status) == ("exit", POWERED_OFF), str(boot)
    wrong = read.in_order(boot.log, [
        r"Booting on physical CPU 0x0",
        r"CPU: ARMv7 Processor \[41[0-9a-f]{6}\] revision \d \(ARMv7\), cr=00c5387d",
        r"OF: fdt: device tree at 0x[0-9a-f]+, \d+ bytes: used, as there are no ACPI tables",
        r"Memory policy: ECC disabled, Data cache writealloc",
        r"    lowmem  : 0xc0000000 - 0xf0000000   \( 768 MB\)",
        r"Zone ranges:",
        r"  Normal   \[mem 0x0000000040000000-0x000000006fffffff\]",
        r"  HighMem  \[mem 0x0000000070000000-0x00000000ffefffff\]",
        r"Ledger: closed, 0 bytes unaccounted for",
        r"smp: Brought up 1 node, 1 CPU"])
    assert wrong is None, wrong
    # The firmware's own lie at the end of RAM, where the kernel has its addresses.
    assert read.find(boot.log, r"runtime services: \[mem 0x00000000f[0-9a-f]{7}-0x[0-9a-f]{16}\] is out of "
                               r"reach \(0xc0000000 and up\), not mapped")


@pytest.mark.parametrize("early", ["bootmem", pytest.param("memblock", marks=pytest.mark.long)])
def test_every_self_test_passes(bench, early):
    """Two nodes, four CPUs and highmem."""
    nodes = Machine.of_nodes(Node(GIB, 2), Node(GIB, 2), kind="virt", built_for="arm")
    boot = bench.boot(nodes, f"selftest early={early} poweroff", timeout=240)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert read.find(boot.log, r"smp: Brought up 2 nodes, 4 CPUs")
    # Each age has its fixmap.
    fixmap = {"bootmem": "0xfff00000 - 0xfffe0000", "memblock": "0xffc00000 - 0xfff00000"}
    assert read.find(boot.log, rf"    fixmap  : {fixmap[early]}")
    by_id, failed = results(boot)
    assert failed == []
    assert sum("# SKIP" not in text for text in by_id.values()) >= 70
    assert all(re.search(r"# SKIP \S+ \S+", text) for text in by_id.values() if "# SKIP" in text)
    ran = {test for test, text in by_id.items() if "# SKIP" not in text}
    assert ran >= {"kernel.highmem.frames", "kernel.highmem.kept", "kernel.vectors", "kernel.zero-page",
                   "kernel.pages.wx", "kernel.pages.exact",
                   # Where these tables are the kernel has fixmap and vectors.
                   "machine.smbios.form", "machine.smbios.total", "machine.smbios.arrays"}


@pytest.mark.parametrize("cpu, names", [
    (0, ["kernel_main", "kernel_start", "kernel_entry"]),
    (2, ["secondary_main", "secondary_start"])])
def test_a_fault_names_who_made_it(bench, cpu, names):
    boot = bench.boot(machine(256 * MIB, cpus=4), f"panic=fault@{cpu}")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    wrong = read.in_order(boot.log, [
        rf"On CPU {cpu}:",
        r"Unable to handle kernel paging request at virtual address 00001000",
        r"  read access: \w+ translation fault",
        r"PC is at .*crash_here\+0x", r"Call Trace:", r" .*crash_here\+0x",
        *(rf" .*{name}\+0x" for name in names),
        r"---\[ end Kernel panic \]---"])
    assert wrong is None, wrong


@pytest.mark.parametrize("cpu, stack", [(0, "boot"), (3, "main")])
def test_a_stack_that_is_too_small(bench, cpu, stack):
    boot = bench.boot(machine(256 * MIB, cpus=4), f"panic=stack@{cpu}")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    wrong = read.in_order(boot.log, [
        rf"On CPU {cpu}:", r"  write access: \w+ translation fault",
        rf"  the page below the {stack} stack: the stack is too small", r" .*deeper\+0x"])
    assert wrong is None, wrong


@pytest.mark.long
def test_memtest(bench):
    boot = bench.boot(machine(128 * MIB, cpus=2), "memtest=quick poweroff", timeout=300)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert read.find(boot.log, r"memtest: \d+ MiB, 1 pass, took .*: no bad pages")


# U-Boot's: runtime services outside of runtime code.
def test_u_boot_starts_all_cpus(bench):
    """And finds what is wrong there, and nothing else; the ledger closes."""
    boot = bench.boot(machine(GIB, cpus=4, firmware=U_BOOT), "selftest poweroff", timeout=240)
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert read.find(boot.log, r"efi: EFI v\S+ by Das U-Boot")
    assert read.find(boot.log, r"smp: Brought up 1 node, 4 CPUs")
    assert read.find(boot.log, r"Ledger: closed, 0 bytes unaccounted for")
    assert set(results(boot)[1]) == {"efi.runtime.services"}


def test_somebody_types(bench):
    with bench.start(machine(GIB)) as running:
        assert running.wait_for(r"baton> $", 90)
        # There is no such block that could be mapped at once.
        running.send("alloc 18\r")
        assert running.wait_for(r"alloc: \d{6} KiB of highmem are free, but only memory that has addresses is taken", 20)
        running.send("pt 0xf7000000\r")
        assert running.wait_for(r"PGD", 20)
        running.send("poweroff\r")
        assert running.process.wait(timeout=30) == POWERED_OFF


def test_a_kernel_for_another_machine(bench):
    def of_x86_64(tree):
        (tree / "EFI/baton/kernel.elf").write_bytes(
            (BUILD / "esp/EFI/baton/kernel.elf").read_bytes())
    boot = bench.boot(machine(256 * MIB), "poweroff", of_x86_64)
    assert boot.ended == "firmware", str(boot)
    assert re.search(r"e_ident: not a 32-bit image \(class 2, wanted 1\)", boot.log)
