"""Arm's machines whose firmware has no ACPI: a device tree tells of them, in the same words."""

import re

import pytest

import log as read
from qemu import AARCH64, FAILED, GIB, MIB, PASSED, POWERED_OFF, U_BOOT, Machine, Node
from test_selftests import KNOWN, results

# U-Boot's: runtime services outside of runtime code.
FAULTS = {"efi.runtime.services"}
USED = r"OF: fdt: device tree at 0x[0-9a-f]+, \d+ bytes: used, as there are no ACPI tables"


def test_two_nodes_pass_every_test(bench):
    """A GICv3 and two nodes, under AAVMF."""
    machine = Machine.of_nodes(Node(1 * GIB, 2), Node(1 * GIB, 2), kind="virt,acpi=off")
    boot = bench.boot(machine, "selftest poweroff")
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    wrong = read.in_order(boot.log, [
        r"ACPI: no RSDP: this machine has no ACPI tables", USED,
        r"Machine model: linux,dummy-virt",
        r"smpboot: Allowing 4 CPUs, 0 hotplug CPUs",
        r"OF: NUMA: PXM 1 -> MPIDR 0x2 -> Node 1",
        r"OF: NUMA: Node 1 PXM 1 \[mem 0x80000000-0xbfffffff\]",
        r"OF: NUMA: Node 0 PXM 0 \[mem 0x40000000-0x7fffffff\]",
        r"NUMA: Initialized distance table, cnt=2",
        r".* DEVICE TREE ==> ",
        r"Ledger: closed, 0 bytes unaccounted for",
        r"smp: Brought up 2 nodes, 4 CPUs"])
    assert wrong is None, wrong
    by_id, failed = results(boot)
    assert failed == []
    assert {test for test, text in by_id.items() if "# XFAIL" in text} == KNOWN
    assert "# SKIP a device tree tells of this machine" in by_id["acpi.rsdp"]


@pytest.mark.parametrize("kind", ["virt,acpi=off,gic-version=2", "virt,acpi=off,virtualization=on"])
def test_other_controllers_and_levels(bench, kind):
    """A GICv2; and EL2, from which PSCI is called by smc."""
    boot = bench.boot(Machine(kind=kind, memory=512 * MIB, cpus=3), "selftest=kernel,machine poweroff")
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert read.find(boot.log, r"smp: Brought up 1 node, 3 CPUs")
    assert results(boot)[1] == []


def test_u_boot_starts_all_cpus(bench):
    """And finds what is wrong there, and nothing else; the ledger closes."""
    boot = bench.boot(Machine(kind="virt", memory=4 * GIB, cpus=4, firmware=U_BOOT),
                      "selftest poweroff")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert read.find(boot.log, r"efi: EFI v\S+ by Das U-Boot")
    assert read.find(boot.log, USED)
    assert read.find(boot.log, r"smp: Brought up 1 node, 4 CPUs")
    assert read.find(boot.log, r"Ledger: closed, 0 bytes unaccounted for")
    assert set(results(boot)[1]) == FAULTS


def test_u_boot_knows_cpus_of_another_node(bench):
    """QEMU lists the last node's memory first, and U-Boot takes the first it reads for all there is:
    so all of it is in one."""
    machine = Machine.of_nodes(Node(1 * GIB, 1), Node(0, 1), kind="virt,gic-version=2",
                               cpu="cortex-a57", firmware=U_BOOT)
    boot = bench.boot(machine, "early=memblock poweroff")
    assert (boot.ended, boot.status) == ("exit", POWERED_OFF), str(boot)
    assert read.find(boot.log, r"OF: NUMA: PXM 1 -> MPIDR 0x1 -> Node 1")
    assert read.find(boot.log, r"smp: Brought up 2 nodes, 2 CPUs")
    assert read.find(boot.log, r"Ledger: closed, 0 bytes unaccounted for")


def test_u_boot_gets_errors_back(bench):
    def without_kernel(tree):
        (tree / "EFI/baton/kernel.elf").unlink()
    boot = bench.boot(Machine(kind="virt", memory=512 * MIB, firmware=U_BOOT), "poweroff",
                      without_kernel)
    assert boot.ended == "firmware", str(boot)
    assert re.search(r"kernel\.elf: .*Not Found", boot.log)


def test_the_monitor_shows_it(bench):
    with bench.start(Machine(kind="virt,acpi=off,gic-version=2", memory=256 * MIB, cpus=2)) as running:
        assert running.wait_for(r"baton> ", 90)
        for command, answer in [
                ("fdt", r"2 CPUs, PSCI by hvc\nGIC distributor \[mem 0x08000000-0x0800ffff\]"),
                ("fdt", r"console: PL011 at 0x9000000"),
                ("acpi", r"this machine has no ACPI tables"),
                ("cpus", r"CPU 1: MPIDR 1, node 0, online")]:
            before = len(running.log)
            running.send(command + "\r")
            assert running.wait_for(answer, 20, since=before), (command, running.log[before:])


def test_acpi_wins_over_a_tree_beside_it(bench, faulty):
    """What is said of the machine is ACPI's; what the tree reserves is reserved all the same."""
    boot = bench.boot(Machine(kind="virt", memory=512 * MIB, cpus=2), "selftest=acpi poweroff",
                      faulty("tree_beside_acpi", AARCH64))
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    wrong = read.in_order(boot.log, [
        r"OF: fdt: device tree at 0x[0-9a-f]+, 116 bytes: not used, as there are ACPI tables",
        r"smpboot: Allowing 2 CPUs, 0 hotplug CPUs",
        r"  #\d+ \[0050000000 - 0050010000\]   FDT MEMRESERVE ==> ",
        r"Ledger: closed, 0 bytes unaccounted for", r"smp: Brought up 1 node, 2 CPUs"])
    assert wrong is None, wrong
    assert "Machine model: no PC" not in boot.log
