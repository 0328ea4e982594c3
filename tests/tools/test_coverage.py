"""Lines are counted as gcc counted them, and what was not reached is named."""

import shutil
import subprocess

import pytest

from conftest import ROOT

SOURCE = """int reached(int x) {
  return x + 1;
}
int not_reached(int x) {
  x += 2;
  return x;
}
int main() { return reached(-1); }
"""


@pytest.fixture
def tree(tmp_path):
    """A tree of its own with one source, built to count lines."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "mm").mkdir()
    (tmp_path / "objects").mkdir()
    shutil.copy(ROOT / "tools/coverage", tmp_path / "tools")
    (tmp_path / "mm/half.cpp").write_text(SOURCE)
    for words in (["-c", "mm/half.cpp", "-o", "objects/half.o"], ["objects/half.o", "-o", "program"]):
        subprocess.run(["g++", "-O0", "--coverage", *words], cwd=tmp_path, check=True)
    return tmp_path


def run(tree, *words):
    return subprocess.run([tree / "tools/coverage", *words, "objects"], cwd=tree, capture_output=True, text=True)


def test_what_was_not_reached_is_named(tree):
    subprocess.run(["./program"], cwd=tree, check=True)
    done = run(tree)
    assert done.returncode == 1, done.stdout
    assert done.stdout.splitlines() == [
        "  50.0 % of     6 lines  mm/half.cpp", "not reached: mm/half.cpp:4-6",
        "mm/      3 of 6 lines, 50.0 %", "loader/  0 of 0 lines, 0.0 %",
        "coverage: 3 of 6 lines, 50.0 %, at least 95 are wanted"]
    assert run(tree, "--least", "50").returncode == 0


def test_what_never_ran_counts_as_not_reached(tree):
    done = run(tree)
    assert done.returncode == 1 and "coverage: 0 of " in done.stdout


def test_nothing_to_count_is_no_success(tree):
    shutil.rmtree(tree / "objects")
    (tree / "objects").mkdir()
    done = run(tree)
    assert done.returncode == 1 and "holds no object" in done.stderr
