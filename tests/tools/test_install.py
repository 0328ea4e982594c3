"""tools/install on directories and on FAT images."""

import hashlib
import json
import os
import re
import resource
import shutil
import subprocess

import pytest

from conftest import ROOT, TOOLS

PROGRAM = "EFI/baton/batonx64.efi"
ESP_TYPE = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
PARTUUID = "11111111-2222-4333-8444-555555555555"
KERNEL = b"kernel" * 1000
ENTRIES = {f"loader/entries/{name}.conf" for name in ("baton", "baton-selftest", "baton-memtest")}


def kernel_path(kernel):
    return f"EFI/baton/kernel-{hashlib.sha256(kernel).hexdigest()[:16]}.elf"


def expected(kernel=KERNEL):
    """What `install` brings."""
    return {PROGRAM, kernel_path(kernel), "EFI/baton/baton.conf"} | ENTRIES


def built(folder, version="0.1.0", kernel=KERNEL):
    """A tree as `make` builds it."""
    tree = folder / f"tree-{version}-{hashlib.sha256(kernel).hexdigest()[:4]}"
    shutil.copytree(ROOT / "esp", tree)
    (tree / "EFI/BOOT").mkdir(parents=True)
    kernel_id = hashlib.sha256(kernel).hexdigest()[:16]
    (tree / "EFI/BOOT/BOOTX64.EFI").write_bytes(
        f"MZ\nsbat,1,...\nbaton,1,Baton,baton,{version},BOOTX64.EFI\n"
        f"#### BatonKernel: {kernel_id} ####".encode() + bytes(5000))
    (tree / "EFI/baton/kernel.elf").write_bytes(kernel)
    return tree


class OnDirectory:
    def __init__(self, folder):
        self.path = folder / "esp"
        self.path.mkdir()

    def put(self, path, content):
        (self.path / path).parent.mkdir(parents=True, exist_ok=True)
        (self.path / path).write_bytes(content)

    def files(self):
        return {str(p.relative_to(self.path)): p.read_bytes()
                for p in self.path.rglob("*") if p.is_file()}

    def folders(self):
        return {str(p.relative_to(self.path)) for p in self.path.rglob("*") if p.is_dir()}


class OnImage:
    offset = 0

    def __init__(self, folder, kib=4096):
        self.path = folder / "esp.img"
        self.folder = folder
        self.create(kib)

    def create(self, kib):
        subprocess.run(["mformat", "-C", "-i", self.path, "-T", str(kib * 2), "::"], check=True)

    @property
    def at(self):
        return f"{self.path}@@{self.offset}"

    def put(self, path, content):
        parts = path.split("/")
        for depth in range(1, len(parts)):
            subprocess.run(["mmd", "-D", "s", "-i", self.at, "::/" + "/".join(parts[:depth])],
                           stderr=subprocess.DEVNULL, check=False)
        source = self.folder / "put"
        source.write_bytes(content)
        subprocess.run(["mcopy", "-o", "-i", self.at, source, f"::/{path}"], check=True)

    def tree(self):
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        subprocess.run(["mcopy", "-s", "-n", "-i", self.at, "::/", copy], check=True,
                       capture_output=True)
        return copy

    def files(self):
        copy = self.tree()
        return {str(p.relative_to(copy)): p.read_bytes() for p in copy.rglob("*") if p.is_file()}

    def folders(self):
        copy = self.tree()
        return {str(p.relative_to(copy)) for p in copy.rglob("*") if p.is_dir()}


class OnDisk(OnImage):
    """A GPT disk whose second partition is the ESP."""
    offset = 2 << 20

    def create(self, kib):
        with open(self.path, "wb") as file:
            file.truncate((kib << 10) + (4 << 20))
        subprocess.run(["/usr/sbin/sfdisk", "-q", self.path], text=True, check=True, input=(
            "label: gpt\nstart=2048, size=2048, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4\n"
            f"start=4096, size={kib * 2}, type={ESP_TYPE}\n"))
        subprocess.run(["mformat", "-i", self.at, "-T", str(kib * 2), "::"], check=True)


@pytest.fixture(params=[OnDirectory, OnImage, OnDisk])
def esp(request, tmp_path):
    return request.param(tmp_path)


def names(esp):
    return {name.lower() for name in esp.files()}


def test_install_update_remove(bench, esp):
    esp.put("EFI/other/file", b"theirs")
    esp.put("loader/loader.conf", b"timeout 5\n")
    theirs = esp.files()
    tree = built(bench.folder)
    said = bench.run("install", "install", "--esp", esp.path, "--from", tree, "--no-variables")
    assert said.status == 0, said
    files = esp.files()
    assert names(esp) == {name.lower() for name in expected() | set(theirs)}
    for name, title, options in (("baton", b"Baton", None),
                                 ("baton-selftest", b"Baton, self-tests", b"selftest"),
                                 ("baton-memtest", b"Baton, memory test", b"memtest")):
        entry = next(content for path, content in files.items()
                     if path.endswith(f"entries/{name}.conf"))
        assert re.search(rb"^title +" + title + rb"$", entry, re.M), entry
        assert re.search(rb"^version +0\.1\.0$", entry, re.M), entry
        assert re.search(rb"^efi +/EFI/baton/batonx64\.efi$", entry, re.M), entry
        found = re.search(rb"^options +(.*)$", entry, re.M)
        assert (found and found[1]) == options, entry

    again = bench.run("install", "update", "--esp", esp.path, "--from", tree, "--no-variables")
    assert again.status == 0 and "nothing to do" in again.out, again
    assert esp.files() == files

    newer = built(bench.folder, "0.10.0", b"new kernel")
    said = bench.run("install", "update", "--esp", esp.path, "--from", newer, "--no-variables")
    assert said.status == 0 and "0.1.0 became 0.10.0" in said.out, said
    assert names(esp) == {name.lower() for name in expected(b"new kernel") | set(theirs)}
    older = bench.run("install", "update", "--esp", esp.path, "--from", tree, "--no-variables")
    assert older.status == 0 and "nothing to do" in older.out, older
    assert b"new kernel" in esp.files().values()

    said = bench.run("install", "status", "--esp", esp.path, "--no-variables")
    assert f"{PROGRAM}: Baton 0.10.0, its kernel is {kernel_path(b'new kernel')}" in said.out, said

    said = bench.run("install", "remove", "--esp", esp.path, "--no-variables")
    assert said.status == 0, said
    assert esp.files() == theirs
    assert {f.lower() for f in esp.folders()} == {"efi", "efi/other", "loader"}


def test_removable(bench, esp):
    tree = built(bench.folder)
    run = ("--esp", esp.path, "--from", tree, "--no-variables")
    said = bench.run("install", "install", "--removable", *run)
    assert said.status == 0, said
    assert "efi/boot/bootx64.efi" in names(esp)
    assert bench.run("install", "remove", "--esp", esp.path, "--no-variables").status == 0
    assert not esp.files() and not esp.folders()

    esp.put("EFI/BOOT/BOOTX64.EFI", b"somebody else's")
    before = esp.files()
    said = bench.run("install", "install", "--removable", *run)
    assert said.status == 1 and "belongs to something else" in said.err, said
    assert esp.files() == before
    assert bench.run("install", "install", *run).status == 0
    assert bench.run("install", "remove", "--esp", esp.path, "--no-variables").status == 0
    assert esp.files() == before


def test_edited_configuration_is_kept(bench, esp):
    run = ("--esp", esp.path, "--from", built(bench.folder), "--no-variables")
    assert bench.run("install", "install", *run).status == 0
    esp.put("EFI/baton/baton.conf", b"options memtest\n")
    said = bench.run("install", "install", *run)
    assert said.status == 0 and "keeping EFI/baton/baton.conf" in said.out, said
    assert b"options memtest\n" in esp.files().values()


def test_dry_run_changes_nothing(bench, esp):
    run = ("--esp", esp.path, "--no-variables", "--dry-run")
    said = bench.run("install", "install", "--from", built(bench.folder), *run)
    assert said.status == 0 and f"would write {PROGRAM}" in said.out, said
    assert not esp.files() and not esp.folders()


def test_full_image_is_unchanged(bench, tmp_path):
    esp = OnImage(tmp_path, kib=512)
    before = esp.path.read_bytes()
    said = bench.run("install", "install", "--esp", esp.path, "--no-variables", "--from",
                     built(bench.folder, kernel=bytes(600 << 10)))
    assert said.status == 1 and re.search(r"[Ff]ull", said.err), said
    assert "nothing was changed" in said.err
    assert esp.path.read_bytes() == before
    assert not list(tmp_path.glob(".esp.img*"))


def test_failing_directory_is_unchanged(bench, tmp_path):
    """Writing fails in the middle: here because no file may grow beyond 3000 bytes."""
    esp = OnDirectory(tmp_path)
    tree = built(bench.folder)
    run = ("--esp", esp.path, "--from", tree, "--no-variables")
    esp.put("EFI/x", b"theirs")

    def bound():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
    said = bench.run("install", "install", *run, preexec_fn=bound)
    assert said.status == 1 and "nothing was changed" in said.err, said
    assert esp.files() == {"EFI/x": b"theirs"} and esp.folders() == {"EFI"}


def test_read_only_directory_is_unchanged(bench, tmp_path):
    esp = OnDirectory(tmp_path)
    bound = f"mount --bind {esp.path} {esp.path} && mount -o remount,bind,ro {esp.path}"
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*inside, bound], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    done = subprocess.run([*inside, f"{bound} && exec {TOOLS}/install install --esp {esp.path} "
                           f"--from {built(bench.folder)} --no-variables"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Read-only" in done.stderr, done
    assert not esp.files() and not esp.folders()


def test_what_is_no_esp(bench, tmp_path):
    tree = built(bench.folder)
    junk = tmp_path / "junk"
    junk.write_bytes(bytes(100_000))
    for path, word in ((junk, "neither a FAT"), (tmp_path / "missing", "no such")):
        said = bench.run("install", "install", "--esp", path, "--from", tree)
        assert said.status == 1 and word in said.err, said
    said = bench.run("install", "install", "--esp", tmp_path, "--from", tmp_path / "missing")
    assert said.status == 1 and "`make` builds it" in said.err, said


def test_a_menu_where_nobody_has_one(bench, esp):
    """loader.conf is brought and taken away only where nobody else's menu reads it."""
    run = ("--esp", esp.path, "--from", built(bench.folder), "--no-variables")
    assert bench.run("install", "install", *run).status == 0
    assert names(esp) == {name.lower() for name in expected() | {"loader/loader.conf"}}
    assert (ROOT / "esp/loader/loader.conf").read_bytes() in esp.files().values()
    assert bench.run("install", "remove", "--esp", esp.path, "--no-variables").status == 0
    assert not esp.files() and not esp.folders()

    esp.put("loader/entries/debian.conf", b"title Debian\nlinux /vmlinuz\n")
    theirs = esp.files()
    assert bench.run("install", "install", *run).status == 0
    assert names(esp) == {name.lower() for name in expected() | set(theirs)}
    assert bench.run("install", "remove", "--esp", esp.path, "--no-variables").status == 0
    assert esp.files() == theirs


def test_entries_that_lead_to_us_go_with_us(bench, esp):
    run = ("--esp", esp.path, "--from", built(bench.folder), "--no-variables")
    assert bench.run("install", "install", *run).status == 0
    esp.put("loader/entries/mine.conf", b"title Mine\nefi \\EFI\\Baton\\BATONX64.EFI\noptions bench\n")
    esp.put("loader/entries/baton.conf", b"title Elsewhere\nefi /EFI/other/other.efi\n")
    assert bench.run("install", "remove", "--esp", esp.path, "--no-variables").status == 0
    assert names(esp) == {"loader/entries/baton.conf", "loader/loader.conf"}  # which it may need


def test_an_edited_entry_is_kept(bench, esp):
    run = ("--esp", esp.path, "--from", built(bench.folder), "--no-variables")
    assert bench.run("install", "install", *run).status == 0
    mine = b"title Baton, memory test\nefi /EFI/baton/batonx64.efi\noptions memtest=full\n"
    esp.put("loader/entries/baton-memtest.conf", mine)
    newer = built(bench.folder, "0.2.0", b"newer")
    said = bench.run("install", "update", "--esp", esp.path, "--from", newer, "--no-variables")
    assert said.status == 0 and "keeping loader/entries/baton-memtest.conf" in said.out, said
    assert mine in esp.files().values()
    entry = next(content for path, content in esp.files().items() if "selftest" in path)
    assert b"version      0.2.0\n" in entry


def test_another_build_of_the_same_version(bench, esp):
    """It is contents that are compared."""
    run = ("--esp", esp.path, "--no-variables")
    bench.run("install", "install", "--removable", *run, "--from", built(bench.folder))
    other = built(bench.folder, kernel=b"other kernel")
    said = bench.run("install", "update", *run, "--from", other)
    assert said.status == 0 and "is as ours is now" in said.out, said
    files = esp.files()
    program = (other / "EFI/BOOT/BOOTX64.EFI").read_bytes()
    assert list(files.values()).count(program) == 2
    assert [content for name, content in files.items() if "kernel" in name] == [b"other kernel"]
    said = bench.run("install", "update", *run, "--from", other)
    assert said.status == 0 and "nothing to do" in said.out and esp.files() == files, said


def test_a_damaged_kernel_is_mended(bench, esp):
    run = ("--esp", esp.path, "--from", built(bench.folder), "--no-variables")
    bench.run("install", "install", *run)
    files = esp.files()
    esp.put(kernel_path(KERNEL), b"half a ker")
    assert bench.run("install", "update", *run).status == 0
    assert esp.files() == files


def test_a_copied_tree(bench, esp):
    """Somebody copied build/esp to the ESP, with the kernel under its common name."""
    old, new = built(bench.folder), built(bench.folder, "0.2.0", b"newer")
    for source in (path for path in old.rglob("*") if path.is_file()):
        esp.put(str(source.relative_to(old)), source.read_bytes())
    esp.put("loader/entries/baton-memtest.conf", b"title Mine\nefi /EFI/BOOT/BOOTX64.EFI\n")
    run = ("--esp", esp.path, "--no-variables")
    said = bench.run("install", "update", *run, "--from", new)
    assert said.status == 0 and "0.1.0 became 0.2.0" in said.out, said
    assert names(esp) == {name.lower() for name in (expected(b"newer") - {PROGRAM}) | {
        "EFI/BOOT/BOOTX64.EFI", "loader/loader.conf"}}
    entry = next(content for path, content in esp.files().items() if "selftest" in path)
    assert b"efi          /EFI/BOOT/BOOTX64.EFI\n" in entry
    assert bench.run("install", "remove", *run).status == 0
    assert not esp.files()


def test_the_old_pair_stays_while_something_needs_it(bench, esp):
    """The removable path has an older Baton, which `install` alone does not touch."""
    old, new = built(bench.folder), built(bench.folder, "0.2.0", b"newer")
    for path in ("EFI/BOOT/BOOTX64.EFI", "EFI/baton/kernel.elf"):
        esp.put(path, (old / path).read_bytes())
    run = ("--esp", esp.path, "--no-variables")
    assert bench.run("install", "install", *run, "--from", new).status == 0
    files = esp.files()
    assert KERNEL in files.values() and b"newer" in files.values()
    assert bench.run("install", "update", *run, "--from", new).status == 0
    assert KERNEL not in esp.files().values()


def test_a_mixed_tree_is_refused(bench, esp):
    tree = built(bench.folder)
    (tree / "EFI/baton/kernel.elf").write_bytes(b"of another build")
    said = bench.run("install", "install", "--esp", esp.path, "--from", tree, "--no-variables")
    assert said.status == 1 and "not of one build" in said.err, said
    assert not esp.files()


def test_two_at_a_time(bench, esp):
    run = ("--esp", esp.path, "--from", built(bench.folder), "--no-variables")
    holder = subprocess.Popen(["flock", esp.path, "cat"], stdin=subprocess.PIPE)
    try:
        subprocess.run(["timeout", "30", "sh", "-c", "while flock -n \"$0\" true; do :; done",
                        esp.path], check=True)
        said = bench.run("install", "install", *run)
        assert said.status == 1 and "somebody else is changing it" in said.err, said
        assert not esp.files()
    finally:
        holder.communicate()
    assert bench.run("install", "install", *run).status == 0


# --- Killed half-way -------------------------------------------------------------------------------

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
    ("nothing", ["install", "--removable"], 54),
    ("old", ["update"], 38),
    ("older make", ["update"], 46),
    ("new", ["remove"], 22),
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
        assert not [path for path in esp.rglob("*") if path.is_dir() and not list(path.iterdir())]
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
    assert len(steps) == 15, "\n".join(steps)
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


# --- Variables and finding the ESP ---------------------------------------------------------------

BOOT_ENTRIES = ("BootCurrent: 0000\nBootOrder: 0000,0003\n"
                f"Boot0000* Debian\tHD(1,GPT,{PARTUUID})/File(\\EFI\\debian\\shimx64.efi)\n")
OUR_ENTRY = f"Boot0003* Baton\tHD(1,GPT,{PARTUUID})/File(\\EFI\\baton\\batonx64.efi)\n"
OTHER_DISK = "Boot0004* Baton\tHD(1,GPT,99999999-2222-4333-8444-555555555555)" \
             "/File(\\EFI\\baton\\batonx64.efi)\n"


def machine(bench, esp_path, more=()):
    """A machine with UEFI variables and one ESP."""
    sysfs = bench.folder / "sys"
    efivars = sysfs / "firmware/efi/efivars"
    efivars.mkdir(parents=True)
    guid = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
    (efivars / f"SecureBoot-{guid}").write_bytes(b"\6\0\0\0\1")
    (efivars / f"SetupMode-{guid}").write_bytes(b"\6\0\0\0\0")
    (sysfs / "class/block/nvme0n1p1").mkdir(parents=True)
    (sysfs / "class/block/nvme0n1p1/partition").write_text("1\n")
    bench.answers("lsblk", json.dumps({"blockdevices": [{
        "path": "/dev/nvme0n1", "type": "disk", "parttype": None, "mountpoint": None,
        "children": [{"path": "/dev/nvme0n1p1", "type": "part", "parttype": ESP_TYPE,
                      "partuuid": PARTUUID, "mountpoint": str(esp_path), "pkname": "nvme0n1"},
                     *more]}]}))
    return sysfs


def test_boot_entry(bench, tmp_path):
    esp = OnDirectory(tmp_path)
    sysfs = machine(bench, esp.path)
    run = ("--from", built(bench.folder), "--sysfs", sysfs)
    bench.answers("efibootmgr", BOOT_ENTRIES + OTHER_DISK)
    said = bench.run("install", "install", *run)  # finds the ESP itself
    assert said.status == 0, said
    assert ("efibootmgr --create --disk /dev/nvme0n1 --part 1 --label Baton "
            "--loader \\EFI\\baton\\batonx64.efi") in bench.called()

    bench.calls.unlink()
    bench.answers("efibootmgr", BOOT_ENTRIES + OUR_ENTRY + OTHER_DISK)
    assert bench.run("install", "install", *run).status == 0
    assert not any("--create" in call for call in bench.called())

    said = bench.run("install", "status", "--sysfs", sysfs)
    assert "Boot0003: " in said.out and "Boot0004" not in said.out, said
    assert "Secure Boot:  enabled" in said.out

    said = bench.run("install", "remove", "--sysfs", sysfs)
    assert said.status == 0, said
    deleted = [call for call in bench.called() if "--delete-bootnum" in call]
    assert deleted == ["efibootmgr --bootnum 0003 --delete-bootnum"]
    assert not esp.files()


def test_finding_the_esp(bench, tmp_path):
    esp = OnDirectory(tmp_path)
    tree = built(bench.folder)
    bench.answers("lsblk", json.dumps({"blockdevices": []}))
    said = bench.run("install", "install", "--from", tree)
    assert said.status == 1 and "no partition has the type" in said.err, said
    shutil.rmtree(bench.folder / "sys", ignore_errors=True)
    machine(bench, esp.path, more=[{"path": "/dev/sda1", "parttype": ESP_TYPE, "mountpoint": "/mnt"}])
    said = bench.run("install", "install", "--from", tree)
    assert said.status == 1 and "/dev/sda1" in said.err and "--esp" in said.err, said
    assert not esp.files()
