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
    try:
        return linux.Linux(judge.BUILD)
    except debian.FetchError as error:
        return pytest.skip(f"no kernel to compare with: {error}")


@pytest.mark.parametrize("machine", [one for one in machines.load() if one.small],
                         ids=lambda machine: machine.name)
def test_baton_says_what_linux_says(machine, referee):
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


@pytest.mark.parametrize("line", [
    "x q35 # no memory", "x mem=1G # no board", "x q35 mem=1G", "x q35 mem=1G node=2G # sum",
    "x q35 mem=1G fw=9m # firmware", "x q35 mem=1x # size", "x q35 mem=1G dimm=1G # no window"])
def test_a_machine_that_cannot_be_meant_is_refused(line):
    with pytest.raises(machines.MachineError):
        machines.Machine(line)
