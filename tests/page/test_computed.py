"""What the page computes: owners, and replay itself in WebAssembly, which node runs."""

import json
import re
import subprocess

import pytest

from test_page import REPLAY, ROOT, PAGE
IN_NODE = ROOT / "tests/page/page_in_node.js"

LOG = """\
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000040000000-0x00000000403fffff] reserved
[    0.000000] BIOS-e820: [mem 0x0000000040400000-0x000000007fffffff] usable
[    0.000000] ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]
[    0.000000] ACPI: SRAT: Node 1 PXM 1 [mem 0x40000000-0x7fffffff]
"""


def data_in(page):
    return json.loads(re.search(r'<script type="application/json" id="machine">([^<]*)</script>', page)[1])


@pytest.fixture(name="log")
def a_log(tmp_path):
    path = tmp_path / "dmesg"
    path.write_text(LOG)
    return path


def data_of(path, out):
    """What `replay --html` puts into the page."""
    done = subprocess.run([REPLAY, "--html", out, path], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return data_in(out.read_text())


def in_node(*words, given=None):
    done = subprocess.run(["node", IN_NODE, *map(str, words)], input=given, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_the_page_knows_owners_as_replay_does(tmp_path):
    """At both sides of every edge that there is in a machine of four nodes."""
    machine = ROOT / "tests/machines/qemu-4-nodes-pmem.machine"
    page = tmp_path / "out.html"
    data = data_of(machine, page)
    edges = {edge for key in ("firmware", "e820", "reservations", "srat") for edge in (
        place for entry in data[key] for place in entry[:2])}
    some = sorted({place for edge in edges for place in (max(edge - 1, 0), edge)})[::7]
    for address, chain in zip(some, in_node("owners", page, *some)):
        said = subprocess.run([REPLAY, "explain", hex(address), machine], capture_output=True, text=True, check=True).stdout
        lines = []
        for owner in chain:
            line = f"  {owner['station']:<12} {owner['what']}"
            if "start" in owner:
                line += f" [mem 0x{owner['start']:016x}-0x{owner['end'] - 1:016x}]"
            lines.append(line)
        assert lines == said.splitlines()[1:], hex(address)


def replay_in_page(text):
    return in_node("replay", PAGE, given=text.encode())


def test_the_program_in_the_page_gives_what_replay_gives(log, tmp_path):
    ended = replay_in_page(LOG)
    assert ended["status"] == 0, ended["errors"]
    by_host = data_of(log, tmp_path / "out.html")
    assert {**json.loads(ended["output"]), "title": "dmesg"} == by_host


def test_tables_that_lie_lower_are_said():
    ended = replay_in_page(LOG.replace("0x000000007fffffff", "0x0000000fffffffff").replace(
        "0x7fffffff]\n", "0xfffffffff]\n"))
    data = json.loads(ended["output"])
    assert data["tables_below"] == 3 << 30
    assert all(end <= 3 << 30 for _, end, _ in data["reservations"])


def test_a_machine_that_is_too_large_is_refused_by_name():
    ended = replay_in_page(LOG.replace("0x000000007fffffff", "0x000003ffffffffff"))
    assert ended["status"] == 2 and ended["output"] == ""
    assert "MEMMAP" in ended["errors"] and "too small for this machine" in ended["errors"]


@pytest.mark.parametrize("text, why", [("nothing", "no e820 list"), ("", "no e820 list")])
def test_what_is_no_log_is_refused(text, why):
    ended = replay_in_page(text)
    assert ended["status"] == 2 and why in ended["errors"]
