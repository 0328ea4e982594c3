"""build/host/replay takes a machine's facts and a log through mm and shows where everything lies."""

import subprocess

from conftest import ROOT

REPLAY = ROOT / "build/host/replay"

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
