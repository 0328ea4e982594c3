"""With Secure Boot on: what a signature covers is taken, everything else is named and refused."""

import shutil

import pytest

import log as read
import qemu
import secure
import signing
from conftest import BUILD
from qemu import POWERED_OFF, Running
from test_bad_pages import _linux, put  # noqa: F401: a fixture

REFUSED = "refused, as Secure Boot is on"
BACK = "baton: going back to the firmware"


@pytest.fixture(name="keys")
def _keys(tmp_path):
    return secure.snakeoil(tmp_path)


def stranger(folder):
    """Somebody whom neither firmware nor shim knows."""
    return secure.own_keys(folder, "Stranger")


def refusal(bench, change, options="poweroff", machine=None, disk=None):
    """The log of a boot that Baton or the firmware ends before the kernel."""
    boot = bench.boot(machine or secure.pc(), options, change, disk=disk)
    assert boot.ended == "firmware", str(boot)
    assert not qemu.KERNEL_SPOKE.search(boot.log), "the kernel ran"
    return boot.log


def test_signed_by_the_owner(bench, keys):
    """One signature covers both programs; words that do harm only where the manifest has them."""
    def change(tree):
        secure.cover(tree, keys, ["EFI/baton/initrd.img"], ["mem=200M"])
        (tree / "loader").mkdir()
        (tree / "loader/loader.conf").write_text("editor yes\n")
        with open(tree / "EFI/baton/baton.conf", "a", encoding="ascii") as conf:
            conf.write("initrd \\EFI\\baton\\initrd.img\n")

    def initrd(tree):
        (tree / "EFI/baton/initrd.img").write_bytes(b"ramdisk" * 1000)
    boot = bench.boot(secure.pc(), "mem=200M memmap=1M$0x3000000 never-heard poweroff",
                      secure.signed(keys, initrd, change))
    assert boot.status == POWERED_OFF, str(boot)
    assert "Secure Boot is on: by \\EFI\\baton\\manifestx64.efi" in boot.log
    assert "Secure Boot: option memmap=1M$0x3000000 ignored" in boot.log
    assert "Secure Boot: option never-heard ignored" in boot.log
    assert read.find(boot.log, r"Command line: mem=200M poweroff$")
    assert read.find(boot.log, r"RAMDISK: \[mem ") or "RAMDISK" in boot.log
    assert read.find(boot.log, r"Ledger: closed, 0 bytes unaccounted for")


def test_nothing_that_is_not_covered(bench, keys):
    """A kernel with one bit changed, beside a manifest that covers it by somebody else's key."""
    def change(tree):
        kernel = tree / "EFI/baton/kernel.elf"
        content = bytearray(kernel.read_bytes())
        content[len(content) // 2] ^= 1
        kernel.write_bytes(content)
        secure.cover(tree, stranger(bench.folder), ["EFI/baton/kernel.elf"])
    said = refusal(bench, secure.signed(keys, change))
    assert ("the manifest is not used: \\EFI\\baton\\manifestx64.efi: the firmware does not accept its "
            "signature") in said
    assert f"\\EFI\\baton\\kernel.elf: is not what Baton was built with, and in no manifest: {REFUSED}" in said
    assert BACK in said


def test_under_shim(bench, keys):
    """The owner's key is shim's (MOK), which is asked about the manifest, too; SBAT has revoked what is
    older than this."""
    mok = secure.own_keys(bench.folder)

    def change(tree):
        secure.under_shim(tree, keys, mok)
        secure.cover(tree, mok, [], ["mem=200M"])
    store = secure.with_owner(bench.folder, mok, "sbat,1,2099010100\nshim,1\nbaton,1\n")
    boot = bench.boot(secure.pc(store), "poweroff mem=200M", change)
    assert boot.status == POWERED_OFF, str(boot)
    assert "Secure Boot is on: by \\EFI\\baton\\manifestx64.efi" in boot.log
    assert read.find(boot.log, r"Command line: poweroff mem=200M$")


@pytest.mark.long
def test_shim_refuses_what_sbat_has_revoked(bench, keys):
    mok = secure.own_keys(bench.folder)
    store = secure.with_owner(bench.folder, mok, "sbat,1,2099010100\nshim,1\nbaton,2\n")
    boot = bench.boot(secure.pc(store), "poweroff", lambda tree: secure.under_shim(tree, keys, mok),
                      timeout=90, until="Verification failed: .*Security Violation")
    assert boot.ended == "seen" and "Baton 0" not in boot.log, str(boot)


@pytest.mark.long
def test_under_shim_a_strangers_manifest_covers_nothing(bench, keys):
    mok = secure.own_keys(bench.folder)

    def change(tree):
        secure.under_shim(tree, keys, mok)
        secure.cover(tree, stranger(bench.folder), [], ["mem=200M"])
    boot = bench.boot(secure.pc(secure.with_owner(bench.folder, mok)), "poweroff mem=200M", change)
    assert boot.status == POWERED_OFF, str(boot)
    assert "shim does not accept its signature" in boot.log
    assert "Secure Boot: option mem=200M ignored" in boot.log


@pytest.mark.long
def test_an_older_shim_lets_the_machine_go(bench, keys, faulty):
    """Before version 16 it ended one whose boot loader had asked it about nothing."""
    boot = bench.boot(secure.pc(), "poweroff", _signed_faulty(bench, faulty, "old_shim", keys))
    assert boot.status == POWERED_OFF, str(boot)
    assert "faulty: shim was asked" in boot.log


@pytest.mark.long
@pytest.mark.parametrize("by", ["nobody", "a stranger"])
def test_firmware_refuses_the_application(bench, by):
    def change(tree):
        if by == "a stranger":
            secure.sign(tree / "EFI/BOOT/BOOTX64.EFI", stranger(bench.folder))
    said = refusal(bench, change)
    assert "Access Denied" in said and "Baton 0" not in said


@pytest.mark.long
def test_without_a_manifest(bench, keys):
    """What Baton carries is enough; an initrd is not among it."""
    boot = bench.boot(secure.pc(), "poweroff", secure.signed(keys))
    assert boot.status == POWERED_OFF, str(boot)
    assert "Secure Boot is on: what Baton carries is covered, and nothing else" in boot.log

    def change(tree):
        (tree / "initrd.img").write_bytes(b"ramdisk")
        (tree / "EFI/baton/baton.conf").write_text("initrd \\initrd.img\n")
    said = refusal(bench, secure.signed(keys, change), None)
    assert f"\\initrd.img: is in no manifest: {REFUSED}" in said


@pytest.mark.long
def test_a_kernel_of_ones_own(bench, keys):
    """Covered by the manifest under its path, and under no other."""
    def change(tree):
        shutil.copyfile(BUILD / "kernel.elf", tree / "mine.elf")  # with its symbols, so of another hash
        (tree / "EFI/baton/baton.conf").write_text("kernel \\mine.elf\noptions poweroff\n")
        secure.cover(tree, keys, ["mine.elf"])
    boot = bench.boot(secure.pc(), None, secure.signed(keys, change))
    assert boot.status == POWERED_OFF, str(boot)

    def elsewhere(tree):
        change(tree)
        (tree / "mine.elf").rename(tree / "other.elf")
        (tree / "EFI/baton/baton.conf").write_text("kernel \\other.elf\noptions poweroff\n")
    assert f"\\other.elf: is not what Baton was built with, and in no manifest: {REFUSED}" in refusal(
        bench, secure.signed(keys, elsewhere), None)


@pytest.mark.long
def test_a_manifest_that_says_nonsense(bench, keys):
    def change(tree):
        image = signing.manifest("x64", b"options mem=200M\nkernel anything\n")
        (tree / "EFI/baton/manifestx64.efi").write_bytes(signing.sign(image, keys))
    boot = bench.boot(secure.pc(), "poweroff mem=200M", secure.signed(keys, change))
    assert boot.status == POWERED_OFF, str(boot)
    assert "manifestx64.efi: line 2 cannot be read, neither sha256 nor options" in boot.log
    assert "Secure Boot: option mem=200M ignored" in boot.log


def _signed_faulty(bench, faulty, name, keys, *more):
    def change(tree):
        faulty(name)(tree)
        for program in ("BOOTX64.EFI", "BATON.EFI"):
            secure.sign(tree / "EFI/BOOT" / program, keys)
        for each in more:
            each(tree)
    return change


@pytest.mark.long
def test_a_kernel_that_is_swapped_after_it_was_read(bench, keys, faulty):
    """It was read once, and that is what runs."""
    boot = bench.boot(secure.pc(), "poweroff", _signed_faulty(bench, faulty, "swapped_kernel", keys))
    assert boot.status == POWERED_OFF, str(boot)
    assert "Secure Boot is on" in boot.log


def _other(tree, keys, content=None, options="poweroff", entry="efi /other.efi\n"):
    """Another program in the menu, which is started by default: one that says that it cannot."""
    program = signing.manifest("x64", b"")
    (tree / "other.efi").write_bytes(content or (signing.sign(program, keys) if keys else program))
    (tree / "loader/entries").mkdir(parents=True)
    (tree / "loader/loader.conf").write_text("default other\ntimeout 0\n")
    (tree / "loader/entries/other.conf").write_text(f"title Other\n{entry}")
    (tree / "EFI/baton/baton.conf").write_text(f"options {options}\n")


@pytest.mark.long
@pytest.mark.parametrize("by", ["the owner", "nobody", "swapped"])
def test_guard_with_secure_boot_on(bench, keys, faulty, by):
    """It starts what is signed, in the memory in which that was verified, and nothing else."""
    def change(tree):
        put(tree, "0x5000000\n")
        _other(tree, keys if by != "nobody" else None, options="guard")
    whole = (_signed_faulty(bench, faulty, "swapped_program", keys, change) if by == "swapped" else
             secure.signed(keys, change))
    said = refusal(bench, whole, None)
    assert read.find(said, r"bad pages: 1 ranges are listed; 4 KiB kept")
    assert "guard: starting Other" in said
    assert ("/other.efi: came back with an error, Unsupported" if by == "the owner" else
            "/other.efi: cannot be loaded, Access Denied") in said.replace("\\", "/"), said
    assert BACK in said


@pytest.mark.long
@pytest.mark.parametrize("covered", [True, False])
def test_guard_starts_a_signed_linux(bench, keys, linux, covered):
    """With its initrd, by LoadFile2, where the manifest covers that."""
    kernel, initramfs = linux

    def change(tree):
        put(tree, "0x5000000-0x5002fff\n")
        shutil.copyfile(initramfs, tree / "initrd")
        shutil.copyfile(kernel, tree / "other.efi")
        secure.sign(tree / "other.efi", keys)
        _other(tree, keys, (tree / "other.efi").read_bytes(), "guard",
               "linux /other.efi\ninitrd /initrd\noptions console=ttyS0 panic=-1 initrd=\\evil\n")
        if covered:
            secure.cover(tree, keys, ["initrd"])
    disk = bench.disk(None, secure.signed(keys, change))
    if not covered:
        assert f"/initrd: is in no manifest: {REFUSED}" in refusal(bench, None, None, disk=disk).replace("\\", "/")
        return
    with Running(secure.pc(memory=512 * qemu.MIB), disk, bench.folder) as running:
        assert running.wait_for(r"=== DONE ===", 500), running.log[-3000:]
        log = running.log
    assert "Secure Boot: initrd=\\evil is not passed on" in log
    assert "Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID device path" in log, log[:6000]
    assert "BIOS-e820: [mem 0x0000000005000000-0x0000000005002fff] unusable" in log


@pytest.mark.long
def test_nobody_edits_options(bench, keys):
    """`e` does nothing in the menu; the page of tests stays."""
    def change(tree):
        _other(tree, keys, options="poweroff")
        (tree / "loader/loader.conf").write_text("default baton\ntimeout 30\neditor yes\n")
        (tree / "loader/entries/baton.conf").write_text("title Baton\nefi /EFI/BOOT/BOOTX64.EFI\n")
    with bench.start(secure.pc(), None, secure.signed(keys, change)) as running:
        assert running.wait_for(r"t tests for this start", 90), running.log[-3000:]
        assert "e edit options" not in running.log
        running.send("e xyz\r")
        assert running.wait_for(r"Command line: poweroff$", 60), running.log[-3000:]


@pytest.mark.long
def test_on_arms_machines(bench, keys):
    """The same code; the application of that architecture."""
    machine = secure.aarch64()

    def change(tree):
        secure.sign(tree / "EFI/BOOT/BOOTAA64.EFI", keys)
        secure.cover(tree, keys, [], ["mem=1200M"], "aa64")
    boot = bench.boot(machine, "mem=1200M memmap=1M$0x50000000 poweroff", change)
    assert boot.status == POWERED_OFF, str(boot)
    assert "Secure Boot is on: by \\EFI\\baton\\manifestaa64.efi" in boot.log
    assert "Secure Boot: option memmap=1M$0x50000000 ignored" in boot.log

    def unsigned(tree):
        secure.cover(tree, None, [], ["mem=1200M"], "aa64")
        secure.sign(tree / "EFI/BOOT/BOOTAA64.EFI", keys)
    boot = bench.boot(machine, "mem=1200M poweroff", unsigned)
    assert boot.status == POWERED_OFF, str(boot)
    assert "the firmware does not accept its signature" in boot.log


@pytest.mark.long
@pytest.mark.parametrize("arch", [qemu.IA32, qemu.ARM], ids=lambda arch: arch.name)
def test_memory_that_the_firmware_protects(bench, faulty, arch):
    """The code that changes page tables lies in memory from the firmware: it is made executable there.
    (That of 64 bits runs where it was loaded.)"""
    machine = qemu.Machine(memory=256 * qemu.MIB, built_for=arch.name, kind=next(iter(arch.most_cpus)))
    boot = bench.boot(machine, "poweroff", faulty("protected_memory", arch))
    assert "faulty: read-only pages were made executable" in boot.log
    assert boot.status == POWERED_OFF, str(boot)
