"""Kernels that are not Baton's: the examples, on every architecture."""

import re
import shutil

import pytest

import qemu
from conftest import BUILD

GIB = 1 << 30


def alone(arch, **more):
    return qemu.Machine.split(GIB, cpus=1, nodes=1, kind=next(iter(arch.most_cpus)), built_for=arch.name,
                              **more)


def other_kernel(path):
    """A change of the ESP: that file in Baton's kernel's place."""
    return lambda esp: shutil.copy(path, esp / "EFI/baton/kernel.elf")


@pytest.mark.parametrize("name, arch", [("hello-c", qemu.X86_64), ("hello-cpp", qemu.AARCH64),
                                        ("hello-cpp", qemu.IA32), ("hello-c", qemu.ARM)],
                         ids=lambda what: what if isinstance(what, str) else what.name)
def test_it_prints_its_memory_and_powers_off(bench, name, arch):
    kernel = (BUILD / arch.esp).parent / "examples" / f"{name}.elf"
    boot = bench.boot(alone(arch), options="poweroff", change=other_kernel(kernel))
    assert boot.status == qemu.POWERED_OFF
    assert "started by Baton" in boot.log
    usable = [(int(start, 16), int(last, 16)) for start, last in
              re.findall(r"([0-9a-f]{16})-([0-9a-f]{16}) usable", boot.log)]
    assert 900 << 20 < sum(last + 1 - start for start, last in usable) < GIB
    if name == "hello-cpp":
        largest = int(re.search(r"largest free: ([0-9a-f]{16})", boot.log)[1], 16)
        assert 256 << 20 < largest < GIB
