"""`replay --html` and `--svg` draw a machine (`make test-page` looks at the page in a browser)."""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as xml

import pytest
from replays import REPLAY, ROOT, TWO_NODES as LOG, data_in

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>&\"'"


@pytest.fixture(name="log")
def a_log(tmp_path):
    path = tmp_path / "dmesg"
    path.write_text(LOG)
    return path


def draw(option, path, out):
    done = subprocess.run([REPLAY, option, out, path], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return out.read_text()


def test_the_page_has_the_machine(log, tmp_path):
    data = data_in(draw("--html", log, tmp_path / "out.html"))
    assert (data["format"], data["version"], data["title"]) == ("baton-page", 1, "dmesg")
    names = [kind["name"] for kind in data["types"]]
    assert [[start, end, names[kind]] for start, end, kind in data["firmware"]] == [
        [0, 0xa0000, "usable"], [0x100000, 0x40000000, "usable"],
        [0x40000000, 0x40400000, "reserved"], [0x40400000, 0x80000000, "usable"]]
    assert [node["ram"] for node in data["nodes"]] == [
        [[0x1000, 0xa0000], [0x100000, 0x40000000]], [[0x40400000, 0x80000000]]]
    # Each page of RAM is free or reserved, and in no two of these.
    free = [(start, start + (4096 << order) * count) for start, order, count, _ in data["free"]]
    reserved = [(start, end) for start, end, _ in data["reservations"]]
    together = sorted(free + reserved)
    assert all(a[1] <= b[0] for a, b in zip(together, together[1:]))
    ram = sum(end - start for node in data["nodes"] for start, end in node["ram"])
    assert sum(end - start for start, end in together) == ram
    counted = sum((4096 << order) * blocks for node in data["nodes"] for zone in node["zones"]
                  for order, blocks in enumerate(zone["free"]))
    assert counted == sum(end - start for start, end in free)
    assert data["open"] == "" and "Ledger: closed" in data["ledger"]


def test_the_page_needs_nothing_else(log, tmp_path):
    page = draw("--html", log, tmp_path / "out.html")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert policy.startswith("default-src 'none';") and "unsafe-inline" not in policy
    assert not re.search(r'(?:src|href)="(?!#)', page)


def test_small_nodes_behind_large_ones_are_drawn(tmp_path):
    path = tmp_path / "dmesg"
    path.write_text(LOG.replace("0x00000000-0x3fffffff]", "0x00000000-0x77ffffff]").replace(
        "0x40000000-0x7fffffff]\n", "0x78000000-0x7fffffff]\n"))
    data = data_in(draw("--html", path, tmp_path / "out.html"))
    assert [node["id"] for node in data["nodes"]] == [0, 1] and data["left_out"] == 0


def hostile_log(path):
    """A log whose bad line is named in a remark, in a file with a name that is markup, too."""
    path = path / HOSTILE.replace("/", "")
    path.write_text(LOG + f"[    0.000000] BIOS-e820: [mem 0x{HOSTILE}-0x1] usable\n")
    return path


def test_hostile_text_is_text_in_the_page(tmp_path):
    page = draw("--html", hostile_log(tmp_path), tmp_path / "out.html")
    data = data_in(page)
    assert data["title"] == HOSTILE.replace("/", "")
    assert any("<script>alert(1)" in remark["text"] for remark in data["remarks"])
    assert "alert(1)</script>" not in page and "<img" not in page


SVG = "{http://www.w3.org/2000/svg}"


def test_the_still_is_drawn(log, tmp_path):
    root = xml.fromstring(draw("--svg", log, tmp_path / "out.svg"))
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert any(word.startswith("Node 0: 1,02") for word in words) and any(word.startswith("Node 1: 1,0") for word in words)
    boxes = [box.attrib for box in root.iter(f"{SVG}rect")]
    assert {"t1", "t8", "z1"} <= {box.get("class") for box in boxes}  # usable, reserved, DMA32
    orders = {int(box["style"].split()[-1]) for box in boxes if box.get("class") == "free"}
    assert max(orders) >= 17 and min(orders) < 17


def test_hostile_text_is_text_in_the_still(tmp_path):
    root = xml.fromstring(draw("--svg", hostile_log(tmp_path), tmp_path / "out.svg"))
    assert root.find(f"{SVG}title").text.startswith(HOSTILE.replace("/", ""))
    assert not list(root.iter(f"{SVG}script")) and not list(root.iter(f"{SVG}img"))


def test_a_file_that_cannot_be_written_is_named(log, tmp_path):
    for option in ("--html", "--svg"):
        done = subprocess.run([REPLAY, option, tmp_path / "none/out", log], capture_output=True, text=True, check=False)
        assert done.returncode == 2 and f"{tmp_path}/none/out cannot be written" in done.stderr
        done = subprocess.run([REPLAY, log, option], capture_output=True, text=True, check=False)
        assert done.returncode == 2 and f"{option} wants the name of a file" in done.stderr


def test_sources_that_would_end_their_element_are_refused(tmp_path):
    shutil.copytree(ROOT / "tools/replay/page", tmp_path / "replay/page")
    tool = shutil.copy(ROOT / "tools/page", tmp_path)
    (tmp_path / "replay/page/model.js").write_text("const a = '</script>';")
    done = subprocess.run([tool, tmp_path / "out.html"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "model.js" in done.stderr
