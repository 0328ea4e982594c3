"""Baton as an entry of other boot loaders' menus, with options, as docs/stories.md has it."""

import pathlib
import shutil
import subprocess

import pytest

import log as read
from conftest import BUILD
from qemu import MIB, POWERED_OFF, Machine

SMALL = Machine(memory=128 * MIB)
SYSTEMD_BOOT = pathlib.Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
GRUB = pathlib.Path("/usr/lib/grub/x86_64-efi")
OPTIONS = "quiet=7 mem=100M poweroff"


def make_room(tree):
    """Baton steps aside for another loader, and has no options of its own that would do."""
    boot = tree / "EFI/BOOT/BOOTX64.EFI"
    boot.rename(tree / "EFI/baton/baton.efi")
    return boot


def assert_started_with_options(boot):
    assert (boot.ended, boot.status) == ("exit", POWERED_OFF), f"{boot}\n{boot.log[-2000:]}"
    line = read.find(boot.log, r"Command line: (.*)")
    assert line and line[1].strip() == OPTIONS, boot.log[-2000:]
    assert "Ledger: closed, 0 bytes unaccounted for" in boot.log


@pytest.mark.long
def test_systemd_boot(bench):
    if not SYSTEMD_BOOT.exists():
        pytest.skip("systemd-boot is not here (Debian's systemd-boot-efi has it)")

    def change(tree):
        shutil.copy(SYSTEMD_BOOT, make_room(tree))
        (tree / "loader/entries").mkdir(parents=True)
        (tree / "loader/entries/baton.conf").write_text(
            f"title Baton\nefi /EFI/baton/baton.efi\noptions {OPTIONS}\n")
    assert_started_with_options(bench.boot(SMALL, "selftest", change))


def make_grub(folder, modules, entry):
    """GRUB as one program, whose only entry starts at once."""
    if not GRUB.is_dir() or shutil.which("grub-mkstandalone") is None:
        pytest.skip("GRUB is not here (Debian's grub-efi-amd64-bin and grub-common have it)")
    config = folder / "grub.cfg"
    config.write_text("set timeout=0\nmenuentry it {\n" + "".join(f"  {line}\n" for line in entry) + "}\n")
    program = folder / "grub.efi"
    subprocess.run(["grub-mkstandalone", "--format=x86_64-efi", f"--directory={GRUB}",
                    f"--modules=part_gpt fat search search_fs_file {modules}", "--install-modules=normal",
                    "--locales=", "--themes=", "--fonts=", f"--output={program}",
                    f"boot/grub/grub.cfg={config}"], check=True)
    return program


def test_grub(bench):
    grub = make_grub(bench.folder, "chain", ["search --set=root --file /EFI/baton/baton.efi",
                                             f"chainloader /EFI/baton/baton.efi {OPTIONS}"])
    assert_started_with_options(bench.boot(SMALL, "selftest", lambda tree: shutil.copy(grub, make_room(tree))))


def test_the_allocator_in_a_kernel_that_grub_starts(bench):
    """examples/multiboot2: nothing of Baton's loader is there."""
    grub = make_grub(bench.folder, "multiboot2", ["search --set=root --file /kernel.elf", "multiboot2 /kernel.elf"])

    def change(tree):
        shutil.copy(grub, tree / "EFI/BOOT/BOOTX64.EFI")
        shutil.copy(BUILD / "ia32/examples/multiboot2.elf", tree / "kernel.elf")
    boot = bench.boot(SMALL, change=change, until=r"multiboot2: .*\n")
    assert "multiboot2: all is given back, and every byte has a name" in boot.log
    free, usable = (int(read.find(boot.log, rf"Ledger: +{name} +(\d+)")[1]) for name in ("free in buddy", "usable"))
    assert 100 * MIB < free < usable < 128 * MIB
