"""tools/flash on files that lsblk calls disks."""

import json
import os

import pytest

MIB = 1 << 20


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "baton.img"
    path.write_bytes(os.urandom(9 * MIB + 512))
    return path


def disk(bench, name="stick", size=16 * MIB, **facts):
    path = bench.folder / name
    path.write_bytes(b"\xa5" * size)
    listed = {"path": str(path), "type": "disk", "size": size, "rm": True, "hotplug": True,
              "ro": False, "tran": "usb", "vendor": "ACME    ", "model": "Stick", "mountpoints": [None]}
    listed.update(facts)
    bench.answers("lsblk", json.dumps({"blockdevices": [listed]}))
    return path


def test_writes_and_verifies(bench, image):
    path = disk(bench)
    said = bench.run("flash", path, "--image", image, stdin=f"{path}\n")
    assert said.status == 0, said
    assert "ACME Stick" in said.out and "writing" in said.err and "verifying" in said.err
    content = path.read_bytes()
    assert content[:image.stat().st_size] == image.read_bytes()
    assert set(content[image.stat().st_size:]) == {0xa5}


def test_old_backup_table_is_forgotten(bench, image):
    path = disk(bench)
    with open(path, "r+b") as file:
        file.seek(-512, os.SEEK_END)
        file.write(b"EFI PART")
    assert bench.run("flash", path, "--image", image, "--yes").status == 0
    assert path.read_bytes()[-512:] == bytes(512)


def refused(bench, path, image, *arguments, stdin="", why):
    before = path.read_bytes()
    said = bench.run("flash", path, "--image", image, *arguments, stdin=stdin)
    assert said.status == 1 and why in said.err, said
    assert path.read_bytes() == before


def test_asks_for_the_name(bench, image):
    path = disk(bench)
    refused(bench, path, image, stdin="yes\n", why="not confirmed")
    refused(bench, path, image, stdin="", why="not confirmed")


def test_refuses_what_is_mounted_until_told_twice(bench, image):
    path = disk(bench, mountpoints=["/media/photos"])
    refused(bench, path, image, "--yes", why="it is mounted")
    refused(bench, path, image, "--yes", "--force", why="once more")
    assert bench.run("flash", path, "--image", image, "--yes", "--force", "--force").status == 0


def test_a_mounted_partition_counts(bench, image):
    path = disk(bench, children=[{"path": "x", "mountpoints": ["/media/photos"]}])
    refused(bench, path, image, "--yes", why="/media/photos")


def test_refuses_what_is_not_removable_until_told_twice(bench, image):
    path = disk(bench, rm=False, hotplug=False, tran="nvme")
    refused(bench, path, image, "--yes", why="not removable")
    assert bench.run("flash", path, "--image", image, "--yes", "--force", "--force").status == 0


def test_never_the_system(bench, image):
    path = disk(bench, children=[{"path": "x", "mountpoints": ["/"]}])
    refused(bench, path, image, "--yes", "--force", "--force", why="this system runs from it")


def test_other_refusals(bench, image):
    path = disk(bench, size=4 * MIB)
    refused(bench, path, image, "--yes", why="too small")
    path = disk(bench, ro=True)
    refused(bench, path, image, "--yes", why="write-protected")
    other = bench.folder / "other"
    other.write_bytes(b"x")
    refused(bench, other, image, "--yes", why="is not a disk")
    refused(bench, path, bench.folder / "missing", "--yes", why="`make image`")


def test_lists_removable_disks(bench):
    path = disk(bench)
    said = bench.run("flash")
    assert said.status == 0 and str(path) in said.out, said
    disk(bench, rm=False, hotplug=False, tran="sata")
    assert "no removable disk" in bench.run("flash").out
