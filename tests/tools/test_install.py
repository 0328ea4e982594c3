"""tools/install on directories and on FAT images."""

import json
import re
import resource
import shutil
import subprocess

import pytest

from conftest import ROOT, TOOLS
from esps import (ESP_TYPE, KERNEL, PARTUUID, PROGRAM, OnDirectory, OnDisk, OnImage, built,
                  expected, kernel_path)


@pytest.fixture(params=[OnDirectory, OnImage, OnDisk])
def esp(request, tmp_path):
    return request.param(tmp_path)


def names(esp):
    return {name.lower() for name in esp.files()}


@pytest.mark.parametrize("arch", ["aa64", "ia32"])
def test_another_architectures(bench, esp, arch):
    tree = built(bench.folder, arch=arch)
    options = ["--esp", esp.path, "--no-variables"]
    said = bench.run("install", "install", *options, "--from", tree, "--removable")
    assert said.status == 0, said
    program = f"EFI/baton/baton{arch}.efi"
    boot_file = f"EFI/BOOT/BOOT{arch.upper()}.EFI"
    assert names(esp) == {name.lower() for name in (expected() - {PROGRAM}) | {
        program, boot_file, "loader/loader.conf"}}
    entry = next(content for path, content in esp.files().items() if path.endswith("/baton.conf")
                 and "entries" in path)
    assert re.search(rf"^efi +/{program}$".encode(), entry, re.M), entry
    assert re.search(rf"^architecture +{arch}$".encode(), entry, re.M), entry
    again = bench.run("install", "update", *options, "--from", tree)
    assert again.status == 0 and "nothing to do" in again.out, again
    said = bench.run("install", "status", *options)
    assert f"{program}: Baton 0.1.0, its kernel is {kernel_path(KERNEL)}" in said.out, said
    wrong = bench.run("install", "update", *options, "--from", built(bench.folder))
    assert wrong.status == 1 and f"not installed there ({PROGRAM})" in wrong.err, wrong
    said = bench.run("install", "remove", *options)
    assert said.status == 0 and not esp.files(), said


def test_two_architectures_beside_each_other(bench, esp):
    """Each keeps its kernel, its entries and its version."""
    options = ["--esp", esp.path, "--no-variables"]
    for arch, kernel in (("x64", KERNEL), ("ia32", b"another")):
        said = bench.run("install", "install", *options, "--from",
                         built(bench.folder, "0.1.0", kernel, arch))
        assert said.status == 0, said
    more = {f"loader/entries/{name}-ia32.conf" for name in ("baton", "baton-selftest",
                                                            "baton-memtest", "baton-guard")}
    both = expected() | more | {"EFI/baton/batonia32.efi", kernel_path(b"another"),
                                "loader/loader.conf"}
    assert names(esp) == {name.lower() for name in both}
    newer = built(bench.folder, "0.2.0", b"newer", "ia32")
    said = bench.run("install", "update", *options, "--from", newer)
    assert said.status == 0 and "0.1.0 became 0.2.0" in said.out, said
    both = (both - {kernel_path(b"another")}) | {kernel_path(b"newer")}
    assert names(esp) == {name.lower() for name in both}
    said = bench.run("install", "status", *options)
    assert f"{PROGRAM}: Baton 0.1.0" in said.out and "batonia32.efi: Baton 0.2.0" in said.out, said
    said = bench.run("install", "remove", *options)
    assert said.status == 0 and not esp.files(), said


def test_a_kernel_of_64_bits_for_mixed_mode(bench, esp):
    """It has a name of its own, too, and may be that which the other architecture installs."""
    options = ["--esp", esp.path, "--no-variables"]
    wide = b"64 bits" * 100

    def place(kernel):
        return kernel_path(kernel).lower()

    tree = built(bench.folder, kernel=b"32 bits", arch="ia32", wide=wide)
    said = bench.run("install", "install", *options, "--from", tree)
    assert said.status == 0, said
    assert {place(b"32 bits"), place(wide)} <= names(esp)
    said = bench.run("install", "status", *options)
    assert f"batonia32.efi: Baton 0.1.0, its kernel for 64 bits is {kernel_path(wide)}" in said.out, said

    both = built(bench.folder, kernel=wide)
    said = bench.run("install", "install", *options, "--from", both)
    assert said.status == 0 and kernel_path(wide) not in said.out, said
    newer = built(bench.folder, "0.2.0", kernel=b"newer")
    said = bench.run("install", "update", *options, "--from", newer)
    assert said.status == 0 and {place(b"newer"), place(wide)} <= names(esp), said
    newer = built(bench.folder, "0.2.0", kernel=b"32 bits", arch="ia32", wide=b"newer")
    said = bench.run("install", "update", *options, "--from", newer)
    assert said.status == 0, said
    assert {name for name in names(esp) if "kernel" in name} == {place(b"newer"), place(b"32 bits")}
    said = bench.run("install", "remove", *options)
    assert said.status == 0 and not esp.files(), said


def test_a_kernel_of_64_bits_of_another_build(bench, esp):
    tree = built(bench.folder, arch="ia32", wide=b"64 bits")
    (tree / "EFI/baton/kernel64.elf").write_bytes(b"of another build")
    said = bench.run("install", "install", "--esp", esp.path, "--no-variables", "--from", tree)
    assert said.status == 1 and "kernel64.elf are not of one build" in said.err, said
    assert not esp.files()


def test_install_update_remove(bench, esp):
    esp.put("EFI/other/file", b"theirs")
    esp.put("loader/loader.conf", b"timeout 5\n")
    theirs = esp.files()
    tree = built(bench.folder)
    said = bench.run("install", "install", "--esp", esp.path, "--from", tree, "--no-variables")
    assert said.status == 0, said
    files = esp.files()
    assert names(esp) == {name.lower() for name in expected() | set(theirs)}
    for name, title, options in (("baton", b"Baton", None),
                                 ("baton-selftest", b"Baton, self-tests", b"selftest"),
                                 ("baton-memtest", b"Baton, memory test", b"memtest"),
                                 ("baton-guard", b"Baton, guard another system", b"guard")):
        entry = next(content for path, content in files.items()
                     if path.endswith(f"entries/{name}.conf"))
        assert re.search(rb"^title +" + title + rb"$", entry, re.M), entry
        assert re.search(rb"^version +0\.1\.0$", entry, re.M), entry
        assert re.search(rb"^efi +/EFI/baton/batonx64\.efi$", entry, re.M), entry
        found = re.search(rb"^options +(.*)$", entry, re.M)
        assert (found and found[1]) == options, entry

    again = bench.run("install", "update", "--esp", esp.path, "--from", tree, "--no-variables")
    assert again.status == 0 and "nothing to do" in again.out, again
    assert esp.files() == files

    newer = built(bench.folder, "0.10.0", b"new kernel")
    said = bench.run("install", "update", "--esp", esp.path, "--from", newer, "--no-variables")
    assert said.status == 0 and "0.1.0 became 0.10.0" in said.out, said
    assert names(esp) == {name.lower() for name in expected(b"new kernel") | set(theirs)}
    older = bench.run("install", "update", "--esp", esp.path, "--from", tree, "--no-variables")
    assert older.status == 0 and "nothing to do" in older.out, older
    assert b"new kernel" in esp.files().values()

    said = bench.run("install", "status", "--esp", esp.path, "--no-variables")
    assert f"{PROGRAM}: Baton 0.10.0, its kernel is {kernel_path(b'new kernel')}" in said.out, said

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


def test_what_baton_leaves_has_its_place(bench, esp):
    """`install` makes it, so that the firmware's map is kept from the first start on; `remove` takes what is
    Baton's alone, and what is a person's when it is told to."""
    run = ("--esp", esp.path, "--no-variables")
    tree = built(bench.folder)
    said = bench.run("install", "install", *run, "--from", tree)
    assert said.status == 0 and "made baton/" in said.out, said
    assert "baton" in {folder.lower() for folder in esp.folders()}
    again = bench.run("install", "install", *run, "--from", tree)
    assert "made baton/" not in again.out and "(it was already)" in again.out, again
    for name in ("map.txt", "map.old", "badpages.txt", "lastrun.txt", "report-20261120-101112.txt"):
        esp.put(f"baton/{name}", b"0x1000\n")
    said = bench.run("install", "remove", *run)
    assert said.status == 0 and "keeps 1 report(s)" in said.out and "remove --all" in said.out, said
    assert names(esp) == {f"baton/{name}" for name in ("badpages.txt", "lastrun.txt", "report-20261120-101112.txt")}
    said = bench.run("install", "remove", "--all", *run)
    assert said.status == 0 and not esp.files() and not esp.folders(), said


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


def test_a_menu_where_nobody_has_one(bench, esp):
    """loader.conf is brought and taken away only where nobody else's menu reads it."""
    run = ("--esp", esp.path, "--from", built(bench.folder), "--no-variables")
    assert bench.run("install", "install", *run).status == 0
    assert names(esp) == {name.lower() for name in expected() | {"loader/loader.conf"}}
    assert (ROOT / "esp/loader/loader.conf").read_bytes() in esp.files().values()
    assert bench.run("install", "remove", "--esp", esp.path, "--no-variables").status == 0
    assert not esp.files() and not esp.folders()

    esp.put("loader/entries/debian.conf", b"title Debian\nlinux /vmlinuz\n")
    theirs = esp.files()
    assert bench.run("install", "install", *run).status == 0
    assert names(esp) == {name.lower() for name in expected() | set(theirs)}
    assert bench.run("install", "remove", "--esp", esp.path, "--no-variables").status == 0
    assert esp.files() == theirs


def test_entries_that_lead_to_us_go_with_us(bench, esp):
    run = ("--esp", esp.path, "--from", built(bench.folder), "--no-variables")
    assert bench.run("install", "install", *run).status == 0
    esp.put("loader/entries/mine.conf", b"title Mine\nefi \\EFI\\Baton\\BATONX64.EFI\noptions bench\n")
    esp.put("loader/entries/baton.conf", b"title Elsewhere\nefi /EFI/other/other.efi\n")
    assert bench.run("install", "remove", "--esp", esp.path, "--no-variables").status == 0
    assert names(esp) == {"loader/entries/baton.conf", "loader/loader.conf"}  # which it may need


def test_an_edited_entry_is_kept(bench, esp):
    run = ("--esp", esp.path, "--from", built(bench.folder), "--no-variables")
    assert bench.run("install", "install", *run).status == 0
    mine = b"title Baton, memory test\nefi /EFI/baton/batonx64.efi\noptions memtest=full\n"
    esp.put("loader/entries/baton-memtest.conf", mine)
    newer = built(bench.folder, "0.2.0", b"newer")
    said = bench.run("install", "update", "--esp", esp.path, "--from", newer, "--no-variables")
    assert said.status == 0 and "keeping loader/entries/baton-memtest.conf" in said.out, said
    assert mine in esp.files().values()
    entry = next(content for path, content in esp.files().items() if "selftest" in path)
    assert b"version      0.2.0\n" in entry


def test_another_build_of_the_same_version(bench, esp):
    """It is contents that are compared."""
    run = ("--esp", esp.path, "--no-variables")
    bench.run("install", "install", "--removable", *run, "--from", built(bench.folder))
    other = built(bench.folder, kernel=b"other kernel")
    said = bench.run("install", "update", *run, "--from", other)
    assert said.status == 0 and "is as ours is now" in said.out, said
    files = esp.files()
    program = (other / "EFI/BOOT/BOOTX64.EFI").read_bytes()
    assert list(files.values()).count(program) == 2
    assert [content for name, content in files.items() if "kernel" in name] == [b"other kernel"]
    said = bench.run("install", "update", *run, "--from", other)
    assert said.status == 0 and "nothing to do" in said.out and esp.files() == files, said


def test_a_damaged_kernel_is_mended(bench, esp):
    run = ("--esp", esp.path, "--from", built(bench.folder), "--no-variables")
    bench.run("install", "install", *run)
    files = esp.files()
    esp.put(kernel_path(KERNEL), b"half a ker")
    assert bench.run("install", "update", *run).status == 0
    assert esp.files() == files


def test_a_copied_tree(bench, esp):
    """Somebody copied build/esp to the ESP, with the kernel under its common name."""
    old, new = built(bench.folder), built(bench.folder, "0.2.0", b"newer")
    for source in (path for path in old.rglob("*") if path.is_file()):
        esp.put(str(source.relative_to(old)), source.read_bytes())
    esp.put("loader/entries/baton-memtest.conf", b"title Mine\nefi /EFI/BOOT/BOOTX64.EFI\n")
    run = ("--esp", esp.path, "--no-variables")
    said = bench.run("install", "update", *run, "--from", new)
    assert said.status == 0 and "0.1.0 became 0.2.0" in said.out, said
    assert names(esp) == {name.lower() for name in (expected(b"newer") - {PROGRAM}) | {
        "EFI/BOOT/BOOTX64.EFI", "loader/loader.conf"}}
    entry = next(content for path, content in esp.files().items() if "selftest" in path)
    assert b"efi          /EFI/BOOT/BOOTX64.EFI\n" in entry
    assert bench.run("install", "remove", *run).status == 0
    assert not esp.files()


def test_the_old_pair_stays_while_something_needs_it(bench, esp):
    """The removable path has an older Baton, which `install` alone does not touch."""
    old, new = built(bench.folder), built(bench.folder, "0.2.0", b"newer")
    for path in ("EFI/BOOT/BOOTX64.EFI", "EFI/baton/kernel.elf"):
        esp.put(path, (old / path).read_bytes())
    run = ("--esp", esp.path, "--no-variables")
    assert bench.run("install", "install", *run, "--from", new).status == 0
    files = esp.files()
    assert KERNEL in files.values() and b"newer" in files.values()
    assert bench.run("install", "update", *run, "--from", new).status == 0
    assert KERNEL not in esp.files().values()


def test_a_mixed_tree_is_refused(bench, esp):
    tree = built(bench.folder)
    (tree / "EFI/baton/kernel.elf").write_bytes(b"of another build")
    said = bench.run("install", "install", "--esp", esp.path, "--from", tree, "--no-variables")
    assert said.status == 1 and "not of one build" in said.err, said
    assert not esp.files()


def test_two_at_a_time(bench, esp):
    run = ("--esp", esp.path, "--from", built(bench.folder), "--no-variables")
    holder = subprocess.Popen(["flock", esp.path, "cat"], stdin=subprocess.PIPE)
    try:
        subprocess.run(["timeout", "30", "sh", "-c", "while flock -n \"$0\" true; do :; done",
                        esp.path], check=True)
        said = bench.run("install", "install", *run)
        assert said.status == 1 and "somebody else is changing it" in said.err, said
        assert not esp.files()
    finally:
        holder.communicate()
    assert bench.run("install", "install", *run).status == 0


# --- Variables and finding the ESP ---------------------------------------------------------------

BOOT_ENTRIES = ("BootCurrent: 0000\nBootOrder: 0000,0003\n"
                f"Boot0000* Debian\tHD(1,GPT,{PARTUUID})/File(\\EFI\\debian\\shimx64.efi)\n")
OUR_ENTRY = f"Boot0003* Baton\tHD(1,GPT,{PARTUUID})/File(\\EFI\\baton\\batonx64.efi)\n"
OTHER_DISK = "Boot0004* Baton\tHD(1,GPT,99999999-2222-4333-8444-555555555555)" \
             "/File(\\EFI\\baton\\batonx64.efi)\n"


def machine(bench, esp_path, more=(), secure_boot=True):
    """A machine with UEFI variables and one ESP."""
    sysfs = bench.folder / "sys"
    efivars = sysfs / "firmware/efi/efivars"
    efivars.mkdir(parents=True)
    guid = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
    (efivars / f"SecureBoot-{guid}").write_bytes(b"\6\0\0\0" + bytes([secure_boot]))
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


def test_guard_is_started_first_and_undone(bench, tmp_path):
    esp = OnDirectory(tmp_path)
    esp.put("EFI/Microsoft/Boot/bootmgfw.efi", b"MZ")
    sysfs = machine(bench, esp.path, secure_boot=False)
    run = ("--from", built(bench.folder), "--sysfs", sysfs)
    bench.answers("efibootmgr", BOOT_ENTRIES + OTHER_DISK)
    said = bench.run("install", "guard", *run)
    assert said.status == 0 and "BitLocker" in said.out and "remove` undoes" in said.out, said
    assert "badpages.txt is not there yet" in said.out
    created = [call for call in bench.called() if "--create" in call]
    assert [call.split("--label ")[1] for call in created] == [
        "Baton --loader \\EFI\\baton\\batonx64.efi",
        "Baton guard --loader \\EFI\\baton\\batonx64.efi --unicode guard"]

    # With both there: the guard, what was there before, Baton itself.
    guard = OUR_ENTRY.replace("Boot0003* Baton\t", "Boot0005* Baton guard\t")
    bench.calls.unlink()
    bench.answers("efibootmgr", BOOT_ENTRIES.replace("0000,0003", "0003,0000,0005") + OUR_ENTRY
                  + guard + OTHER_DISK)
    esp.put("baton/badpages.txt", b"# mine\n0x1000\n")
    said = bench.run("install", "guard", *run)
    assert said.status == 0 and "starts Baton guard first" in said.out, said
    assert not any("--create" in call for call in bench.called())
    assert "efibootmgr --bootorder 0005,0000,0003" in bench.called()
    assert "bad pages:    1 lines" in bench.run("install", "status", "--sysfs", sysfs).out

    said = bench.run("install", "remove", "--sysfs", sysfs)
    assert said.status == 0 and "no system is kept from these pages any more" in said.out, said
    deleted = [call for call in bench.called() if "--delete-bootnum" in call]
    assert deleted == [f"efibootmgr --bootnum {number} --delete-bootnum" for number in ("0003", "0005")]
    assert set(esp.files()) == {"EFI/Microsoft/Boot/bootmgfw.efi", "baton/badpages.txt"}


def test_guard_is_signed_where_secure_boot_is_on(bench, tmp_path):
    esp = OnDirectory(tmp_path)
    sysfs = machine(bench, esp.path)
    bench.answers("efibootmgr", BOOT_ENTRIES)
    said = bench.run("install", "guard", "--from", built(bench.folder), "--sysfs", sysfs)
    assert said.status == 1 and "Secure Boot is on" in said.err, said
    assert not esp.files() and not any("--create" in call for call in bench.called())


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
