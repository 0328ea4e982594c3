"""The same files give the same images, whoever makes them; and what differs is named, with where."""

import os
import subprocess

import pytest

from conftest import ROOT

BUILT = ROOT / os.environ.get("BUILD", "build") / "esp"


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, **more)


def test_images_of_what_was_built():
    assert (BUILT / "EFI/BOOT/BOOTX64.EFI").exists(), "make"
    done = run(ROOT / "tools/reproducible", "images", BUILT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "3 files, 0 not the same\n"


@pytest.fixture
def tools(tmp_path):
    """A tree of its own, whose tools/image puts in what the test says."""
    for name in ("image", "iso", "fill", "sbom", "reproducible"):
        copy = tmp_path / "tree/tools" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / "tools" / name).read_bytes())
        copy.chmod(0o755)
    esp = tmp_path / "esp"
    for name in ("EFI/BOOT/BOOTX64.EFI", "loader/b.conf", "loader/a.conf"):
        (esp / name).parent.mkdir(parents=True, exist_ok=True)
        (esp / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize("wrong, said", [
    ('date +%Z > "$out"', "baton.img: differs, first at byte 0x"),
    ('umask > "$out"', "baton.img: differs, first at byte 0x2, in 2 of 5 bytes"),
    ('echo "$dir" | wc -c > "$out"; rm "$out"; [ "$TZ" = UTC ] || echo > "$out"', "baton.img: is in one only"),
    ('echo "${TZ}" > "$out"', "sizes ")])
def test_what_differs_is_named(tools, wrong, said):
    (tools / "tree/tools/image").write_text(f'#!/bin/sh\ndir=$1\nout=$2\n{wrong}\n')
    done = run(tools / "tree/tools/reproducible", "images", tools / "esp",
               env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})
    assert done.returncode == 1 and said in done.stdout, done.stdout + done.stderr
    assert done.stdout.endswith(", 1 not the same\n")


def test_an_empty_tree_is_no_success(tmp_path):
    done = run(ROOT / "tools/reproducible", "images", tmp_path)
    assert done.returncode == 1 and "is empty" in done.stderr
