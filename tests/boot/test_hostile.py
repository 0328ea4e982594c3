"""Of the firmware that is hostile (hostile.py) one case of each kind; `make hostile` runs all."""

import pytest

import hostile
from qemu import AARCH64, ARM, IA32, X86_64

ELSEWHERE = [(AARCH64, "exit-refuses-seven-times"), (AARCH64, "read-fails")]
LONG = [(AARCH64, "map-stride-512"), (ARM, "exit-refuses-seven-times"), (IA32, "exit-refuses-seven-times")]


def case_of(name):
    return next(case for case in hostile.CASES if case.name == name)


@pytest.mark.parametrize("arch, case", [
    *((X86_64, case) for case in hostile.CASES if case.daily),
    *((arch, case_of(name)) for arch, name in ELSEWHERE),
    *(pytest.param(arch, case_of(name), marks=pytest.mark.long) for arch, name in LONG),
], ids=lambda one: one.name)
def test_ends_well(tmp_path, arch, case):
    boot, wrong = hostile.run(case, arch, tmp_path)
    print(boot.log)
    (tmp_path / "disk.img").unlink()
    assert not wrong, wrong


def test_each_case_has_a_name_of_its_own():
    names = [case.name for case in hostile.CASES]
    assert len(set(names)) == len(names) and len(names) >= 60
