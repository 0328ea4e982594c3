"""Bad pages: found by one run, written down by the next start, and kept from whatever it starts."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import log as read
import qemu
from conftest import BUILD, ROOT
from persistent import Persistent
from qemu import FAILED, MIB, POWERED_OFF, Machine, Running, make_disk
from test_selftests import forgetful_memory

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "referee"))
import debian  # noqa: E402

SMALL = Machine(memory=192 * MIB)
LIST = "badpages.txt"


def put(tree, text):
    (tree / "baton").mkdir()
    (tree / "baton" / LIST).write_text(text)


def content(disk, name=LIST):
    return subprocess.run(["mtype", "-i", f"{disk}@@1048576", f"::/baton/{name}"],
                          capture_output=True, text=True, check=True).stdout


def test_what_memtest_finds_is_kept_from_the_next_start(bench):
    """Two starts of one machine on forgetful memory."""
    broken = Machine(memory=72 * MIB)
    disk = make_disk(bench.folder / "disk.img", BUILD / "esp", "", forgetful_memory)
    machine = Persistent(bench, broken, disk)
    # Without KASLR, whose place for the kernel may be on one of the pages that this memory forgets.
    words = "memtest=quick nokaslr poweroff"
    first = machine.boot(words)
    assert first.status == FAILED, str(first)
    found = read.find(first.log, r"bad pages: (\d+) ranges left with the firmware")
    assert found, first.log[-3000:]
    bad = re.findall(r"memmap=4K\$(0x\w+)", read.find(first.log, r"memtest: Linux:(.*)$")[1])
    assert len(bad) == int(found[1]) > 0
    # QEMU's only module, whatever is not told about addresses.
    pull = read.find(first.log, r"memtest: pull first: (DIMM 0: (\d+) of \2 errors)$")
    assert pull, first.log[-3000:]

    second = machine.boot(words)
    assert f"\\baton\\badpages.txt: {len(bad)} of what the last run found are new" in second.log
    listed = content(disk)
    held = 0
    for address in bad:
        assert re.search(rf"^0x{int(address, 16):016x}-0x{int(address, 16) + 4095:016x} .*"
                         r"memtest\.address-lines in DIMM 0 sum=[0-9a-f]{8}$", listed, re.M), listed
        page = rf"\[mem 0x{int(address, 16):016x}-0x{int(address, 16) + 4095:016x}\]"
        if re.search(f"bad pages: {page}: the firmware has it itself", second.log):
            held += 1
        else:
            assert re.search(f"{page} unusable", second.log), address
    assert held < len(bad)
    if held:
        assert read.find(second.log, rf"Ledger:   BAD PAGES +{4096 * held}$")
    report = json.loads(content(disk, re.search(r"report-\S+", second.log)[0].replace("*", "").rsplit(".", 1)[0] + ".json"))
    assert report["pull_first"] == pull[1].rstrip()
    # None of them is tested, as nobody has them.
    assert not re.search(r"error at (?:" + "|".join(bad) + r")\b", second.log)
    assert read.find(second.log, r"Ledger: closed, 0 bytes unaccounted for")


def test_a_list_by_hand(bench):
    """What is free is withheld, what the firmware has is named, nothing that is wrong does harm."""
    def change(tree):
        put(tree, "0x5000000-0x5001fff mine\n"
                  "0x0900\n"              # page 0: the firmware's
                  "nonsense\n"
                  "0x900000000-0x900000fff no RAM\n"
                  "0x6000000-0x6000f")  # cut off
        conf = tree / "EFI/baton/baton.conf"
        conf.write_text("options selftest=mm,machine poweroff\nbadpages 0x5800123\n")
    boot = qemu.boot(SMALL, make_disk(bench.folder / "disk.img", BUILD / "esp", None, change),
                     bench.folder, 180)
    print(boot.log)
    assert boot.status == qemu.PASSED, str(boot)
    assert "badpages.txt: line 3 ignored: it does not begin with an address below 2^52" in boot.log
    assert "badpages.txt: line 5 ignored: it has no end and may be cut off" in boot.log
    assert read.find(boot.log, r"bad pages: 4 ranges are listed; 12 KiB kept from whatever is started")
    assert "bad pages: 4 KiB of them are in no memory of this machine" in boot.log
    for last in ("05001fff", "05800fff"):
        assert re.search(rf"0x00000000{last}\] unusable", boot.log), last
    assert not re.search(r"06000fff\] unusable", boot.log)
    assert read.find(boot.log, r"Ledger: closed, 0 bytes unaccounted for")


def test_a_list_of_anything(bench):
    """300 KiB of it, a list that was being written when the power failed, and one that lists all there is: what
    the firmware and Baton themselves have, and far more than 64 pieces. The machine starts, or says what is wrong."""
    def too_long(tree):
        put(tree, "0x5000000\n" * 30000)
    boot = bench.boot(SMALL, "poweroff", too_long)
    assert boot.status == POWERED_OFF, str(boot)
    assert "badpages.txt: is too long, and not read" in boot.log

    def cut_short(tree):
        put(tree, "0x5000000-0x50")
        (tree / "baton/badpages.new").write_text("0x5400000\n# end of the list\n")
    boot = bench.boot(SMALL, "poweroff", cut_short)
    assert boot.status == POWERED_OFF, str(boot)
    assert "was not written whole; going by \\baton\\badpages.new" in boot.log
    assert re.search(r"0x0000000005400fff\] unusable", boot.log)

    def everything(tree):
        put(tree, "0-0xfffffffffffff all of it\n" + "".join(f"{i * 0x2000:#x}\n" for i in range(20000)))
    boot = bench.boot(SMALL, "poweroff", everything)
    assert boot.status == POWERED_OFF, str(boot)
    assert re.search(r"bad pages: the list: would take more than half of the \d+ KiB that are free below "
                     r"0x100000: not believed, and nothing is kept", boot.log), boot.log
    assert read.find(boot.log, r"Ledger: closed, 0 bytes unaccounted for")


@pytest.fixture(scope="module", name="linux")
def _linux():
    try:
        packages = debian.Packages(BUILD / "debian")
        return debian.Kernel(packages).image, debian.initramfs(packages)[0]
    except debian.FetchError as error:
        return pytest.skip(f"no other system to start: {error}")


@pytest.mark.parametrize("timeout", [pytest.param(0, marks=pytest.mark.long), 1])
def test_guard_starts_linux_without_them(bench, linux, timeout):
    """Debian's kernel finds the pages unusable in its map, and counts them as nobody's."""
    bad = [(0x5000000, 0x5002fff), (0x7000000, 0x7000fff)]
    kernel, initramfs = linux

    def change(tree):
        put(tree, "".join(f"{first:#x}-{last:#x}\n" for first, last in bad))
        shutil.copytree(ROOT / "esp/loader", tree / "loader")
        shutil.copyfile(kernel, tree / "vmlinuz")
        shutil.copyfile(initramfs, tree / "initrd")
        (tree / "loader/loader.conf").write_text(f"default baton-guard\ntimeout {timeout}\n")
        (tree / "loader/entries/linux.conf").write_text(
            "title Linux\nlinux /vmlinuz\ninitrd /initrd\n"
            "options console=ttyS0 efi=debug log_buf_len=4M panic=-1 no_timer_check\n")
        (tree / "EFI/baton/baton.conf").write_text("options guard\n")
    machine = Machine(memory=512 * MIB)
    disk = make_disk(bench.folder / "disk.img", BUILD / "esp", None, change)
    with Running(machine, disk, bench.folder) as running:
        assert running.wait_for(r"=== DONE ===", 400), running.log[-3000:]
        log = running.log
    # The menu first, where its timeout is not 0.
    assert bool(re.search(r"Starts by itself in 1 s", log)) == bool(timeout)
    assert "guard: starting Linux" in log or timeout
    for first, last in bad:
        assert re.search(rf"BIOS-e820: \[mem 0x{first:016x}-0x{last:016x}\] unusable", log), log
        assert re.search(rf"{first:08x}-{last:08x} : Unusable memory", log), log


def test_guard_in_front_of_the_firmwares_order(bench, linux):
    """As `tools/install guard` leaves it: Boot0000 is the guard, and what comes next is started by the
    firmware itself, with the pages still taken. The firmware's shell makes the entries."""
    kernel, initramfs = linux
    make = ["@echo -off",
            r'bcfg boot add 3 fs0:\EFI\baton\batonx64.efi "Baton guard"',
            r"bcfg boot -opt 3 fs0:\guard.txt", "bcfg boot mv 3 0",
            r'bcfg boot add 3 fs0:\vmlinuz "Linux"', r"bcfg boot -opt 3 fs0:\linux.txt",
            "bcfg boot mv 3 1", "reset -s"]

    def change(tree):
        put(tree, "0x5000000-0x5002fff\n")
        shutil.copytree(ROOT / "esp/loader", tree / "loader")
        for entry in (tree / "loader/entries").iterdir():
            entry.write_text(entry.read_text().replace("BOOT/BOOTX64.EFI", "baton/batonx64.efi"))
        (tree / "EFI/BOOT/BOOTX64.EFI").rename(tree / "EFI/baton/batonx64.efi")
        shutil.copyfile(kernel, tree / "vmlinuz")
        shutil.copyfile(initramfs, tree / "initrd")
        for name, options in (("guard", "guard"), ("linux", r"initrd=\initrd console=ttyS0 panic=-1")):
            (tree / f"{name}.txt").write_bytes(f"{options}\0".encode("utf-16-le"))
        (tree / "startup.nsh").write_text("\r\n".join(make) + "\r\n")
    disk = make_disk(bench.folder / "disk.img", BUILD / "esp", None, change)
    machine = Persistent(bench, Machine(memory=512 * MIB), disk)
    with machine.running() as running:
        running.wait_for(r"(?!)", 120)
        assert running.process.wait(timeout=10) == POWERED_OFF, running.log[-3000:]
    with machine.running() as running:
        assert running.wait_for(r"=== DONE ===|baton> ", 200), running.log[-3000:]
        log = running.log
    assert "guard: no boot entry of another system" in log
    assert re.search(r"BIOS-e820: \[mem 0x0000000005000000-0x0000000005002fff\] unusable", log), log
    assert re.search(r"05000000-05002fff : Unusable memory", log), log


def test_guard_without_another_system_goes_back(bench):
    """Then the firmware goes on with what comes next, and the pages stay taken: here Baton once more, for
    which they are no change of the firmware's map."""
    def change(tree):
        put(tree, "0x5000000\n0x5400000-0x5401fff\n")
        (tree / "EFI/baton/baton.conf").write_text("options guard\n")
        (tree / "startup.nsh").write_text("fs0:\\EFI\\BOOT\\BOOTX64.EFI selftest=efi.map.boots poweroff\r\n")
    disk = make_disk(bench.folder / "disk.img", BUILD / "esp", None, change)
    with Running(SMALL, disk, bench.folder) as running:
        assert running.wait_for(r"guard: no boot entry of another system", 60), running.log
        assert running.wait_for(r"going back to the firmware", 30), running.log
        running.wait_for(r"(?!)", 60)
        assert running.process.wait(timeout=10) == qemu.PASSED, running.log[-3000:]
        log = running.log
    assert "the firmware's memory map has changed" not in log
    assert read.find(log, r"\s*ok \d+ efi\.map\.boots$")
    assert re.search(r"BIOS-e820: \[mem 0x0000000005400000-0x0000000005401fff\] unusable", log), log
