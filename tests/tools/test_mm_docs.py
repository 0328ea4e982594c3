"""The program that docs/mm.md shows is one: it builds as the page says, and does what the page says."""

import re
import subprocess

from conftest import ROOT


def test_the_whole_program(tmp_path):
    page = (ROOT / "docs/mm.md").read_text()
    program = re.search(r"```cpp\n(// machine\.cpp\n.*?)```", page, re.DOTALL)[1]
    source = tmp_path / "machine.cpp"
    source.write_text(program)
    subprocess.run(["g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-I.", source,
                    "build/host/libmm.a", "-o", tmp_path / "machine"], cwd=ROOT, check=True)
    said = subprocess.run([tmp_path / "machine"], capture_output=True, text=True, check=True).stdout
    assert "  DMA32    [mem 0x0000000001000000-0x000000007fffffff]\n" in said
    assert "\nfreed again: free_pages: double free: the block is on a CPU's list" in said
    assert re.search(r"^Node 0, zone    DMA32 ( +\d+){19} $", said, re.MULTILINE)
