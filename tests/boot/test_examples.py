"""Kernels that are not Baton's: the examples, and one that holds every promise of docs/handoff.md
against what it finds (checker/)."""

import re
import shutil

import pytest

import qemu
from conftest import BUILD
from qemu import GIB, MIB


def alone(arch, memory, **more):
    return qemu.Machine.split(memory, cpus=1, nodes=1, kind=next(iter(arch.most_cpus)),
                              built_for=arch.name, **more)


def start(bench, name, arch, memory, options="poweroff", also=None, **more):
    """A boot with that kernel in Baton's own one's place."""
    kernel = (BUILD / arch.esp).parent / "examples" / f"{name}.elf"

    def change(esp):
        for place in esp.glob("EFI/baton/kernel*.elf"):
            shutil.copy(kernel, place)
        if also is not None:
            also(esp)
    boot = bench.boot(alone(arch, memory, **more), options=options, change=change)
    assert boot.status == qemu.POWERED_OFF
    return boot


@pytest.mark.parametrize("name, arch", [("hello-c", qemu.X86_64), ("hello-cpp", qemu.AARCH64),
                                        ("hello-cpp", qemu.IA32), ("hello-c", qemu.ARM)],
                         ids=lambda what: what if isinstance(what, str) else what.name)
def test_it_prints_its_memory_and_powers_off(bench, name, arch):
    boot = start(bench, name, arch, GIB)
    assert "started by Baton" in boot.log
    usable = [(int(first, 16), int(last, 16)) for first, last in
              re.findall(r"([0-9a-f]{16})-([0-9a-f]{16}) usable", boot.log)]
    assert 900 * MIB < sum(last + 1 - first for first, last in usable) < GIB
    if name == "hello-cpp":
        largest = int(re.search(r"largest free: ([0-9a-f]{16})", boot.log)[1], 16)
        assert 256 * MIB < largest < GIB


@pytest.mark.parametrize("arch", [qemu.X86_64, pytest.param(qemu.AARCH64, marks=pytest.mark.long),
                                  pytest.param(qemu.IA32, marks=pytest.mark.long),
                                  pytest.param(qemu.ARM, marks=pytest.mark.long)],
                         ids=lambda arch: arch.name)
def test_its_allocator_is_the_librarys(bench, arch):
    boot = start(bench, "buddy", arch, 256 * MIB)
    # A quarter of 1,000 blocks each has 1, 2, 4 and 8 pages.
    assert "buddy: pages allocated: 3750" in boot.log
    assert "Ledger: closed, 0 bytes unaccounted for" in boot.log
    assert re.search(r"Ledger:   ALLOCATOR +[1-9]\d* *$", boot.log, re.MULTILINE), boot.log
    assert "buddy: all is given back, and every byte has a name" in boot.log


def given(boot):
    """What the checker was given, as numbers by name: what is not there was not looked at."""
    line = re.search(r"checker: (initrd .*)", boot.log)[1].strip()
    return {name: int(number, 16) for name, number in (part.split(" ") for part in line.split(", "))}


def assert_promises_hold(boot, at_least):
    assert "NOT SO" not in boot.log
    held, broken = (int(number, 16) for number in
                    re.search(r"checker: ([0-9a-f]{16}) hold, ([0-9a-f]{16}) do not", boot.log).groups())
    # Some for each page of memory.
    assert held > at_least and broken == 0


@pytest.mark.parametrize("arch", [qemu.X86_64, qemu.AARCH64, qemu.IA32, qemu.ARM],
                         ids=lambda arch: arch.name)
def test_every_promise_holds(bench, arch):
    modules = [("symbols", bytes(range(256)) * 99 + b"!"), ("a.second-one", b"x")]
    of_modules = b"".join(name.encode() + content for name, content in modules)

    def files(esp):
        (esp / "EFI/baton/initrd.img").write_bytes(bytes(range(256)) * 5000)
        conf = esp / "EFI/baton/baton.conf"
        conf.write_text(conf.read_text() + "\ninitrd \\EFI\\baton\\initrd.img\n"
                        + "".join(f"module {name} \\EFI\\my modules\\{name}\n" for name, _ in modules))
        (esp / "EFI/my modules").mkdir()
        for name, content in modules:
            (esp / "EFI/my modules" / name).write_bytes(content)
    boot = start(bench, "checker", arch, 256 * MIB, also=files)
    assert_promises_hold(boot, 100_000)
    there = given(boot)
    assert there["initrd"] == 256 * 5000
    assert there["modules"] == len(modules)
    assert there["contents"] == sum(at * byte for at, byte in enumerate(of_modules, 1))
    assert (there["tables"] or there["tree"]) and there["screen"]
    assert bool(there["trampoline"]) == (arch in (qemu.X86_64, qemu.IA32))


@pytest.mark.long
def test_every_promise_holds_with_five_levels(bench, faulty):
    boot = start(bench, "checker", qemu.X86_64, 256 * MIB, also=faulty("five_levels"),
                 extra=("-cpu", "max,la57=on"))
    assert_promises_hold(boot, 100_000)


@pytest.mark.long
def test_every_promise_holds_without_pae(bench):
    boot = start(bench, "checker", qemu.IA32, 256 * MIB, options="nopae poweroff")
    assert_promises_hold(boot, 100_000)


@pytest.mark.long
def test_every_promise_holds_with_highmem(bench):
    assert_promises_hold(start(bench, "checker", qemu.IA32, 2 * GIB), 500_000)


@pytest.mark.long
def test_every_promise_holds_in_mixed_mode(bench):
    """But that there are no runtime services, so that the checker cannot end the machine."""
    kernel = BUILD / "examples/checker.elf"

    def change(esp):
        for place in esp.glob("EFI/baton/kernel*.elf"):
            shutil.copy(kernel, place)
    boot = bench.boot(alone(qemu.MIXED, 256 * MIB), options="poweroff", change=change,
                      until=r"NOT SO: the firmware's services power off")
    assert boot.log.count("NOT SO") == 1
    assert re.search(r"checker: 0*[0-9a-f]{5,} hold, 0{16} do not", boot.log)
