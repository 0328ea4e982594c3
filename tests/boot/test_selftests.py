"""The self-tests on whole machines: a plain one passes, one that is broken in one way says so, and
only so."""

import dataclasses
import re
import struct
import subprocess

import pytest

import acpi
import log as read
from conftest import ROOT
from qemu import FAILED, GIB, MIB, PASSED, Machine, Node
from test_ends import planted

SMALL = Machine(memory=128 * MIB)
# Reviewed: what this firmware is known to get wrong.
KNOWN = {"efi.alloc.huge"}


def results(boot):
    """{id: what stands behind it}, of all tests; and the ids that failed."""
    plan, tests = read.ktap(boot.log)
    assert len(tests) == plan
    by_id = {name.split()[0]: name for _, name in tests}
    assert len(by_id) == plan, "an id is there twice"
    return by_id, [name.split()[0] for ok, name in tests if not ok]


def test_plain_machine(bench):
    """Every phase runs and passes, memory without a node map included; and what is known to be
    wrong is what is expected to be."""
    boot = bench.boot(SMALL, "selftest poweroff")
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    by_id, failed = results(boot)
    assert failed == []
    assert {test.split(".")[0] for test in by_id} == {"efi", "acpi", "machine", "kernel", "mm"}
    assert {test for test, text in by_id.items() if "# XFAIL" in text} == KNOWN
    # Whatever is skipped says why.
    assert all(re.search(r"# SKIP \S+ \S+", text) for text in by_id.values() if "# SKIP" in text)
    # The firmware phase was on the console as it happened, in front of the document.
    before = boot.log[:boot.log.index("KTAP version 1")]
    assert re.search(r"^efi\.map\.overlap pass\r?$", before, re.MULTILINE)
    assert read.find(boot.log, r"Self-tests: \d+ passed, 0 failed, \d+ skipped, 1 known failure\b")
    # And the reports can be made.
    path = bench.folder / "boot.log"
    path.write_text(boot.log)
    subprocess.run([ROOT / "tools/report", path, "--html", bench.folder / "r.html"], check=True)


def test_patterns(bench):
    boot = bench.boot(SMALL, "selftest=*.overlap,acpi.slit,mm.ledgr poweroff")
    by_id, _ = results(boot)
    assert set(by_id) == {"efi.map.overlap", "acpi.srat.overlap", "acpi.slit.size",
                          "acpi.slit.diagonal", "acpi.slit.reserved", "acpi.slit.symmetry",
                          "acpi.slit.domains"}
    # A pattern that means nothing is no success.
    assert any("mm.ledgr matches no test" in line for line in read.lines(boot.log))
    assert boot.status == FAILED


def test_list(bench):
    boot = bench.boot(SMALL, "selftest=list poweroff")
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert "KTAP" not in boot.log
    listed = read.find_all(boot.log, r"(\S+\.\S+) +(critical|high|medium|low) +\S")
    assert len({match[1] for match in listed}) == len(listed) > 100


HALF = 64 * MIB
CPU = acpi.cpu(0, 0)
LOW = acpi.memory(0, 0, HALF)
HIGH = acpi.memory(1, HALF, 2 * HALF)


@pytest.mark.parametrize("tables, trips", [
    pytest.param([acpi.srat(CPU, acpi.memory(0, 0, HALF + MIB), HIGH)], ["acpi.srat.overlap"],
                 id="srat-overlap"),
    pytest.param([acpi.srat(CPU, LOW, acpi.memory(1, HALF, 2 * HALF - 4 * MIB))],
                 ["acpi.srat.coverage"], id="srat-coverage"),
    pytest.param([acpi.srat(CPU, LOW, HIGH), acpi.slit([10, 20], [20, 11])],
                 ["acpi.slit.diagonal"], id="slit-diagonal"),
    pytest.param([acpi.cedt((16 * GIB, GIB), (16 * GIB, GIB))], ["acpi.cedt.windows"],
                 id="cedt-windows"),
])
def test_broken_tables(bench, tables, trips):
    machine = Machine(memory=2 * HALF, extra=acpi.arguments(bench.folder, *tables))
    boot = bench.boot(machine, "selftest=acpi poweroff")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert results(boot)[1] == trips


def test_two_srats(bench):
    """QEMU's own comes first and counts; that there are two is a finding."""
    machine = Machine.of_nodes(Node(HALF, 1), Node(HALF, 0),
                               extra=acpi.arguments(bench.folder, acpi.srat(CPU, LOW, HIGH)))
    boot = bench.boot(machine, "selftest=acpi poweroff")
    assert results(boot)[1] == ["acpi.duplicates"]


@pytest.mark.parametrize("fault, trips", [
    ("keeps_freed", ["efi.free.returns"]),
    ("uncached_ram", ["efi.map.attributes"]),
])
def test_broken_firmware(bench, faulty, fault, trips):
    boot = bench.boot(SMALL, "selftest=efi poweroff", faulty(fault))
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert results(boot)[1] == trips


def test_uncached_ram(bench, faulty):
    """What MTRRs do not cover is not used, and named; unless somebody wants it all the same."""
    machine = Machine(memory=512 * MIB, extra=("-cpu", "max,vendor=GenuineIntel"))
    boot = bench.boot(machine, "selftest=acpi,machine,kernel poweroff", faulty("mtrr_short"))
    lost = read.find(boot.log, r"WARNING: BIOS bug: CPU MTRRs don't cover all of memory, "
                               r"losing (\d+)MB of RAM\.$")
    assert lost and 240 <= int(lost[1]) < 256, boot.log
    trim = int(read.find(boot.log, r"Ledger:   MTRR +(\d+)$")[1])
    assert trim >> 20 == int(lost[1])
    assert read.find(boot.log, r"last_pfn = 0x10000 max_arch_pfn = ")
    assert read.find(boot.log, r"Ledger: closed, 0 bytes unaccounted for")
    assert results(boot)[1] == ["machine.mtrr.write-back"]
    assert "RAM at 0x10000000 is uncacheable" in boot.log

    kept = bench.boot(machine, "selftest=machine mtrr_trim=off poweroff", faulty("mtrr_short"))
    assert "BIOS bug" not in kept.log
    assert not read.find(kept.log, r"Ledger:   MTRR ")
    assert results(kept)[1] == ["machine.mtrr.write-back"]


@pytest.mark.parametrize("options", [
    "mem=200M",
    "memmap=exactmap memmap=636K@4K memmap=7M@1M memmap=80M@16M",
    "memmap=64K$48M",
])
def test_memory_that_a_person_limited(bench, options):
    """What mem= and memmap= took is not held against the firmware: it is skipped, with the reason."""
    machine = Machine.of_nodes(Node(128 * MIB, 1), Node(128 * MIB, 0))
    boot = bench.boot(machine, f"selftest=acpi,machine,kernel,mm {options} poweroff")
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    by_id, failed = results(boot)
    assert failed == []
    because = {test for test, text in by_id.items() if "mem= or memmap= changed" in text}
    assert because <= {"acpi.placement", "acpi.srat.backed", "acpi.srat.coverage", "machine.ebda",
                       "machine.holes", "machine.smbios.total", "machine.smbios.ranges"}
    if "exactmap" in options:
        assert "acpi.srat.backed" in because  # of node 1 nothing is left


def test_a_hang_names_the_test(bench):
    """A kernel whose audit never ends: the time-out's verdict, and the report's, say which test."""
    boot = bench.boot(SMALL, "selftest=mm poweroff",
                      planted("mm::audit", b"\xeb\xfe"),  # jmp to itself
                      until=r"# running: mm\.buddy\.audit\s")
    assert boot.ended == "seen"
    # Nothing more comes: what the time-out would say.
    verdict = str(dataclasses.replace(boot, ended="time-out"))
    assert "time-out in the self-test mm.buddy.audit after" in verdict
    path = bench.folder / "boot.log"
    path.write_text(boot.log)
    said = subprocess.run([ROOT / "tools/report", path], capture_output=True, text=True)
    assert said.returncode == 1
    assert "DID NOT RUN mm.buddy.audit" in said.stdout


def test_code_that_can_still_be_run(bench):
    """A kernel that leaves the loader's text executable where it lay, and gives its memory back."""
    done = b"\xb8\x01\x00\x00\x00\xc3"  # mov $1, %eax; ret
    boot = bench.boot(SMALL, "selftest=kernel poweroff",
                      planted("kernel::arch::make_data", done))
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert results(boot)[1] == ["kernel.pages.exact"]
    assert re.search(r"is in the identity map \(RX\), and is to be written and not run", boot.log)


def test_memtest(bench):
    machine = Machine.of_nodes(Node(40 * MIB, 1), Node(32 * MIB, 0))
    boot = bench.boot(machine, "memtest=quick poweroff")
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    by_id, failed = results(boot)
    assert failed == [] and {test.split(".")[0] for test in by_id} == {"memtest"}
    assert read.find(boot.log, r"memtest: \[#{20}\] 100%  \d+ MB/s  0:00 left")
    assert read.find(boot.log, r"memtest: \d\d MiB, 1 pass, took \d:\d\d: no bad pages$")


# A kernel under which the first word of every 16 MiB loses a bit on its way to memory:
# test $0xffffff, %edi; jnz 1f; xorb $4, (%rdi); 1: ret
forgetful_memory = planted("kernel::arch::write_back_caches",
                           b"\xf7\xc7\xff\xff\xff\x00\x75\x03\x80\x37\x04\xc3")


def smbios(folder, *structures):
    """QEMU's arguments for structures: (type, handle, the formatted part behind the header, strings)."""
    arguments = ()
    for number, (kind, handle, fields, strings) in enumerate(structures):
        file = folder / f"smbios-{number}"
        text = b"".join(string.encode() + b"\0" for string in strings) or b"\0"
        file.write_bytes(struct.pack("<BBH", kind, len(fields) + 4, handle) + fields + text + b"\0")
        arguments += ("-smbios", f"file={file}")
    return arguments


def module(handle, locator, bank):
    """A memory device of 64 MiB (DMTF DSP0134 7.18)."""
    return 17, handle, struct.pack("<HHHHHBBBBBH", 0x1000, 0xfffe, 64, 64, 64, 9, 0, 1, 2, 7, 0), (locator, bank)


def answers(handle, start, end, device, position=0):
    """Memory device mapped address (7.21)."""
    return 20, handle, struct.pack("<IIHHBBB", start >> 10, (end >> 10) - 1, device, 0x1300, 1, position,
                                   min(position, 1)), ()


def test_memtest_bad_memory(bench):
    """What is bad is named, with the module that had most of it."""
    modules = smbios(bench.folder, module(0x1100, "DIMM_A1", "CHANNEL A"), module(0x1101, "DIMM_B1", "CHANNEL B"),
                     answers(0x1400, 0, 48 * MIB, 0x1100), answers(0x1401, 48 * MIB, 4096 * MIB, 0x1101))
    boot = bench.boot(Machine(memory=104 * MIB, extra=modules), "nokaslr memtest=quick poweroff",
                      forgetful_memory)
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    # The first pattern finds them; the others then run on what is left.
    assert results(boot)[1] == ["memtest.address-lines"]
    assert read.find(boot.log, r"memtest: error at 0x[1-6]000000 \(node 0.*bits 0000000000000004$")
    linux = read.find(boot.log, r"memtest: Linux:((?: memmap=4K\$0x[1-6]000000)+)$")
    pages = linux[1].split()
    assert read.find(boot.log, r"memtest: GRUB: badram 0x[1-6]000000,0xfffffffffffff000")
    assert read.find(boot.log, rf"Ledger:   BAD PAGES +{4096 * len(pages)}$")
    assert read.find(boot.log, r"memtest: error at 0x2000000 \(node 0, DIMM_A1, CHANNEL A\): wrote")
    assert read.find(boot.log, r"memtest: module DIMM_A1, CHANNEL A, SMBIOS handle 0x1100: \d+ wrong words, "
                               r"0 lost, 0 corrected, in \d bad pages$")
    assert read.find(boot.log, r"memtest: pull first: DIMM_B1, CHANNEL B: \d+ of \d+ errors$")
    assert read.find(boot.log, r"Ledger: closed, 0 bytes unaccounted for")
