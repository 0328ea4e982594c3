"""What tools/install leaves on an ESP boots: by an entry of its own that the firmware keeps, by the
removable path, and by its Boot Loader Specification entry in systemd-boot."""

import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, ROOT
from persistent import Persistent
from qemu import MIB, Machine, make_disk

SMALL = Machine(memory=128 * MIB)
PROMPT = r"^baton> $"
SYSTEMD_BOOT = pathlib.Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")


def install(bench, *options, put=()):
    """A disk on which tools/install has been, and besides that only the files of `put`."""
    image = bench.folder / "disk.img"
    make_disk(image, BUILD / "esp", None, lambda tree: shutil.rmtree(tree / "EFI"))
    done = subprocess.run([ROOT / "tools/install", "install", "--esp", image, "--from",
                           BUILD / "esp", *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    for path, content in put:
        source = bench.folder / "put"
        source.write_bytes(content)
        for folder in reversed(pathlib.PurePosixPath(path).parents[:-1]):
            subprocess.run(["mmd", "-D", "s", "-i", f"{image}@@1048576", f"::/{folder}"],
                           capture_output=True, check=False)
        subprocess.run(["mcopy", "-o", "-i", f"{image}@@1048576", source, f"::/{path}"], check=True)
    return image, re.findall(r"^wrote (\S+)", done.stdout, re.MULTILINE)


def test_boots_by_its_own_entry(bench):
    """The entry is made by the firmware's own shell, for the program where tools/install put it, and
    lies in variables that outlive the boot."""
    disk, wrote = install(bench)
    program = next(path for path in wrote if path.endswith(".efi")).replace("/", "\\")
    script = f'bcfg boot addp 0 fs0:\\{program} "Baton"\r\nreset -s\r\n'
    (bench.folder / "startup.nsh").write_text(script, newline="")
    subprocess.run(["mcopy", "-i", f"{disk}@@1048576", bench.folder / "startup.nsh", "::/"],
                   check=True)
    machine = Persistent(bench, SMALL, disk)
    with machine.running() as running:  # nothing to start, so the firmware comes to its shell
        running.wait_for(r"(?!)", 180)  # to the end
        assert re.search(r"[Aa]dd Boot\w+ as 0", running.log, re.IGNORECASE), running.log[-2000:]
    with machine.running() as running:
        assert running.wait_for(PROMPT, 120), running.log[-2000:]
        assert re.search(r'starting Boot\w{4} "Baton" from HD\(1,GPT,', running.log)


def test_boots_by_the_removable_path(bench):
    """With the kernel of its own build, whatever lies under the common name, as it does while an
    update is under way; and with the menu. The firmware's map is kept from this first start on."""
    disk, wrote = install(bench, "--removable", put=[("EFI/baton/kernel.elf", b"of another build")])
    own = next(path for path in wrote if "kernel-" in path).replace("/", "\\")
    boot = bench.boot(SMALL, disk=disk, until=PROMPT)
    assert boot.ended == "seen", str(boot)
    assert f"\\{own} at 0x" in boot.log
    for title in ("Baton, self-tests", "Baton, memory test", "Starts by itself in 3 s"):
        assert title in boot.log
    kept = subprocess.run(["mtype", "-i", f"{disk}@@1048576", "::/baton/map.txt"], capture_output=True, text=True,
                          check=True).stdout
    assert re.search(r"^[0-9a-f]{16}-[0-9a-f]{16} 7 ", kept, re.M), kept


def test_systemd_boot_starts_its_entry(bench):
    if not SYSTEMD_BOOT.exists():
        pytest.skip("systemd-boot is not here (Debian's systemd-boot-efi has it)")
    disk, _ = install(bench, put=[("EFI/BOOT/BOOTX64.EFI", SYSTEMD_BOOT.read_bytes()),
                                  ("loader/loader.conf", b"timeout 3\n")])
    with Persistent(bench, SMALL, disk).running() as running:
        assert running.wait_for(r"Boot in \d+ s", 120), running.log[-2000:]
        assert re.search(r"\bBaton\b", running.log)
        assert running.wait_for(PROMPT, 120), running.log[-2000:]
