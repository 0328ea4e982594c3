"""A firmware of 32 bits on a CPU of 64: its Baton starts the kernel of 64 bits."""

import re

import pytest

import log as read
from qemu import GIB, MIB, PASSED, POWERED_OFF, Machine, Node
from test_ia32 import HOLE
from test_selftests import results

WIDE = r"mixed mode: a kernel of 64 bits under a firmware of 32: without its runtime services"
TAKEN = r"^(?P<path>\\EFI\\baton\\kernel\S*) at 0x[0-9a-f]+: leaving the firmware"


def machine(memory, **others):
    return Machine(memory=memory, kind="q35", built_for="mixed", **others)


def kernel_taken(boot):
    assert boot.ended == "seen", str(boot)
    return re.search(TAKEN, boot.log, re.MULTILINE)["path"]


@pytest.mark.long
def test_every_self_test_passes(bench):
    """With nodes, CPUs, and RAM beyond what this firmware reaches."""
    nodes = Machine.of_nodes(Node(2 * GIB, 1), Node(4 * GIB, 1), kind="q35", built_for="mixed")
    boot = bench.boot(nodes, "selftest poweroff", timeout=300)
    assert boot.ended == "exit", str(boot)
    wrong = read.in_order(boot.log, [
        WIDE, r"\\EFI\\baton\\kernel64\.elf at 0x[0-9a-f]+: leaving the firmware",
        r"efi: No EFI runtime due to 32/64-bit mismatch with kernel",
        r"ACPI: SRAT: Node 1 PXM 1 \[mem 0x100000000-0x1ffffffff\]",
        r"  Normal   \[mem 0x0000000100000000-0x00000001ffffffff\]",
        r"Ledger: closed, 0 bytes unaccounted for", r"smp: Brought up 2 nodes, 2 CPUs"])
    assert wrong is None, wrong
    by_id, failed = results(boot)
    assert set(failed) <= HOLE
    assert {test.split(".")[0] for test in by_id} == {"efi", "acpi", "machine", "kernel", "mm"}
    assert sum("# SKIP" not in text for text in by_id.values()) >= 80
    # The other kernel's rows are not there.
    assert "kernel.highmem.frames" not in by_id


def test_ends_without_the_firmware(bench):
    """One CPU, and so nothing amiss in the map; ACPI ends it, and what cannot be left is told."""
    boot = bench.boot(machine(512 * MIB), "selftest=kernel.* poweroff")
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    wrong = read.in_order(boot.log, [
        WIDE, r"Report: none is left: runtime services: there are none that could be called"])
    assert wrong is None, wrong


@pytest.mark.parametrize("cpu, options, said", [
    ("qemu32", "poweroff", r"mixed mode: the CPU has 32 bits only"),
    ("", "nomixed poweroff", r"mixed mode: off, as the options say")])
def test_the_kernel_of_32_bits_is_taken(bench, cpu, options, said):
    boot = bench.boot(machine(512 * MIB, cpu=cpu), options)
    assert (boot.ended, boot.status) == ("exit", POWERED_OFF), str(boot)
    wrong = read.in_order(boot.log, [said, r"\\EFI\\baton\\kernel\.elf at", r"\d+MB LOWMEM available\.",
                                     r"Ledger: closed, 0 bytes unaccounted for"])
    assert wrong is None, wrong
    assert "mismatch with kernel" not in boot.log


def test_without_the_kernel_of_64_bits(bench):
    boot = bench.boot(machine(256 * MIB), "poweroff",
                      lambda tree: (tree / "EFI/baton/kernel64.elf").unlink(), until=TAKEN)
    assert kernel_taken(boot) == "\\EFI\\baton\\kernel.elf"
    assert read.find(boot.log, r"mixed mode: there is no kernel of 64 bits beside \\EFI\\baton\\kernel\.elf")


def test_an_installed_kernel_of_64_bits(bench):
    """Its own name is preferred to the common one, whatever lies there."""
    def installed(tree):
        program = (tree / "EFI/BOOT/BOOTIA32.EFI").read_bytes()
        own = re.search(rb"#### BatonKernel64: ([0-9a-f]{16}) ####", program)[1].decode()
        wide = tree / "EFI/baton/kernel64.elf"
        wide.rename(tree / f"EFI/baton/kernel-{own}.elf")
        wide.write_bytes(b"of another build")
    boot = bench.boot(machine(256 * MIB), "poweroff", installed)
    assert (boot.ended, boot.status) == ("exit", POWERED_OFF), str(boot)
    wrong = read.in_order(boot.log, [
        r"\\EFI\\baton\\kernel-[0-9a-f]{16}\.elf at", r"efi: No EFI runtime due to 32/64-bit mismatch with kernel",
        r"reboot: Power down by ACPI's S5"])
    assert wrong is None, wrong
