"""tools/install on directories and on FAT images."""

import json
import re
import resource
import shutil
import subprocess

import pytest

PROGRAM = "EFI/baton/batonx64.efi"
ESP_TYPE = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
PARTUUID = "11111111-2222-4333-8444-555555555555"
EXPECTED = {PROGRAM, "EFI/baton/kernel.elf", "EFI/baton/baton.conf", "loader/entries/baton.conf"}


def built(folder, version="0.1.0", kernel=b"kernel" * 1000):
    """A tree as `make` builds it."""
    tree = folder / f"tree-{version}"
    (tree / "EFI/BOOT").mkdir(parents=True)
    (tree / "EFI/baton").mkdir()
    (tree / "EFI/BOOT/BOOTX64.EFI").write_bytes(
        f"MZ\nsbat,1,...\nbaton,1,Baton,baton,{version},BOOTX64.EFI\n".encode() + bytes(5000))
    (tree / "EFI/baton/kernel.elf").write_bytes(kernel)
    (tree / "EFI/baton/baton.conf").write_bytes(b"options\n")
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
    assert names(esp) == {name.lower() for name in EXPECTED | set(theirs)}
    entry = next(content for name, content in files.items() if name.endswith("entries/baton.conf"))
    assert re.search(rb"^title +Baton$", entry, re.M) and re.search(rb"^version +0\.1\.0$", entry, re.M)
    assert re.search(rb"^efi +/EFI/baton/batonx64\.efi$", entry, re.M)

    again = bench.run("install", "update", "--esp", esp.path, "--from", tree, "--no-variables")
    assert again.status == 0 and "nothing to do" in again.out, again
    assert esp.files() == files

    newer = built(bench.folder, "0.10.0", b"new kernel")
    said = bench.run("install", "update", "--esp", esp.path, "--from", newer, "--no-variables")
    assert said.status == 0 and "0.1.0 became 0.10.0" in said.out, said
    assert b"new kernel" in esp.files().values()
    older = bench.run("install", "update", "--esp", esp.path, "--from", tree, "--no-variables")
    assert older.status == 0 and "nothing to do" in older.out, older
    assert b"new kernel" in esp.files().values()

    said = bench.run("install", "status", "--esp", esp.path, "--no-variables")
    assert f"{PROGRAM}: Baton 0.10.0" in said.out, said

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
    from conftest import TOOLS
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
