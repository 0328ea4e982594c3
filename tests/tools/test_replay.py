"""build/host/replay takes a machine's facts and a log through mm and shows where everything lies."""

import os
import pathlib
import re
import subprocess

import pytest
from conftest import ROOT

REPLAY = ROOT / "build/host/replay"

# Logs of Linux boots on real machines, which are not part of the project.
LOGS = pathlib.Path(os.environ.get("BATON_LOGS", ROOT.parent / "shared/maps"))

LOG = """\
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
[    0.000000] ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]
[    0.000000] ACPI: SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]
"""


def replay(*words):
    return subprocess.run([REPLAY, *words], capture_output=True, text=True, check=False)


def test_facts_of_a_machine():
    done = replay(ROOT / "tests/machines/poweredge-r7425-8-nodes.machine")
    assert done.returncode == 0, done.stderr
    assert "  node   7: [mem 0x000000fe00000000-0x000001007ff7ffff]\n" in done.stdout
    assert "Ledger: closed" in done.stdout
    assert "node 7 Normal" in done.stdout


def test_a_log_on_both_roads(tmp_path):
    log = tmp_path / "dmesg"
    log.write_text(LOG)
    pictures = []
    for road in ("bootmem", "memblock"):
        done = replay(f"--road={road}", "--columns=40", log)
        assert done.returncode == 0, done.stderr
        assert "Initmem setup node 1 [mem 0x0000000100000000-0x000000017fffffff]\n" in done.stdout
        pictures.append([line for line in done.stdout.splitlines() if line.startswith("Node ")])
    assert pictures[0] == pictures[1]  # the same buddyinfo


def test_what_is_wrong_is_said(tmp_path):
    empty = tmp_path / "dmesg"
    empty.write_text("nothing of interest\n")
    for words, said in (([empty], "e820"), ([tmp_path / "none"], "cannot be read"), ([], "usage"),
                        (["--columns=0", empty], "--columns"), (["-x", empty], "usage")):
        done = replay(*words)
        assert done.returncode == 1
        assert said in done.stderr, (words, done.stderr)


# What is not as Linux printed it: (log, subject) -> why.
EXCEPTIONS = {
    ("80-thinkpad-21lv", "holes"): "memmap= took the last 32 MiB, in lines the log has lost",
    ("80-thinkpad-21lv", "RAM"): "the same",
}


def facts(log):
    """{subject: what a log says of it}, of those the log has anything of."""
    ranges = re.findall(r"^(?:\[.*?\] )?  node +(\d+): \[mem 0x(\w+)-0x(\w+)\]", log, re.MULTILINE)
    spans = re.findall(r"Initmem setup node (\d+) \[mem 0x(\w{16})-0x(\w{16})\]", log)
    found = {
        "node spans": [(node, first, last) for node, first, last in spans if int(last, 16)],
        "node ranges": [(int(node), int(first, 16), int(last, 16)) for node, first, last in ranges],
        "holes": re.findall(r"On node (\d+), zone (\w+): (\d+) pages in unavailable", log),
    }
    return {subject: lines for subject, lines in found.items() if lines}


def ram_kib(log):
    return sum(last + 1 - first for _, first, last in facts(log)["node ranges"]) >> 10


@pytest.mark.parametrize("path", sorted(LOGS.glob("*.log")), ids=lambda path: path.stem)
def test_a_real_log_comes_out_as_linux_had_it(path):
    linux = path.read_text()
    done = replay(path)
    assert done.returncode == 0, done.stderr
    assert "Ledger: closed" in done.stdout
    ours, theirs = facts(done.stdout), facts(linux)
    pairs = {subject: (ours.get(subject), theirs[subject]) for subject in theirs}
    total = re.search(r"Memory: \d+K/(\d+)K available", linux)
    if total:
        pairs["RAM"] = ram_kib(done.stdout), int(total[1])
    assert pairs
    for subject, (mine, his) in pairs.items():
        reason = EXCEPTIONS.get((path.stem, subject))
        assert (mine == his) == (reason is None), f"{subject}: {mine}\nLinux: {his}\n{reason}"
