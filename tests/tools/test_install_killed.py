"""tools/install, killed half-way: what starts afterwards, and whether the next run finishes it."""

import os
import re
import shutil
import subprocess

import pytest

from conftest import TOOLS
from esps import PROGRAM, OnDisk, OnImage, built, kernel_path

# Runs tools/install and ends it, as a kill does, before the step number STEP that changes something
# on the disk; in a write, after half of it. Says each step in the file STEPS.
KILLER = """
import os, runpy, subprocess, sys
kill_at, steps = int(os.environ["STEP"]), os.open(os.environ["STEPS"], os.O_WRONLY | os.O_CREAT)
count = 0
paths = {}

def step(name, *arguments):
    global count
    count += 1
    os_write(steps, f"{name} {' '.join(map(str, arguments))}\\n".encode())
    return count == kill_at

def guard(name, say):
    original = getattr(os, name)
    def guarded(*arguments, **more):
        if say(arguments) is not None and step(name, *say(arguments)):
            os._exit(137)
        return original(*arguments, **more)
    setattr(os, name, guarded)

os_write, os_open, popen = os.write, os.open, subprocess.Popen
def opened(path, flags, *more, **others):
    if flags & os.O_CREAT and step("create", path):
        os._exit(137)
    handle = os_open(path, flags, *more, **others)
    paths[handle] = os.fspath(path)
    return handle
def written(handle, content):
    if handle in paths and step("write", paths[handle]):
        os_write(handle, content[:len(content) // 2])
        os._exit(137)
    return os_write(handle, content)
class Popen(popen):
    def __init__(self, command, *arguments, **more):
        if str(command[0]) in ("cp", "mmd", "mdel", "mcopy", "mrd") and step(command[0]):
            os._exit(137)
        super().__init__(command, *arguments, **more)
for name in ("replace", "unlink", "mkdir", "rmdir"):
    guard(name, lambda arguments: arguments)
guard("fsync", lambda arguments: (paths[arguments[0]],))
os.open, os.write, subprocess.Popen = opened, written, Popen
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Killer:
    def __init__(self, bench):
        self.bench = bench
        self.program = bench.folder / "killer.py"
        self.program.write_text(KILLER)
        self.steps = bench.folder / "steps"

    def run(self, step, *words):
        """Whether it came to its end before that step; the steps it did are in `did`."""
        self.steps.unlink(missing_ok=True)
        done = subprocess.run(
            ["/usr/bin/python3", "-B", self.program, TOOLS / "install", *map(str, words)],
            capture_output=True, text=True, check=False,
            env={**os.environ, "STEP": str(step), "STEPS": str(self.steps)})
        assert done.returncode in (0, 137), done
        self.did = self.steps.read_text().splitlines()
        return done.returncode == 0


class Pairs:
    """Which kernel belongs to which application, and what would start on an ESP."""

    def __init__(self, *trees):
        self.kernel = {(tree / "EFI/BOOT/BOOTX64.EFI").read_bytes():
                       (tree / "EFI/baton/kernel.elf").read_bytes() for tree in trees}

    def started(self, files):
        """{path: the kernel that the application there starts}; fails where that is not its own, a
        file is not whole or an entry of the menu leads nowhere."""
        files = {path.lower(): content for path, content in files.items()}
        found = {}
        for path in (PROGRAM, "EFI/BOOT/BOOTX64.EFI"):
            program = files.get(path.lower())
            if program is None:
                continue
            own = re.search(rb"#### BatonKernel: (\w+) ####", program)
            name = f"efi/baton/kernel-{own[1].decode()}.elf" if own else ""
            found[path] = files.get(name, files.get("efi/baton/kernel.elf"))
            assert found[path] == self.kernel[program], f"{path} starts another's kernel"
            assert files.get("efi/baton/baton.conf", b"timeout 0").endswith(b"timeout 0\n")
        for path, content in files.items():
            if path.startswith("loader/entries/") and path.endswith(".conf"):
                target = re.search(rb"^efi +/(\S+)$", content, re.M)[1].decode().lower()
                assert target in files, f"{path} leads nowhere"
        return found


def of_older_make(tree):
    """What an older Baton had installed, whose application knows nothing of kernels' names."""
    program = tree / "EFI/BOOT/BOOTX64.EFI"
    program.write_bytes(program.read_bytes().replace(b"#### BatonKernel", b"---- xxxxxxxxxxx"))
    entry = b"title Baton\nversion 0.1.0\nsort-key baton\narchitecture x64\nefi /EFI/baton/batonx64.efi\n"
    return {PROGRAM: program.read_bytes(), "EFI/BOOT/BOOTX64.EFI": program.read_bytes(),
            "EFI/baton/kernel.elf": (tree / "EFI/baton/kernel.elf").read_bytes(),
            "EFI/baton/baton.conf": (tree / "EFI/baton/baton.conf").read_bytes(),
            "loader/entries/baton.conf": entry, "loader/entries/baton-abcd_123.new": b"half",
            "EFI/baton/baton-0a_bcdef.new": b"half"}


def on_directory(folder, files):
    esp = folder / "esp"
    shutil.rmtree(esp, ignore_errors=True)
    for path, content in files.items():
        (esp / path).parent.mkdir(parents=True, exist_ok=True)
        (esp / path).write_bytes(content)
    esp.mkdir(exist_ok=True)
    return {str(p.relative_to(esp)): p.read_bytes() for p in esp.rglob("*") if p.is_file()}


def content_of(esp):
    return {str(p.relative_to(esp)): p.read_bytes() for p in esp.rglob("*") if p.is_file()}


THEIRS = {"EFI/other/x.efi": b"theirs", "EFI/BOOT/fallback.efi": b"theirs"}


@pytest.mark.parametrize("before, words, points", [
    ("nothing", ["install", "--removable"], 62),
    ("old", ["update"], 46),
    ("older make", ["update"], 54),
    ("new", ["remove"], 24),
], ids=lambda value: value if isinstance(value, str) else "")
def test_killed_anywhere(bench, tmp_path, before, words, points):
    """Before each step: what starts is whole, old or new, and the next run finishes it."""
    old, new = built(bench.folder, "0.1.0", b"old kernel"), built(bench.folder, "0.2.0", b"new one")
    esp = tmp_path / "esp"
    start = dict(THEIRS)
    if before == "older make":
        start.update(of_older_make(old))
    elif before != "nothing":
        tree = old if before == "old" else new
        on_directory(tmp_path, THEIRS)
        assert bench.run("install", "install", "--removable", "--esp", esp, "--from", tree,
                         "--no-variables").status == 0
        start = content_of(esp)
    pairs = Pairs(old, new)
    words = [*words, "--esp", esp, "--from", new, "--no-variables"]
    killer = Killer(bench)
    on_directory(tmp_path, start)
    assert killer.run(0, *words)
    steps, end = killer.did, content_of(esp)
    assert len(steps) == points, "\n".join(steps)
    assert end == THEIRS if before == "new" else pairs.started(end)
    seen = set()
    for step in range(1, len(steps) + 1):
        on_directory(tmp_path, start)
        assert not killer.run(step, *words)
        started = pairs.started(content_of(esp))
        if words[0] == "update":
            assert set(started) == {PROGRAM, "EFI/BOOT/BOOTX64.EFI"}
        seen.update(started.items())
        assert bench.run("install", *words).status == 0
        assert content_of(esp) == end, f"after {steps[step - 1]}"
        # Empty is only what Baton is to write to.
        empty = [path.name for path in esp.rglob("*") if path.is_dir() and not list(path.iterdir())]
        assert empty == ([] if words[0] == "remove" else ["baton"])
    # Both were seen, so the kills were where it matters.
    if words[0] == "update":
        assert {kernel for _, kernel in seen} == {b"old kernel", b"new one"}


def test_every_step_is_on_the_medium_before_the_next(bench, tmp_path):
    """FAT keeps no order of its own: a file is synced before it takes its place, and the folder
    after each name that comes, changes or goes."""
    old, new = built(bench.folder, "0.1.0", b"old kernel"), built(bench.folder, "0.2.0", b"new one")
    esp = tmp_path / "esp"
    on_directory(tmp_path, {})
    words = ["--removable", "--esp", esp, "--no-variables"]
    assert bench.run("install", "install", *words, "--from", old).status == 0
    killer = Killer(bench)
    assert killer.run(0, "install", *words, "--from", new)
    assert sum(step.startswith("replace ") for step in killer.did) >= 6
    for at, step in enumerate(killer.did):
        kind, path, *_ = step.split()
        folder = path.rsplit("/", 1)[0]
        if kind == "write":
            assert killer.did[at + 1] == f"fsync {path}"
        if kind in ("replace", "unlink", "mkdir"):
            assert killer.did[at + 1] == f"fsync {folder}", step
        if kind == "replace":
            assert f"fsync {path}" in killer.did[:at]
    # What is asked for by name is there before who asks, and goes after.
    places = [step.split()[2] for step in killer.did if step.startswith("replace ")]
    assert places[0].endswith(kernel_path(b"new one")) and ".efi" in places[1].lower()
    assert killer.did.index(f"unlink {esp}/{kernel_path(b'old kernel')}") > max(
        at for at, step in enumerate(killer.did) if step.startswith("replace "))


@pytest.mark.parametrize("kind", [OnImage, OnDisk])
def test_killed_while_changing_an_image(bench, tmp_path, kind):
    """It is the old image or the new one, and nothing stays beside it."""
    old, new = built(bench.folder, "0.1.0", b"old kernel"), built(bench.folder, "0.2.0", b"new one")
    esp = kind(tmp_path)
    run = ("--esp", esp.path, "--no-variables")
    assert bench.run("install", "install", *run, "--from", old).status == 0
    before = esp.path.read_bytes()
    killer = Killer(bench)
    assert killer.run(0, "update", *run, "--from", new)
    steps, end = killer.did, esp.files()
    assert len(steps) == 17, "\n".join(steps)
    replaced = next(at for at, step in enumerate(steps) if step.startswith("replace"))
    for step in range(1, len(steps) + 1):
        esp.path.write_bytes(before)
        assert not killer.run(step, "update", *run, "--from", new)
        if step - 1 <= replaced:
            assert esp.path.read_bytes() == before
        else:
            assert esp.files() == end
        assert bench.run("install", "update", *run, "--from", new).status == 0
        assert esp.files() == end
        assert not list(tmp_path.glob(".esp.img*"))
