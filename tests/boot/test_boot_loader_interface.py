"""What Baton's menu tells the system it starts, and takes from it: the Boot Loader Interface."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from conftest import BUILD, ROOT
from persistent import Persistent
from qemu import MIB, PASSED, POWERED_OFF, Machine, make_disk

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "referee"))
import debian  # noqa: E402

VENDOR = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
# Prints the interface's variables, asks for the self-tests' entry once, for the menu to wait 2 seconds once and
# 1 from then on, and turns the machine off.
INIT = rf"""#!/bin/busybox sh
bb=/bin/busybox
$bb mkdir -p /proc /sys
$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
[ ! -e /efivarfs.ko ] || $bb insmod /efivarfs.ko
$bb mount -t efivarfs efivarfs /sys/firmware/efi/efivars
echo 1 >/proc/sys/kernel/printk
cd /sys/firmware/efi/efivars
for name in Loader*-{VENDOR}; do
    echo "=== $name $($bb hexdump -v -e '1/1 "%02x"' $name) ==="
done
ask() {{
    $bb printf '\007\000\000\000' >/asked
    for letter in $(echo $2 | $bb sed 's/./& /g'); do $bb printf "$letter\000" >>/asked; done
    $bb printf '\000\000' >>/asked
    $bb dd if=/asked of=$1-{VENDOR} bs=4k 2>/dev/null && echo "=== ASKED $1 ==="
}}
ask LoaderEntryOneShot baton-selftest.conf
ask LoaderConfigTimeoutOneShot 2
ask LoaderConfigTimeout 1
$bb poweroff -f
"""


@pytest.fixture(name="linux")
def _linux(tmp_path):
    """(kernel, initrd)"""
    try:
        packages = debian.Packages(BUILD / "debian")
        kernel = debian.Kernel(packages)
        initramfs = debian.initramfs(packages)[0]
    except debian.FetchError as error:
        return pytest.skip(f"no other system to start: {error}")
    members = [("init", 0o100755, INIT.encode())]
    for module in kernel.modules.glob("**/efivarfs.ko*"):
        if module.suffix == ".ko":
            members.append(("efivarfs.ko", 0o100644, module.read_bytes()))
    initrd = tmp_path / "initrd"
    initrd.write_bytes(initramfs.read_bytes() + debian.cpio(members))
    return kernel.image, initrd


def told_to_linux(log):
    """The variables by name: (attributes, content)."""
    found = re.findall(rf"=== (\w+)-{VENDOR} ([0-9a-f]{{8}})([0-9a-f]*) ===", log)
    return {name: (attributes, bytes.fromhex(content)) for name, attributes, content in found}


def entries(disk):
    listed = subprocess.run(["mdir", "-b", "-i", f"{disk}@@1048576", "::/loader/entries"],
                            capture_output=True, text=True, check=True).stdout
    return {line.split("/")[-1] for line in listed.splitlines()}


def test_linux_is_told_and_asked(bench, linux):
    """A counted entry with one try: started, it is used up; then the one that was asked for once, then
    the first that is not used up. The menu, which loader.conf does not show, waits as it was asked to."""
    kernel, initrd = linux

    def change(tree):
        shutil.copytree(ROOT / "esp/loader", tree / "loader")
        shutil.copyfile(kernel, tree / "vmlinuz")
        shutil.copyfile(initrd, tree / "initrd")
        (tree / "loader/loader.conf").write_text("default linux\ntimeout 0\n")
        folder = tree / "loader/entries"
        (folder / "linux+1.conf").write_text(
            "title Linux\nsort-key a\nlinux /vmlinuz\ninitrd /initrd\n"
            "options console=ttyS0 panic=-1 no_timer_check\n")
        (folder / "baton.conf").write_text((folder / "baton.conf").read_text() + "options poweroff\n")
        (folder / "baton-selftest.conf").write_text(
            (folder / "baton-selftest.conf").read_text().replace("selftest\n", "selftest=efi.tables poweroff\n"))
    disk = make_disk(bench.folder / "disk.img", BUILD / "esp", None, change)
    machine = Persistent(bench, Machine(memory=512 * MIB), disk)
    first = machine.boot(timeout=400)
    assert first.ended == "exit", str(first)
    assert first.log.count("=== ASKED ") == 3, first.log[-3000:]
    assert "Starts by itself" not in first.log
    told = told_to_linux(first.log)
    # Volatile, for boot services and runtime.
    assert {attributes for attributes, _ in told.values()} == {"06000000"}
    text = {name: content.decode("utf-16-le").rstrip("\0") for name, (_, content) in told.items()
            if name not in ("LoaderFeatures", "LoaderEntries")}
    assert re.fullmatch(r"Baton \d+\.\d+\.\d+", text["LoaderInfo"])
    assert text["LoaderEntrySelected"] == "linux.conf"
    assert text["LoaderBootCountPath"] == r"\loader\entries\linux+0-1.conf"
    assert 0 < int(text["LoaderTimeInitUSec"]) < int(text["LoaderTimeExecUSec"]) < 3600 * 10**6
    assert re.fullmatch(r"UEFI 2\.\d\d", text["LoaderFirmwareType"])
    table = subprocess.run(["/usr/sbin/sfdisk", "--dump", disk], capture_output=True, text=True, check=True).stdout
    assert text["LoaderDevicePartUUID"] == re.search(r"uuid=([0-9A-F-]+)", table)[1].lower()
    assert told["LoaderEntries"][1].decode("utf-16-le").split("\0")[:-1] == [
        "linux.conf", "baton.conf", "baton-selftest.conf", "baton-memtest.conf", "baton-guard.conf"]
    assert int.from_bytes(told["LoaderFeatures"][1], "little") & 0x1f == 0x1f
    assert "linux+0-1.conf" in entries(disk) and "linux+1.conf" not in entries(disk)

    once = machine.boot()
    assert once.status == PASSED, str(once)
    assert "starting Baton, self-tests" in once.log
    assert "Starts by itself in 2 s" in once.log
    after = machine.boot()
    assert after.status == POWERED_OFF, str(after)
    assert re.search(r"starting Baton\r?$", after.log, re.M), after.log[:1500]
    assert "Starts by itself in 1 s" in after.log and "Starts by itself in 2 s" not in after.log
    assert "linux+0-1.conf" in entries(disk)
