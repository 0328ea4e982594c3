"""Under U-Boot's UEFI, which shares nothing with EDK II: no SSE, no variables that last, no graphics,
tables in memory it calls free."""

import re

import log as read
from qemu import FAILED, MIB, POWERED_OFF, U_BOOT, Machine
from test_selftests import results

# What is wrong there: its stack and its tables lie in free memory, runtime services outside of
# runtime code, the RSDP's checksums are wrong, no MTRR is set up, and RAM has small holes.
FAULTS = {"efi.map.stack", "efi.runtime.services", "acpi.rsdp", "acpi.placement",
          "machine.mtrr.write-back", "machine.holes"}


def test_boots_to_a_closed_ledger(bench):
    boot = bench.boot(Machine(memory=512 * MIB, firmware=U_BOOT), "poweroff")
    assert (boot.ended, boot.status) == ("exit", POWERED_OFF), str(boot)
    assert read.find(boot.log, r"Ledger: closed, 0 bytes unaccounted for")
    assert not re.search(r"panic|CPU Exception", boot.log)


def test_self_tests_find_what_is_wrong_and_nothing_else(bench):
    boot = bench.boot(Machine(memory=512 * MIB, cpus=2, kind="pc", firmware=U_BOOT),
                      "selftest poweroff")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    _, failed = results(boot)
    assert set(failed) == FAULTS
    assert read.find(boot.log, r"Ledger: closed, 0 bytes unaccounted for")


def test_an_error_goes_back_to_it(bench):
    def without_kernel(tree):
        (tree / "EFI/baton/kernel.elf").unlink()
    boot = bench.boot(Machine(memory=512 * MIB, firmware=U_BOOT), "poweroff", without_kernel)
    assert boot.ended == "firmware", str(boot)
    assert re.search(r"kernel\.elf: .*Not Found", boot.log)
