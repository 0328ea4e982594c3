"""Baton keeps to the paging that firmware and processor give it."""

import re

import pytest

from qemu import MIB, Machine


@pytest.mark.parametrize("cpu, facts", [
    ("max", "4-level paging, NX yes, 1 GiB pages yes"),
    ("max,-pdpe1gb", "4-level paging, NX yes, 1 GiB pages no"),
    ("max,-nx", "4-level paging, NX no, 1 GiB pages yes"),
])
def test_features(bench, cpu, facts):
    """Later arguments win, so this is the processor."""
    boot = bench.boot(Machine(memory=256 * MIB, extra=("-cpu", cpu)), "selftest poweroff")
    assert boot.ended == "exit" and boot.status == 33, str(boot)
    assert facts in boot.log


def test_five_levels(bench, faulty):
    """OVMF never turns them on; a program that stands before Baton does."""
    machine = Machine(memory=256 * MIB, extra=("-cpu", "max,la57=on"))
    boot = bench.boot(machine, "selftest poweroff", faulty("five_levels"))
    assert boot.ended == "exit" and boot.status == 33, str(boot)
    assert re.search(r"CPU: .* 5-level paging", boot.log)
