"""What every boot test has at hand: `bench`, on which a machine is set up and booted."""

import os
import pathlib
import shutil
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
sys.path.insert(0, str(ROOT / "tools"))
import qemu  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "long: a further machine of a kind that make test has: make test-long")


class Bench:
    """Boots what is in build/esp, changed as a test wants it, and keeps the log for the report."""

    def __init__(self, folder):
        self.folder = folder

    def disk(self, options=None, change=None, machine=None):
        esp = BUILD / (machine.arch.esp if machine else "esp")
        return qemu.make_disk(self.folder / "disk.img", esp, options, change, machine)

    def handed_out(self):
        """A copy of the disk image that people get."""
        return shutil.copyfile(BUILD / "baton.img", self.folder / "disk.img")

    def boot(self, machine, options=None, change=None, timeout=120, until=None, disk=None):
        """One boot to its end. What was said is printed, which pytest shows when the test fails."""
        disk = disk or self.disk(options, change, machine)
        boot = qemu.boot(machine, disk, self.folder, timeout, until)
        print(boot.log)
        print(f"-- {boot}")
        return boot

    def start(self, machine, options=None, change=None):
        """A machine that runs, to be talked to; use with `with`."""
        return qemu.Running(machine, self.disk(options, change, machine), self.folder)


@pytest.fixture
def bench(tmp_path):
    yield Bench(tmp_path)
    for image in tmp_path.glob("*.img"):  # sparse, but pytest keeps three runs' folders
        image.unlink()


@pytest.fixture
def faulty():
    """Given a fault's name, a change of the ESP that puts that faulty program in front of Baton."""
    def of_name(name, arch=qemu.X86_64):
        program = (BUILD / arch.esp).parent / "faulty" / f"{name}.efi"

        def change(tree):
            boot = tree / "EFI/BOOT"
            (boot / arch.boot_file).rename(boot / "BATON.EFI")
            (boot / arch.boot_file).write_bytes(program.read_bytes())
        return change
    return of_name
