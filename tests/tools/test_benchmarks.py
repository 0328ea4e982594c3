"""What is made of BENCH lines: pictures, the table, what has moved; and another allocator's library
beside Baton's. No test asserts a time."""

import os
import pathlib
import re
import subprocess
import xml.etree.ElementTree as xml

import pytest
from conftest import ROOT

BUILD = ROOT / os.environ.get("BUILD", "build")
SVG = "{http://www.w3.org/2000/svg}"
LINES = """\
a table that is no line of ours
BENCH handover.memblock.2G 87000 instructions
BENCH handover.memblock.2T 115000 instructions
BENCH handover.memblock.2Gx8 177000 instructions
BENCH handover.linux.2G 40000000 instructions
BENCH handover.linux.2T 9000000000 instructions
BENCH handover.linux.2G.zones 30000000 instructions
BENCH bulk.o0.get 100 instructions
BENCH frag.o9.share 99.2 percent
BENCH frag.o9.share.0 0 percent
BENCH frag.o9.share.100 99.2 percent
BENCH growth.reserve 1.05 exponent
BENCH bulk.t2.o0.get.contended 0.00001 per_call
"""
PAGE = "# Figures\n<!-- table: tools/benchmarks -->\nold\n<!-- end -->\nand more\n"


def record(bench, lines):
    (bench.folder / "run").write_text(lines)
    return bench.run("benchmarks", "record", bench.folder / "run", bench.folder)


def check(bench, lines):
    (bench.folder / "run").write_text(lines)
    return bench.run("benchmarks", "check", bench.folder / "run", bench.folder)


@pytest.fixture
def recorded(bench):
    (bench.folder / "benchmarks.md").write_text(PAGE)
    assert record(bench, LINES).status == 0
    return bench


def curves(path):
    """Points of each line of a picture, by the name beside it."""
    picture = xml.parse(path).getroot()
    names = [text.text for text in picture.iter(SVG + "text") if text.get("fill").startswith("#")
             and text.get("text-anchor") is None][1:]
    lines = [path.get("d") for path in picture.iter(SVG + "path") if path.get("stroke-width") == "2"]
    points = [[tuple(map(float, point.split())) for point in line[1:].split("L")] for line in lines]
    assert len(names) == len(points)
    return dict(zip(names, points))


def test_pictures(bench):
    (bench.folder / "lines").write_text(LINES)
    assert bench.run("plot", bench.folder / "lines", bench.folder).status == 0
    handover = curves(bench.folder / "handover.svg")
    assert set(handover) == {"Baton, memblock", "Linux 6.1"}
    for points in handover.values():
        (x, y), (to_x, to_y) = points  # 2 GiB and 2 TiB of one node, and nothing else
        assert x < to_x and y > to_y
    assert handover["Linux 6.1"][0][0] == handover["Baton, memblock"][0][0]
    assert curves(bench.folder / "fragmentation.svg").keys() == {"in whole 2 MiB"}


def test_recorded(recorded):
    page = (recorded.folder / "benchmarks.md").read_text()
    assert "| `bulk.o0.get` | 100 | instructions |\n" in page
    assert "old" not in page and page.endswith("<!-- end -->\nand more\n")
    assert "frag.o9.share.0" not in page
    assert "BENCH frag.o9.share.0 0 percent\n" in (recorded.folder / "benchmarks.txt").read_text()


def test_what_a_run_has_not_stays(recorded):
    assert record(recorded, "BENCH bulk.o0.get 90 instructions\n").status == 0
    lines = (recorded.folder / "benchmarks.txt").read_text()
    assert "BENCH bulk.o0.get 90 instructions\n" in lines
    assert "BENCH handover.linux.2G 40000000 instructions\n" in lines


def test_nothing_has_moved(recorded):
    said = check(recorded, LINES.replace("get 100", "get 102").replace("1.05 exponent", "2 exponent"))
    assert said.status == 0 and "nothing has moved" in said.out, said


def test_moved(recorded):
    said = check(recorded, LINES.replace("get 100", "get 103") + "BENCH first.giga 9 instructions\n")
    assert said.status == 1
    assert said.out.splitlines() == ["moved    bulk.o0.get 100 -> 103 instructions (+3.0 %)",
                                     "new      first.giga 9 instructions"], said


def test_missing(recorded):
    said = check(recorded, re.sub(r"BENCH bulk.o0.*\n", "", LINES))
    assert said.status == 0 and said.out == "missing  bulk.o0.get\n", said


def test_no_lines(recorded):
    assert "no BENCH lines" in check(recorded, "make: nothing to be done\n").err


def test_committed():
    """What is committed reads, and the table and the pictures are made of it."""
    docs = ROOT / "docs"
    page = (docs / "benchmarks.md").read_text()
    for name, value, unit in re.findall(r"^BENCH (\S+) (\S+) (\S+)$", (docs / "benchmarks.txt").read_text(),
                                        re.MULTILINE):
        assert (f"| `{name}` | " in page) == (".share." not in name), (name, value, unit)
    for picture in ("handover.svg", "fragmentation.svg"):
        assert curves(docs / picture)
        assert picture in page and picture in (ROOT / "README.md").read_text()


def run_beside(program, **env):
    with_other = {**os.environ, "BENCH_WITH": str(BUILD / "host/plain_map.so"), **env}
    done = subprocess.run([BUILD / "host" / program], env=with_other, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_another_allocator():
    said = run_beside("bulk", THREADS="2")
    for name in ("bulk.t2.o0.get", "bulk.t2.o9.put"):
        assert re.search(rf"^BENCH {name}\.contended [\d.]+ per_call$", said, re.MULTILINE), said
        assert re.search(rf"^BENCH plain-map\.{name}\.time [\d.]+ ns$", said, re.MULTILINE), said
    assert "plain-map.bulk.t2.o0.get.locks" not in said  # nothing is known of another's


def test_what_is_no_allocator(tmp_path):
    path = pathlib.Path(tmp_path) / "none.so"
    done = subprocess.run([BUILD / "host/bulk"], env={**os.environ, "BENCH_WITH": str(path)},
                          capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "none.so" in done.stderr
