"""tools/sign, and tools/install --sign: with the owner's keys, those of others' layouts, and none."""

import subprocess
import sys

import pytest

from conftest import TOOLS
from esps import PROGRAM, OnDirectory, built
from test_install import BOOT_ENTRIES, machine

sys.path.insert(0, str(TOOLS))
import signing  # noqa: E402


def made_keys(folder, key="own.key", cert="own.pem", form="pem"):
    for path in (folder / key, folder / cert):
        path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Owner", "-keyout",
                    folder / key, "-out", folder / cert, "-outform", form], check=True, capture_output=True)
    return folder / key, folder / cert


def signable(tree, arch="x64"):
    """The tree, with a program that is a PE image and has the marks of Baton's."""
    path = tree / f"EFI/BOOT/BOOT{arch.upper()}.EFI"
    path.write_bytes(signing.manifest(arch, path.read_bytes().rstrip(b"\0")))
    return tree


def verified(image, cert, folder):
    path = folder / "verified.efi"
    path.write_bytes(image)
    return subprocess.run(["sbverify", "--cert", cert, path], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("arch", list(signing.MACHINES))
def test_a_tree_in_place(bench, tmp_path, arch):
    """Once; the manifest covers what is asked for."""
    tree = signable(built(bench.folder, arch=arch), arch)
    key, cert = made_keys(tmp_path)
    program = tree / f"EFI/BOOT/BOOT{arch.upper()}.EFI"
    plain = program.read_bytes()
    run = ("--key", key, "--cert", cert, tree)
    said = bench.run("sign", *run)
    assert said.status == 0 and "signed" in said.out, said
    first = program.read_bytes()
    assert verified(first, cert, tmp_path) and signing.unsigned(first) == signing.unsigned(plain)
    assert not list((tree / "EFI/baton").glob("manifest*"))

    said = bench.run("sign", "--cover", "\\EFI\\baton\\kernel.elf", "--options", "mem=2G", *run)
    assert said.status == 0 and "is signed already" in said.out, said
    assert program.read_bytes() == first
    manifest = (tree / f"EFI/baton/manifest{arch}.efi").read_bytes()
    assert verified(manifest, cert, tmp_path)
    digest = subprocess.run(["sha256sum", tree / "EFI/baton/kernel.elf"], capture_output=True, text=True,
                            check=True).stdout.split()[0]
    assert f"sha256 {digest} \\EFI\\baton\\kernel.elf\noptions mem=2G\n".encode() in manifest
    # Another owner's signature takes its place.
    other = made_keys(tmp_path, "other.key", "other.pem")
    assert bench.run("sign", "--key", other[0], "--cert", other[1], tree).status == 0
    assert verified(program.read_bytes(), other[1], tmp_path)
    assert not verified(program.read_bytes(), cert, tmp_path)


def test_what_cannot_be_signed_is_named(bench, tmp_path):
    key, cert = made_keys(tmp_path)
    tree = built(bench.folder)
    said = bench.run("sign", "--key", key, tree)
    assert said.status == 1 and "a key goes with its certificate" in said.err, said
    said = bench.run("sign", "--key", tmp_path / "none", "--cert", cert, tree)
    assert said.status == 1 and "none is no file" in said.err, said
    said = bench.run("sign", "--key", key, "--cert", cert, tree)
    assert said.status == 1 and "not a PE image" in said.err, said
    said = bench.run("sign", "--key", key, "--cert", cert, tmp_path)
    assert said.status == 1 and "there is no Baton" in said.err, said
    signable(tree)
    said = bench.run("sign", "--key", cert, "--cert", cert, tree)
    assert said.status == 1 and "sbsign: " in said.err, said
    assert not signing.is_signed((tree / "EFI/BOOT/BOOTX64.EFI").read_bytes())
    said = bench.run("sign", "--key", key, "--cert", cert, "--cover", "not/there", tree)
    assert said.status == 1 and "not/there" in said.err, said


@pytest.mark.parametrize("key, cert, form, is_mok", [
    ("var/lib/sbctl/keys/db/db.key", "var/lib/sbctl/keys/db/db.pem", "pem", False),
    ("usr/share/secureboot/keys/db/db.key", "usr/share/secureboot/keys/db/db.pem", "pem", False),
    ("var/lib/shim-signed/mok/MOK.priv", "var/lib/shim-signed/mok/MOK.pem", "pem", True),
    ("var/lib/shim-signed/mok/MOK.priv", "var/lib/shim-signed/mok/MOK.der", "der", True)])
def test_others_layouts_of_keys(tmp_path, key, cert, form, is_mok):
    made_keys(tmp_path, key, cert, form)
    keys = signing.find_keys(root=tmp_path)
    assert (keys.key, keys.cert, keys.is_mok) == (tmp_path / key, tmp_path / cert, is_mok)
    image = signing.sign(signing.manifest("x64", b""), keys)
    assert signing.is_signed_by(image, keys)


def test_no_keys(tmp_path):
    with pytest.raises(signing.SignError, match="no keys found.*sbctl.*shim-signed"):
        signing.find_keys(root=tmp_path)


def test_what_is_installed_is_signed(bench, tmp_path):
    """Again changes nothing, though each signature is another; an unsigned one does not take its place."""
    esp = OnDirectory(tmp_path)
    sysfs = machine(bench, esp.path)
    bench.answers("efibootmgr", BOOT_ENTRIES)
    key, cert = made_keys(tmp_path)
    run = ("--from", signable(built(bench.folder)), "--sysfs", sysfs)
    sign = ("--sign", "--key", key, "--cert", cert)
    said = bench.run("install", "install", *run)
    assert said.status == 0 and "--sign signs it" in said.out, said
    said = bench.run("install", "guard", *run, *sign)
    assert said.status == 0 and "--sign" not in said.out, said
    first = esp.files()[PROGRAM]
    assert verified(first, cert, tmp_path)
    assert any("--unicode guard" in call for call in bench.called())
    for verb in ("install", "update"):
        said = bench.run("install", verb, *run, *sign)
        assert said.status == 0 and esp.files()[PROGRAM] == first, said
    said = bench.run("install", "update", *run)
    assert said.status == 1 and "what is installed is signed, but ours is not" in said.err, said
    assert esp.files()[PROGRAM] == first
    assert f"{PROGRAM}: Baton 0.1.0, its kernel is " in bench.run("install", "status", "--sysfs", sysfs).out
    assert ".elf, signed\n" in bench.run("install", "status", "--sysfs", sysfs).out
    assert bench.run("sign", *sign[1:], "--options", "mem=2G", esp.path).status == 0
    assert "EFI/baton/manifestx64.efi" in esp.files()
    assert bench.run("install", "remove", "--sysfs", sysfs).status == 0
    assert not esp.files()


def test_shims_key_makes_no_boot_entry(bench, tmp_path):
    """The firmware does not know it."""
    esp = OnDirectory(tmp_path)
    sysfs = machine(bench, esp.path)
    bench.answers("efibootmgr", BOOT_ENTRIES)
    key, cert = made_keys(tmp_path, form="der")
    tree = signable(built(bench.folder))
    said = bench.run("install", "install", "--from", tree, "--sysfs", sysfs, "--sign", "--mok")
    assert said.status == 1 and "--key" in said.err, said
    said = bench.run("install", "install", "--from", tree, "--sysfs", sysfs, "--mok", "--key", key, "--cert", cert)
    assert said.status == 0 and "no Boot#### entry is made; shim, or a boot loader" in said.out, said
    assert signing.is_signed(esp.files()[PROGRAM])
    assert not any("--create" in call for call in bench.called())


def test_a_folder_named_like_shim_makes_no_key_shims(bench, tmp_path):
    esp = OnDirectory(tmp_path)
    sysfs = machine(bench, esp.path)
    bench.answers("efibootmgr", BOOT_ENTRIES)
    key, cert = made_keys(tmp_path, "my-shims/db.key", "my-shims/db.pem")
    said = bench.run("install", "install", "--from", signable(built(bench.folder)), "--sysfs", sysfs,
                     "--key", key, "--cert", cert)
    assert said.status == 0 and "MOK" not in said.out, said
    assert any("--create" in call for call in bench.called())
