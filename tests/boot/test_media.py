"""What people get boots from every medium: the disk image, the ISO as a disc and as a stick."""

import shutil

import pytest

import log as read
from conftest import BUILD
from qemu import MIB, Machine

PROMPT = r"^baton> $"


def boots(bench, machine, image):
    disk = shutil.copyfile(image, bench.folder / "disk.img")
    boot = bench.boot(machine, disk=disk, until=PROMPT, timeout=300)
    assert boot.ended == "seen", str(boot)
    assert read.find(boot.log, r"Baton version ")
    assert "Starts by itself in 3 s" in boot.log, "the menu that is shipped"


def further(*buses):
    return [pytest.param(bus, marks=pytest.mark.long) for bus in buses]


@pytest.mark.parametrize("bus", ["virtio", "ahci", *further("nvme"), "usb"])
def test_disk_image(bench, bus):
    boots(bench, Machine(memory=256 * MIB, bus=bus), BUILD / "baton.img")


@pytest.mark.parametrize("bus", ["cdrom", *further("usb", "virtio")])
def test_iso(bench, bus):
    boots(bench, Machine(memory=256 * MIB, bus=bus), BUILD / "baton.iso")
