"""tools/flash on files that lsblk calls disks."""

import json
import os
import subprocess

import pytest

from conftest import TOOLS

MIB = 1 << 20


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "baton.img"
    path.write_bytes(os.urandom(9 * MIB + 512))
    return path


class Machine:
    """A made-up machine: /proc, /sys and /dev/disk of what it has, and lsblk's word on one disk."""

    def __init__(self, bench):
        self.root = bench.folder / "root"
        self.bench = bench
        self.mounts = []
        self.mount("0:22", "sysfs", "/sys", "sysfs")

    def put(self, path, text=""):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def mount(self, number, source, where, kind, more="rw"):
        self.mounts.append(f"21 20 {number} / {where} rw,relatime shared:1 - {kind} {source} {more}")
        self.put("proc/self/mountinfo", "\n".join(self.mounts) + "\n")

    def block(self, name, number, partitions=0):
        """A disk and its partitions: major:minor from `number` on."""
        major, minor = map(int, number.split(":"))
        self.put(f"sys/block/{name}/dev", f"{number}\n")
        for i in range(1, partitions + 1):
            part = f"{name}{'p' if name[-1].isdigit() else ''}{i}"
            self.put(f"sys/block/{name}/{part}/partition", f"{i}\n")
            self.put(f"sys/block/{name}/{part}/dev", f"{major}:{minor + i}\n")


@pytest.fixture
def machine(bench):
    bench.machine = Machine(bench)
    return bench.machine


def disk(bench, name="sdb", size=16 * MIB, **facts):
    path = bench.folder / name
    path.write_bytes(b"\xa5" * size)
    listed = {"path": str(path), "type": "disk", "size": size, "rm": True, "hotplug": True,
              "ro": False, "tran": "usb", "vendor": "ACME    ", "model": "Stick", "mountpoints": [None]}
    listed.update(facts)
    bench.answers("lsblk", json.dumps({"blockdevices": [listed]}))
    if not hasattr(bench, "machine"):
        bench.machine = Machine(bench)
    bench.machine.block(name, "8:16", partitions=2)
    return path


def flash(bench, *words, **more):
    root = bench.machine.root if hasattr(bench, "machine") else "/"
    return bench.run("flash", *words, "--root", root, **more)


def test_writes_and_verifies(bench, image):
    path = disk(bench)
    said = flash(bench, path, "--image", image, stdin=f"{path}\n")
    assert said.status == 0, said
    assert "ACME Stick" in said.out and "writing" in said.err and "verifying" in said.err
    content = path.read_bytes()
    assert content[:image.stat().st_size] == image.read_bytes()
    assert set(content[image.stat().st_size:]) == {0xa5}


def file(bench, size=16 * MIB):
    bench.answers("lsblk", json.dumps({"blockdevices": []}))
    path = bench.folder / "rehearsal.img"
    path.write_bytes(b"\xa5" * size)
    return path


def test_rehearsed_on_a_file(bench, image):
    path = file(bench)
    refused(bench, path, image, stdin="yes\n", why="not confirmed")
    said = flash(bench, path, "--image", image, stdin=f"{path}\n")
    assert said.status == 0, said
    assert "an ordinary file" in said.out and "verifying" in said.err
    content = path.read_bytes()
    assert content[:image.stat().st_size] == image.read_bytes()
    assert set(content[image.stat().st_size:]) == {0xa5} and len(content) == 16 * MIB


def test_files_that_will_not_do(bench, image, machine):
    refused(bench, file(bench, 4 * MIB), image, "--yes", why="too small")
    path = file(bench)
    machine.put("proc/swaps", f"Filename Type Size Used Priority\n{path} file 16 0 -2\n")
    refused(bench, path, image, "--yes", "--force", "--force", why="swapped to")
    machine.put("proc/swaps", "Filename\n")
    machine.put("sys/block/loop3/loop/backing_file", f"{path}\n")
    refused(bench, path, image, "--yes", "--force", "--force", why="shown as loop3")
    refused(bench, image, image, "--yes", why="is the image itself")
    said = flash(bench, bench.folder / "missing", "--image", image, "--yes")
    assert said.status == 1 and "No such file" in said.err and "truncate" in said.err, said
    for path in ("/dev/null", bench.folder):
        said = flash(bench, path, "--image", image, "--yes")
        assert said.status == 1 and "neither a disk" in said.err, said


def test_old_backup_table_is_forgotten(bench, image):
    path = disk(bench)
    with open(path, "r+b") as file:
        file.seek(-512, os.SEEK_END)
        file.write(b"EFI PART")
    assert flash(bench, path, "--image", image, "--yes").status == 0
    assert path.read_bytes()[-512:] == bytes(512)


def refused(bench, path, image, *arguments, stdin="", why):
    before = path.read_bytes()
    said = flash(bench, path, "--image", image, *arguments, stdin=stdin)
    assert said.status == 1 and why in said.err, said
    assert path.read_bytes() == before


def test_asks_for_the_name(bench, image):
    path = disk(bench)
    refused(bench, path, image, stdin="yes\n", why="not confirmed")
    refused(bench, path, image, stdin="", why="not confirmed")


def test_refuses_what_is_not_removable_until_told_twice(bench, image):
    path = disk(bench, rm=False, hotplug=False, tran="nvme")
    refused(bench, path, image, "--yes", why="not removable")
    refused(bench, path, image, "--yes", "--force", why="once more")
    assert flash(bench, path, "--image", image, "--yes", "--force", "--force").status == 0


def mounted_by_lsblk(machine):
    return {"children": [{"path": "x", "mountpoints": ["/media/photos"]}]}


def mounted_root(machine):
    machine.mount("8:18", "/dev/root", "/", "ext4")


def mounted_whole(machine):
    """A live medium: the ISO's file system is that of the disk itself."""
    machine.mount("8:16", "/dev/sdb", "/run/live/medium", "iso9660")
    machine.mount("7:0", "/dev/loop0", "/run/live/rootfs/filesystem.squashfs", "squashfs")
    machine.mount("0:30", "overlay", "/", "overlay",
                  "lowerdir=/run/live/rootfs/filesystem.squashfs,upperdir=/run/live/overlay/rw")


def cdrom(machine):
    machine.mount("8:17", "/dev/sdb1", "/cdrom", "iso9660")


def boot_firmware(machine):
    machine.mount("8:17", "/dev/sdb1", "/boot/firmware", "vfat")


def seen_by_the_first_process_only(machine):
    machine.put("proc/1/mountinfo", "21 1 8:18 / / rw - ext4 /dev/sdb2 rw\n")


def btrfs_by_its_source(machine):
    """Whose number is no device's."""
    machine.mount("0:31", "/dev/sdb2", "/", "btrfs", "rw,subvol=/@")


def second_btrfs_member(machine):
    machine.mount("0:31", "/dev/sda2", "/", "btrfs", "rw,subvol=/@")
    machine.put("sys/fs/btrfs/features/raid56")
    for member in ("sda2", "sdb1"):
        machine.put(f"sys/fs/btrfs/6b5a/devices/{member}/dev")


def zfs_mounted(machine):
    machine.mount("0:40", "rpool/ROOT/debian", "/", "zfs")
    return {"children": [{"path": "x", "mountpoints": [None], "fstype": "zfs_member",
                          "label": "rpool"}]}


def zfs_imported(machine):
    """And not mounted; its member does not say whose it is."""
    machine.put("proc/spl/kstat/zfs/tank/state", "ONLINE\n")
    return {"fstype": "zfs_member"}


def bcachefs(machine):
    machine.mount("0:50", "/dev/sda1:/dev/sdb1", "/data", "bcachefs")


def swap(machine):
    machine.put("proc/swaps", "Filename Type Size Used Priority\n/dev/sdb2 partition 9 0 -2\n")


def raid(machine):
    machine.put("sys/block/sdb/sdb1/holders/md127")


def raid_on_the_whole(machine):
    machine.put("sys/block/sdb/holders/md0")


def shown_by_a_loop(machine):
    machine.put("sys/block/loop4/loop/backing_file", "/dev/sdb\n")


def boot_table(machine):
    """/boot/firmware, mounted when it is first looked at."""
    (machine.root / "dev/disk/by-uuid").mkdir(parents=True)
    (machine.root / "dev/disk/by-uuid/12AB-34CD").symlink_to(machine.root / "dev/sdb1")
    machine.put("etc/fstab", "# comment\nUUID=12AB-34CD /boot/firmware vfat defaults 0 2\n")


USES = {
    mounted_by_lsblk: "mounted on /media/photos", mounted_root: "mounted on /",
    mounted_whole: "mounted on /run/live/medium", cdrom: "mounted on /cdrom",
    boot_firmware: "mounted on /boot/firmware", seen_by_the_first_process_only: "mounted on /",
    btrfs_by_its_source: "mounted on /", second_btrfs_member: "a part of the mounted btrfs 6b5a",
    zfs_mounted: "a part of the ZFS pool rpool", zfs_imported: "a part of the ZFS pool ?",
    bcachefs: "mounted on /data", swap: "swapped to (/dev/sdb2)", raid: "sdb1 is held by md127",
    raid_on_the_whole: "sdb is held by md0", shown_by_a_loop: "shown as loop4",
    boot_table: "what /etc/fstab mounts on /boot/firmware",
}


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_what_is_in_use_is_never_written_to(bench, image, machine, use):
    """Whatever is said; and the disk beside it is."""
    path = disk(bench, **(use(machine) or {}))
    refused(bench, path, image, "--yes", why=USES[use])
    refused(bench, path, image, "--yes", "--force", "--force", "--force", why="never written to")
    other = disk(bench, name="sdc")
    machine.block("sdc", "8:32", partitions=2)
    said = flash(bench, other, "--image", image, "--yes")
    assert said.status == 0, said


def test_others_file_systems_do_not_count(bench, image, machine):
    machine.mount("0:40", "rpool/ROOT/debian", "/", "zfs")
    machine.put("etc/fstab", "/dev/sdb1 /media/stick auto noauto,user 0 0\n")
    path = disk(bench, children=[{"path": "x", "mountpoints": [None], "fstype": "zfs_member",
                                  "label": "old"}])
    assert flash(bench, path, "--image", image, "--yes").status == 0


def test_what_uses_it_must_be_known(bench, image):
    path = disk(bench)
    (bench.machine.root / "sys/block/sdb/dev").unlink()
    refused(bench, path, image, "--yes", "--force", "--force", why="cannot be found out")


@pytest.mark.parametrize("force", [0, 2, 3])
def test_the_kernel_is_asked_too(bench, image, force):
    """O_EXCL, whatever is said: here the kernel knows of a use that nothing else tells."""
    path = disk(bench)
    before = path.read_bytes()
    program = bench.folder / "busy.py"
    program.write_text(
        "import errno, os, runpy, sys\nos_open = os.open\n"
        "def opened(path, flags, *more, **others):\n"
        f"    if os.fspath(path) == {str(path)!r} and flags & os.O_EXCL:\n"
        "        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)\n"
        "    return os_open(path, flags, *more, **others)\n"
        "os.open = opened\nsys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')\n")
    done = subprocess.run(
        ["/usr/bin/python3", "-B", program, TOOLS / "flash", path, "--image", image, "--yes",
         "--root", bench.machine.root, *["--force"] * force], capture_output=True, text=True,
        check=False, env={**os.environ, "PATH": f"{bench.bin}:{os.environ['PATH']}"})
    assert done.returncode == 1 and "never written to" in done.stderr, done
    assert path.read_bytes() == before


def test_other_refusals(bench, image):
    path = disk(bench, size=4 * MIB)
    refused(bench, path, image, "--yes", why="too small")
    path = disk(bench, ro=True)
    refused(bench, path, image, "--yes", why="write-protected")
    refused(bench, path, bench.folder / "missing", "--yes", why="`make image`")


def test_lists_removable_disks(bench):
    path = disk(bench)
    said = bench.run("flash")
    assert said.status == 0 and str(path) in said.out, said
    disk(bench, rm=False, hotplug=False, tran="sata")
    assert "no removable disk" in bench.run("flash").out
