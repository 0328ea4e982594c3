"""One odd address of a machine is skipped, named and a finding, and ends no boot."""

import re

import log as read
from qemu import MIB, Machine

PC = Machine(memory=256 * MIB)


def test_addresses_out_of_reach(bench, faulty):
    """RAM, runtime services, reserved space, the framebuffer and tables, all where nothing can be.
    QEMU's CPU has 40 address bits."""
    boot = bench.boot(PC, "selftest poweroff", faulty("odd_addresses"), timeout=240)
    assert (boot.ended, boot.status) == ("exit", 35), str(boot)
    for line in [
            r"framebuffer: \[mem 0x0000700000000000-0x[0-9a-f]+\] is out of reach, not mapped",
            r"ACPI: \d+ table\(s\) left out; the first: ACPI: table is longer than any .*length 134217728\)",
            r"RAM: \[mem 0x0000020000000000-0x000002007fffffff\] is out of reach",
            r"RAM: \[mem 0x0000400000000000-0x000040007fffffff\] is out of reach",
            r"runtime services: \[mem 0x0000800000000000-0x000080000000ffff\] is out of reach",
            r"IOAPIC: \[mem 0x0000000001000000-0x0000000001000fff\] lies in RAM, not mapped",
            r"e820: \[mem 0x0000fffd00000000-0x0000ffffffffffff\] reserved is beyond what the CPU",
            r"e820: remove \[mem 0x10000000000-0xfffffffffffff\] usable",
            r"Ledger:   unreachable +4294967296$",
            r"Ledger: closed, 0 bytes unaccounted for"]:
        assert read.find(boot.log, line), line
    _, results = read.ktap(boot.log)
    failed = {name.split()[0] for ok, name in results if not ok}
    assert failed == {"efi.map.reach", "efi.graphics", "acpi.pointers", "acpi.madt.addresses"}, failed


def test_framebuffer_in_ram(bench, faulty):
    """Nothing is drawn there, so that the modules are found good, and the machine has no screen."""
    boot = bench.boot(PC, "selftest=efi.graphics memtest=quick poweroff",
                      faulty("framebuffer_in_ram"), timeout=240)
    assert (boot.ended, boot.status) == ("exit", 35), str(boot)
    assert re.search(r"framebuffer: \[mem 0x0000000008000000-0x[0-9a-f]+\] lies in RAM", boot.log)
    assert re.search(r"0x8000000, in the framebuffer, is Conventional", boot.log)
    assert not re.search(r"seat or replace|wrong word", boot.log)
    assert not read.find(boot.log, r"memmap=.*\$")
    assert read.find(boot.log, r"Ledger: closed")
