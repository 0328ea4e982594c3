"""build/host/replay, run as a person runs it, and small machines for it: for its tests here and in tests/page."""

import json
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REPLAY = ROOT / "build/host/replay"

WELL = """\
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
BIOS-e820: [mem 0x0000000080000000-0x000000008fffffff] reserved
BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
"""
NODES = """\
SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]
"""
LOST = """\
e820: update [mem 0x160000000-0x17fffffff] usable ==> reserved
WARNING: BIOS bug: CPU MTRRs don't cover all of memory, losing 512MB of RAM.
"""
FACTS = """\
e820 0x000000000000 0x0000000a0000 usable
e820 0x000000100000 0x000080000000 usable
e820 0x000080000000 0x000090000000 reserved
e820 0x000100000000 0x000180000000 usable
"""
# Two nodes with a reserved stretch at their border.
TWO_NODES = """\
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000040000000-0x00000000403fffff] reserved
[    0.000000] BIOS-e820: [mem 0x0000000040400000-0x000000007fffffff] usable
[    0.000000] ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]
[    0.000000] ACPI: SRAT: Node 1 PXM 1 [mem 0x40000000-0x7fffffff]
"""


def replay(*words, **more):
    return subprocess.run([REPLAY, *words], capture_output=True, text=True, check=False, **more)


def facts(done):
    """The map of `replay --machine`, without its heading."""
    assert done.returncode in (0, 1), done.stderr
    return "".join(line + "\n" for line in done.stdout.splitlines() if line.startswith("e820 "))


def data_in(page):
    """The machine that a page shows."""
    return json.loads(re.search(r'<script type="application/json" id="machine">([^<]*)</script>', page)[1])


def data_of(path, out):
    """What `replay --html` puts into the page."""
    done = replay("--html", out, path)
    assert done.returncode in (0, 1), done.stderr
    return data_in(out.read_text())
