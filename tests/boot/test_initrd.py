"""Initrds on their way to a system that Baton's menu starts; tests/bench/initrd_clock.cpp is the system."""

import importlib.machinery
import importlib.util
import random
import shutil

import log as read
import qemu
from conftest import BUILD, ROOT
from qemu import MIB, Machine, boot, make_disk

SMALL = Machine(memory=128 * MIB)


def bench_initrds():
    loader = importlib.machinery.SourceFileLoader("bench_initrds", str(ROOT / "tests/bench/initrds"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_initrds", loader))
    loader.exec_module(module)
    return module


def test_read_where_the_system_wants_them(tmp_path, monkeypatch):
    """Three, of sizes that are no multiple of four, from a firmware that cannot read much at a time: they
    come whole, in their order, with zeros between."""
    monkeypatch.setattr(qemu, "kvm_usable", qemu.kvm_usable)  # the bench does without KVM
    bench = bench_initrds()
    parts = [("first", b"x" * 5), ("second.initrd", random.Random(1).randbytes(5 * MIB + 3)), ("third", b"yz")]
    whole = b"".join(content + bytes(-len(content) % 4) for _, content in parts)

    def change(tree):
        bench.arrange(tree, parts, BUILD / "faulty/large_reads.efi")
        shutil.copy(BUILD / "esp/EFI/BOOT/BOOTX64.EFI", tree / "EFI/BOOT/BATON.EFI")
    went = boot(SMALL, make_disk(tmp_path / "disk.img", change=change), tmp_path,
                until=r"^initrd: .*(?:ticks|[a-z])\r?\n")
    told = read.find(went.log, r"initrd: (\d+) bytes by (\w+), sum (\w+), \d+ ticks")
    assert told, f"{went}\n{went.log[-2000:]}"
    assert told[2] == "LoadFile2"
    assert int(told[1]) == len(whole)
    assert int(told[3], 16) == bench.expected_sum(whole)
