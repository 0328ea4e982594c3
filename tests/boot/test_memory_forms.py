"""How the memory test sweeps: by vector registers where the CPU has them, or word by word."""

import re
import subprocess

import pytest

import log as read
from conftest import BUILD
from qemu import FAILED, MIB, PASSED, Machine, Node


@pytest.mark.parametrize("cpu, words, said", [
    ("max", "", r"by avx2; zeros and ones, and every second pass, word by word"),
    pytest.param("max", ",sse2", "by sse2", marks=pytest.mark.long),
    pytest.param("qemu64", "", r"by sse2; zeros and ones, and every second pass, word by word",
                 marks=pytest.mark.long)])
def test_chosen(bench, cpu, words, said):
    """On two CPUs, each of which must have the registers switched on."""
    machine = Machine(memory=80 * MIB, cpus=2, extra=("-cpu", cpu))
    boot = bench.boot(machine, f"memtest=node:0{words} selftest=kernel.cpus poweroff", timeout=240)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert read.find(boot.log, f"memtest: words that are alike, and blocks, {said}$")
    assert read.find(boot.log, r"memtest: \d+ MiB, 1 pass, took \d:\d\d: no bad pages$")


@pytest.mark.parametrize("arch, kind, cpu, form", [
    ("ia32", "q35", "max", "avx2"), pytest.param("ia32", "q35", "qemu32", "sse2", marks=pytest.mark.long),
    ("arm", "virt", "cortex-a15", "neon")])
def test_of_highmem(bench, arch, kind, cpu, form):
    """Which is reached page by page: the second node has nothing else."""
    nodes = Machine.of_nodes(Node(960 * MIB, 1), Node(32 * MIB, 1), kind=kind, built_for=arch, cpu=cpu)
    boot = bench.boot(nodes, f"memtest=quick,node:1,{form} poweroff", timeout=300)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert read.find(boot.log, f"memtest: words that are alike, and blocks, by {form}$")
    assert read.find(boot.log, r"memtest: [1-9]\d* MiB, 1 pass, took \d:\d\d: no bad pages$")


def test_chosen_on_aarch64(bench):
    machine = Machine(kind="virt", memory=128 * MIB, cpus=2)
    boot = bench.boot(machine, "memtest=quick poweroff", timeout=300)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert read.find(boot.log, r"memtest: words that are alike, and blocks, by neon; zeros and ones, "
                               r"and every second pass, word by word$")
    assert read.find(boot.log, r"memtest: \d+ MiB, 1 pass, took \d:\d\d: no bad pages$")


def test_a_form_that_the_cpu_has_not(bench):
    boot = bench.boot(Machine(memory=80 * MIB, extra=("-cpu", "qemu64")), "memtest=quick,avx2 poweroff")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert read.find(boot.log, r'memtest: "avx2": this CPU has no such registers$')


PC = r"%[xyz]?mm\d|\b(?:f?xsave|f?xrstor|fn?init|fld|fst)"


@pytest.mark.parametrize("kernel, tools, register, others", [
    ("kernel.elf", "", PC, set()),
    ("aarch64/kernel.elf", "aarch64-linux-gnu-", r"^[^<]*[\s,{][qvds]\d+\b", set()),
    ("ia32/kernel.elf", "i686-linux-gnu-", PC, set()),
    ("arm/kernel.elf", "arm-linux-gnueabihf-", r"^\s*[0-9a-f]+:\s+v\w", {"enable_neon"})])
def test_nothing_else_in_the_kernel_uses_vector_registers(kernel, tools, register, others):
    """Nobody keeps them when a CPU is interrupted."""
    listing = subprocess.run([f"{tools}objdump", "--disassemble", "--no-show-raw-insn", BUILD / kernel],
                             check=True, text=True, stdout=subprocess.PIPE).stdout
    users = set()
    name = None
    for line in listing.splitlines():
        if match := re.match(r"[0-9a-f]+ <(.+)>:$", line):
            name = match[1]
        elif re.search(register, line):
            users.add(name)
    forms = {f"vector_{what}_{form}" for form in (("neon",) if kernel.startswith("a") else ("sse2", "avx2"))
             for what in ("fill", "copy", "same", "turn_up", "turn_down")}
    assert users == forms | others
