"""The referee's small set: a few machines on which Baton must say what Debian's Linux says.

`make referee` does it for all machines; tests/referee/machines.txt marks the small ones. Where Debian's
kernel cannot be had (no network on the first run), the tests are skipped by that name.
"""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "referee"))
import compare  # noqa: E402
import debian  # noqa: E402
import facts  # noqa: E402
import judge  # noqa: E402
import linux  # noqa: E402
import machine as machines  # noqa: E402
import reviewed  # noqa: E402
import rules  # noqa: E402
import tables  # noqa: E402


@pytest.fixture(scope="module", name="referee")
def _referee():
    return linux.Linux(judge.BUILD)


# One of each kind; `make test-long` has the other small ones.
FURTHER = {"pc-6g", "no-mem-mid"}


@pytest.mark.parametrize("machine", [
    pytest.param(one, id=one.name, marks=pytest.mark.long if one.name in FURTHER else ())
    for one in machines.load() if one.small])
def test_baton_says_what_linux_says(machine, referee):
    try:
        referee.fetch(machine)
    except debian.FetchError as error:
        pytest.skip(f"no kernel to compare with: {error}")
    outcome = judge.judge(machine, referee, only_linux=False)
    problems = "\n".join(outcome.problems)
    assert not problems, f"{machine.line}\n{problems}\nagain: make referee ONLY={machine.name}"
    assert outcome.lines > 20


@pytest.mark.parametrize("path", sorted(rules.MACHINES.glob("*.machine")),
                         ids=lambda path: path.stem)
def test_recorded_machine_follows_linux_rules(path):
    good, bad, _ = rules.check(path)
    assert not bad, "\n".join(bad)
    assert good or path.stem == "server-all-persistent-node1"


LOG = """[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
[    0.000000] SRAT: PXM 0 -> APIC 0x00 -> Node 0
[    0.000000] Zone ranges:
[    0.000000]   DMA      [mem 0x0000000000001000-0x000000000009ffff]
[    0.000000] Memory: 100K/636K available (1K kernel code)"""


def said(log):
    return facts.of_baton(log, {name: [] for name in tables.NAMES})


def test_a_log_agrees_with_itself():
    assert len(said(LOG)) == 5
    assert not compare.differences(said(LOG), said(LOG.replace("[    0.0", "[   17.4")))


@pytest.mark.parametrize("right, wrong", [
    ("9ffff] usable", "9efff] usable"), ("9ffff] usable", "9ffff] reserved"), ("Node 0", "Node 1"),
    ("636K", "632K"), ("  DMA      ", "  DMA32    "), ("Zone ranges:\n", "Zone ranges\n"),
    (LOG[:LOG.index("[    0.000000] SRAT")], "")])
def test_a_difference_is_found(right, wrong):
    assert right in LOG
    found = compare.differences(said(LOG), said(LOG.replace(right, wrong)))
    assert len(found) == 1 and "> " in found[0]


def test_another_order_is_found():
    lines = LOG.splitlines()
    lines[0], lines[1] = lines[1], lines[0]
    assert "another order" in compare.differences(said(LOG), said("\n".join(lines)))[0]


def test_exemptions_are_counted_and_bound_to_their_release():
    quiet = [fact for fact in said(LOG) if fact[0] != "SRAT processors"]
    used = {}
    assert reviewed.apply(said(LOG), quiet, "baton", "any", (6, 12), used) == quiet
    assert used == {"quiet-srat-processors": 1}
    assert reviewed.apply(said(LOG), said(LOG), "baton", "any", (6, 12), used) == said(LOG)
    assert reviewed.apply(said(LOG), quiet, "baton", "any", (6, 1), used) == said(LOG)


@pytest.mark.parametrize("subject, new, old", [
    ("NUMA node ranges",
     "NUMA: Node 0 [mem 0x00001000-0x0009ffff] + [mem 0x00100000-0x7fffffff] -> "
     "[mem 0x00001000-0x7fffffff]",
     "NUMA: Node 0 [mem 0x00000000-0x0009ffff] + [mem 0x00100000-0x7fffffff] -> "
     "[mem 0x00000000-0x7fffffff]"),
    ("fallback order", "Fallback order for Node 1: 3 2 0", "Fallback order for Node 1: 1 3 2 0"),
    ("fallback order", "Fallback order for Node 1: 1 10 0", "Fallback order for Node 1: 1 10 0"),
    ("fallback order", "Fallback order for Node 1: 10 0", "Fallback order for Node 1: 1 10 0")])
def test_words_of_newer_kernels_become_those_of_6_1(subject, new, old):
    assert reviewed.apply([(subject, new)], [], "linux", "any", (6, 12), {}) == [(subject, old)]
    assert reviewed.apply([(subject, new)], [], "linux", "any", (6, 1), {}) == [(subject, new)]


ARM64 = """[    0.000000] efi:   0x000040000000-0x00005fffffff [Conventional|   |  |  |  |  |  |  |  |  |  |   |WB|  |  |  ]
[    0.000000] efi:   0x000060000000-0x00006000ffff [ACPI Reclaim|   |  |  |  |  |  |  |  |  |  |   |WB|  |  |  ]
[    0.000000] efi:   0x000060010000-0x0000601fffff [Runtime Data|RUN|  |  |  |  |  |  |  |  |  |   |WB|  |  |  ]
[    0.000000] efi:   0x000060200000-0x00007fffffff [Boot Data   |   |  |  |  |  |  |  |  |  |  |   |WB|  |  |  ]
[    0.000000] efi:   0x000004000000-0x000007ffffff [MMIO        |RUN|  |  |  |  |  |  |  |  |  |   |  |  |WC|  ]
[    0.000000] efi:   0x000009010000-0x000009010fff [MMIO        |RUN|  |  |  |  |  |  |  |  |  |   |  |  |  |UC]
[    0.000000] Zone ranges:
[    0.000000]   DMA      [mem 0x0000000004000000-0x000000007fffffff]
[    0.000000]   DMA32    empty
[    0.000000] Early memory node ranges
[    0.000000]   node   0: [mem 0x0000000004000000-0x0000000007ffffff]
[    0.000000]   node   0: [mem 0x0000000040000000-0x000000006000ffff]
[    0.000000]   node   0: [mem 0x0000000060010000-0x00000000601fffff]
[    0.000000]   node   0: [mem 0x0000000060200000-0x000000007fffffff]
[    0.000000] Initmem setup node 0 [mem 0x0000000004000000-0x000000007fffffff]
[    0.000000] On node 0, zone DMA: 16384 pages in unavailable ranges
[    0.000000] Memory: 131072K/1114112K available (1K kernel code)
"""
ARM64_TABLES = """=== BEGIN zoneinfo ===
Node 0, zone      DMA
        spanned  507904
        present  278528
=== END ===
=== BEGIN iomem ===
40000000-6000ffff : System RAM
60200000-7fffffff : System RAM
=== END ==="""


def said_on_arm64(dmesg, printed=ARM64_TABLES, arch=machines.qemu.AARCH64):
    log = f"=== BEGIN dmesg ===\n{dmesg}=== END ===\n{printed}"
    return [line for subject, line in facts.of_linux(log, arch)
            if not subject.startswith(tables.FORM)]


def test_arm64_in_terms_of_a_pc():
    assert said_on_arm64(ARM64) == [
        "BIOS-e820: [mem 0x0000000004000000-0x0000000007ffffff] reserved",
        "BIOS-e820: [mem 0x0000000009010000-0x0000000009010fff] reserved",
        "BIOS-e820: [mem 0x0000000040000000-0x000000005fffffff] usable",
        "BIOS-e820: [mem 0x0000000060000000-0x000000006000ffff] ACPI data",
        "BIOS-e820: [mem 0x0000000060010000-0x00000000601fffff] reserved",
        "BIOS-e820: [mem 0x0000000060200000-0x000000007fffffff] usable",
        "Zone ranges:", "  DMA      [mem 0x0000000040000000-0x000000007fffffff]", "  DMA32    empty",
        "Early memory node ranges",
        "  node   0: [mem 0x0000000040000000-0x000000005fffffff]",
        "  node   0: [mem 0x0000000060200000-0x000000007fffffff]",
        "Initmem setup node 0 [mem 0x0000000040000000-0x000000007fffffff]",
        "Memory: 1046528K in all",
        "Node 0, zone DMA: spanned 262144 present 261632",
        "40000000-5fffffff : System RAM", "60200000-7fffffff : System RAM",
        "60000000-6000ffff : ACPI Tables"]


def test_arm64_that_takes_other_memory_is_refused():
    with pytest.raises(ValueError, match="not what efi-init.c makes"):
        said_on_arm64(ARM64.replace("|WB|  |  |  ]", "|  |  |  |UC]", 1))


def test_arm64_that_shows_other_ram_is_found():
    shown = said_on_arm64(ARM64, ARM64_TABLES.replace("6000ffff", "5000ffff"))
    assert "40000000-5000ffff : System RAM" in shown


# A page of the stub's own, the flash left out, and another zone.
ARM32 = ARM64.replace("DMA32    empty", "Normal   empty").replace(
    "[    0.000000]   node   0: [mem 0x0000000004000000-0x0000000007ffffff]\n", "").replace(
    "0x0000000004000000-0x000000007fffffff", "0x0000000040000000-0x000000007fffffff").replace(
    "/1114112K", "/1048576K") + """[    0.000000] efi:   MemMap Address       : 0x60000028
[    0.000000] OF: fdt: Ignoring memory block 0x4000000 - 0x8000000
"""
ARM32_TABLES = ARM64_TABLES.replace("507904", "262144").replace("278528", "262144").replace(
    "=== END", "Node 0, zone   Normal\n        spanned  0\n        present  0\n=== END", 1)


def said_on_arm32(dmesg, printed=ARM32_TABLES):
    return said_on_arm64(dmesg, printed, machines.qemu.ARM)


def test_arm32_in_terms_of_a_pc():
    assert said_on_arm32(ARM32) == [
        "BIOS-e820: [mem 0x0000000004000000-0x0000000007ffffff] reserved",
        "BIOS-e820: [mem 0x0000000009010000-0x0000000009010fff] reserved",
        "BIOS-e820: [mem 0x0000000040000000-0x000000006000ffff] usable",
        "BIOS-e820: [mem 0x0000000060010000-0x00000000601fffff] reserved",
        "BIOS-e820: [mem 0x0000000060200000-0x000000007fffffff] usable",
        "Zone ranges:", "  Normal   [mem 0x0000000040000000-0x000000007fffffff]",
        "Early memory node ranges",
        "  node   0: [mem 0x0000000040000000-0x000000006000ffff]",
        "  node   0: [mem 0x0000000060200000-0x000000007fffffff]",
        "Initmem setup node 0 [mem 0x0000000040000000-0x000000007fffffff]",
        "Memory: 1046592K in all",
        "Node 0, zone Normal: spanned 262144 present 261648",
        "40000000-6000ffff : System RAM", "60200000-7fffffff : System RAM"]


@pytest.mark.parametrize("dmesg, printed, why", [
    (ARM32.replace("Ignoring", "Taking"), ARM32_TABLES, "not what efi-init.c makes"),
    (ARM32.replace("Normal   empty", "Normal   [mem 0x0000000080000000-0x00000000bfffffff]"),
     ARM32_TABLES, "between DMA and HighMem"),
    (ARM32, ARM32_TABLES.replace("present  0", "present  1"), "between DMA and HighMem")])
def test_arm32_that_is_otherwise_is_refused(dmesg, printed, why):
    with pytest.raises(ValueError, match=why):
        said_on_arm32(dmesg, printed)


def test_only_the_last_surplus_line_is_let_pass():
    ours = [("unavailable ranges", f"On node 0, zone DMA: {n} pages in unavailable ranges")
            for n in (1, 2, 3)]
    assert reviewed.apply(ours, ours[:2], "baton", "ia32-1g", (6, 1), {}) == ours[:2]
    assert reviewed.apply(ours, ours[1:], "baton", "ia32-1g", (6, 1), {}) == ours[:2]
    assert reviewed.apply(ours, ours, "baton", "ia32-1g", (6, 1), {}) == ours
    assert reviewed.apply(ours, ours[:2], "baton", "q35-1g", (6, 1), {}) == ours


@pytest.mark.parametrize("line", [
    "x q35 # no memory", "x mem=1G # no board", "x q35 mem=1G", "x q35 mem=1G node=2G # sum",
    "x q35 mem=1G fw=9m # firmware", "x q35 mem=1x # size",
    "x virt mem=1G fw=4m # a PC's", "x pc mem=1G fw=ovmf32 # no SMM", "x q35 mem=1G dimm=1G # no window",
    "x q35 mem=1G nopae # 64 bits"])
def test_a_machine_that_cannot_be_meant_is_refused(line):
    with pytest.raises(machines.MachineError):
        machines.Machine(line)
