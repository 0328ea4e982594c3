"""The Makefile knows what depends on what: a header touched, and every program that it is in is built
again. Asked of what is built, without building."""

import os
import shutil
import subprocess

import pytest

from conftest import ROOT

BUILD = os.environ.get("BUILD", "build")


def plan(goal, *more):
    """What make would do."""
    done = subprocess.run(["make", "-n", "V=1", *more, f"{BUILD}/{goal}"], cwd=ROOT, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def built(goal):
    if not (ROOT / BUILD / goal).exists():
        pytest.skip(f"{goal} is not built")


@pytest.mark.parametrize("goal, header, source", [
    ("host/benchmarks", "mm/page_alloc_impl.h", "tests/bench/page_alloc_bench.cpp"),
    ("host/unit_tests", "mm/page_alloc_impl.h", "tests/unit/mm/page_alloc_test.cpp"),
    ("host/unit_tests", "mm/buddy.h", "mm/buddy.cpp"),
    ("host/property_tests", "mm/relay.h", "tests/property/relay_test.cpp"),
    ("host/threads_tests", "mm/page_alloc_impl.h", "tests/threads/page_alloc_test.cpp"),
    ("host/replay", "mm/relay.h", "tools/replay/program/main.cpp"),
    ("kernel.elf", "loader/handoff/handoff.h", "kernel/main.cpp"),
    ("efi/baton.so", "loader/handoff/handoff.h", "efi/main.cpp")])
def test_a_touched_header_builds_what_includes_it(goal, header, source):
    built(goal)
    assert f"-o {BUILD}/" in (said := plan(goal, "-W", header))
    assert any(line.endswith(f" {source}") for line in said.splitlines())


def test_what_does_not_include_it_is_left_alone():
    built("host/replay")
    said = plan("host/replay", "-W", "mm/page_alloc_impl.h")
    assert not any(line.endswith(" tools/replay/log_words.cpp") for line in said.splitlines())


def test_another_flag_builds_again():
    built("host/replay")
    said = plan("host/replay", "LANGUAGE=-std=c++20 -I. -Ibuild/gen -DANOTHER")
    assert any(line.endswith(" tools/replay/log_words.cpp") for line in said.splitlines())


@pytest.mark.parametrize("text, red", [
    ("int planted() { return 1; }", []),
    ("unsigned long planted(unsigned long n) { return n << 40; }", ["ia32", "arm"]),
    ("#include <immintrin.h>", ["aarch64", "arm"])])
def test_neutral_code_compiles_for_every_architecture(tmp_path, text, red):
    """What only some CPUs can say is refused for the others."""
    (tmp_path / "tools").mkdir()
    for name in ("Makefile", "tools/architectures.mk"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "mm").mkdir()
    (tmp_path / "mm/planted.cpp").write_text(text + "\n")
    failed = []
    for architecture in ("aarch64", "ia32", "arm"):
        done = subprocess.run(["make", "GENERATED=", "BUILD=build", f"build/neutral/{architecture}/mm/planted.o"],
                              cwd=tmp_path, text=True, capture_output=True, check=False)
        assert f"build/neutral/{architecture}/mm/planted.o" in done.stdout, done.stderr
        failed += [architecture] if done.returncode else []
    assert failed == red


@pytest.mark.parametrize("goals", [["test"], ["check"], ["setup", "test"]])
def test_a_dry_run_of_the_tests_shows_them_only(goals):
    done = subprocess.run(["make", "-n", "PYTHON=echo started:", *goals], cwd=ROOT, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any("echo started: tools/test" in line for line in lines)
    assert not [line for line in lines if line.startswith("started:")]


@pytest.mark.parametrize("words, why", [
    (["ARCH=riscv"], "ARCH=riscv cannot be built whole; there are aarch64 arm ia32 x86_64"),
    (["ARCH=aarch64", "bench"], "ARCH=aarch64 goes with all, run, image, sbom, reproducible, install, headers, faulty, "
                                "examples, referee, test, tidy, clean and help")])
def test_what_another_architecture_has_not_is_said(words, why):
    done = subprocess.run(["make", "-n", *words], cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode != 0 and why in done.stderr


def test_another_architectures_own_tests():
    done = subprocess.run(["make", "-n", "ARCH=arm", "test"], cwd=ROOT, text=True, capture_output=True, check=True)
    assert "tools/test of arm" in done.stdout and "BUILD=build " in done.stdout


def test_another_architecture_is_built_beside():
    done = subprocess.run(["make", "-n", "V=1", "-o", "Makefile", "ARCH=aarch64", "run"], cwd=ROOT, text=True,
                          capture_output=True, check=True)
    assert "tools/run --arch 'aarch64'" in done.stdout
    assert " build/esp" not in done.stdout


def test_assembly_holds_no_path_of_this_machine_either():
    done = subprocess.run(["make", "-n", "V=1", "-W", "kernel/x86_64/entry.S",
                           "build/kernel/kernel/x86_64/entry.S.o"], cwd=ROOT, text=True, capture_output=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.endswith(" kernel/x86_64/entry.S"))
    assert f"-ffile-prefix-map={ROOT}=." in line
