"""tools/run: what cannot be is told before QEMU starts, and nothing is a success without Baton's word."""

import os
import subprocess

import pytest

from conftest import ROOT

VERSION = "[    0.000000] Baton version 0.1.0 (abc), loaded by Baton 0.1.0 (abc)"


def qemu(bench, said, status, program="qemu-system-x86_64"):
    """A QEMU that has the displays none and gtk, says `said` on the console and ends with `status`."""
    path = bench.bin / program
    path.write_text(f"""#!/bin/sh
if [ "$2" = help ]; then printf 'Available display backend types:\\nnone\\ngtk\\n'; exit; fi
echo "$*" >> "{bench.calls}"
echo 'BdsDxe: starting Boot0001'
echo '{said}'
exit {status}
""")
    path.chmod(0o755)


def run(bench, *words):
    return bench.run("run", *words, "--esp", ROOT / "build/esp")


@pytest.mark.parametrize("said, status, good", [
    (VERSION, 0, True), (VERSION, 33, True), (VERSION, 35, False), (VERSION, 1, False),
    ("", 0, False), ("Baton 0.1.0 (abc)", 0, False), ("Baton version", 33, False),
])
def test_no_success_without_a_word(bench, said, status, good):
    qemu(bench, said, status)
    done = run(bench)
    assert (done.status == 0) == good, done
    assert ("never spoke" in done.out) == (said != VERSION), done
    assert "-display none" in bench.called()[0]


@pytest.mark.parametrize("words, why", [
    (["mem=0"], "MEM=0"), (["mem=abc"], "MEM=abc"), (["mem=3M"], "64M and more"),
    (["mem=63M"], "64M and more"), (["mem="], "MEM="), (["mem=-1G"], "MEM=-1G"),
    (["cpus=0"], "CPUS=0 is not a number from 1 to 288"), (["cpus=x"], "CPUS=x"),
    (["cpus=256", "machine=pc"], "from 1 to 255"), (["nodes=0"], "NODES=0"),
    (["nodes=-2"], "NODES=-2"), (["nodes=129"], "from 1 to 128"),
    (["nodes=100", "mem=64M"], "64 MiB cannot be split over 100 nodes"),
    (["machine=foo"], "MACHINE=foo"), (["firmware=foo"], "FIRMWARE=foo"),
    (["display=foo"], "this QEMU has none, gtk, vnc"), (["display=sdl"], "qemu-system-gui"),
    (["display=:0"], "DISPLAY=:0"),
])
def test_what_cannot_be(bench, words, why):
    qemu(bench, VERSION, 0)
    done = run(bench, *(f"--{word}" for word in words))
    assert done.status == 1 and why in done.err, done
    assert not bench.called()


def test_firmware_of_ones_own(bench):
    """One file, or code with its variables beside it; and the console's text goes where it is wanted."""
    qemu(bench, VERSION, 33)
    one, code = bench.folder / "OVMF.fd", bench.folder / "OVMF_CODE.fd"
    for file in (one, code, bench.folder / "OVMF_VARS.fd"):
        file.write_text("x")
    done = run(bench, "--firmware", one, "--log", bench.folder / "boot.log")
    assert done.status == 0, done
    assert VERSION in (bench.folder / "boot.log").read_text()
    assert run(bench, "--firmware", code).status == 0
    missing = run(bench, "--firmware", bench.folder / "none.fd")
    assert missing.status == 1 and "none.fd is no file" in missing.err, missing
    first, second = bench.called()
    assert f"-bios {one}" in first and "pflash" not in first
    assert f"readonly=on,file={code}" in second and "vars.fd" in second


@pytest.mark.parametrize("word, shown", [
    ("--display=gtk", "-display gtk"), ("--display=vnc", "-display vnc=localhost:0"),
    ("--cpus=3", "-smp 3"),
])
def test_what_is_asked_for(bench, word, shown):
    qemu(bench, VERSION, 0)
    assert run(bench, word).status == 0
    assert shown in bench.called()[0]


def test_another_architecture_has_its_own(bench):
    qemu(bench, VERSION, 0, "qemu-system-aarch64")
    done = run(bench, "--arch=aarch64")
    assert done.status == 0, done
    for words in ("-machine virt,gic-version=3", "AAVMF_CODE.fd", "-device ramfb",
                  "-semihosting-config enable=on"):
        assert words in bench.called()[0]


@pytest.mark.parametrize("words, shown", [
    (["firmware=u-boot", "nodes=1"], "-bios /usr/lib/u-boot/qemu_arm64/u-boot.bin"),
    (["machine=virt,acpi=off"], "-machine virt,acpi=off,gic-version=3")])
def test_it_has_device_trees(bench, words, shown):
    qemu(bench, VERSION, 0, "qemu-system-aarch64")
    done = run(bench, "--arch=aarch64", *(f"--{word}" for word in words))
    assert done.status == 0, done
    assert shown in bench.called()[0]


@pytest.mark.parametrize("words, why", [
    (["arch=riscv"], "ARCH=riscv does not boot here; there are x86_64, aarch64, ia32, arm"),
    (["arch=arm", "mem=3G"], "MEM=3G is too much: AAVMF32 hangs with more than 3071M"),
    (["arch=aarch64", "machine=q35"], "MACHINE=q35 is no machine Baton runs on here; there are virt"),
    (["arch=aarch64", "firmware=ovmf"], "there are aavmf, u-boot"),
    (["arch=aarch64", "firmware=u-boot", "nodes=2"], "NODES=2: U-Boot finds its memory"),
    (["arch=aarch64", "mem=64M"], "under AAVMF with 128M and more"),
    (["machine=virt"], "there are q35, pc"),
])
def test_what_another_architecture_has_not(bench, words, why):
    qemu(bench, VERSION, 0, "qemu-system-aarch64")
    done = run(bench, *(f"--{word}" for word in words))
    assert done.status == 1 and why in done.err, done
    assert not bench.called()


@pytest.mark.parametrize("words, shown", [([], "none"), (["DISPLAY=gtk"], "gtk")])
def test_the_x_servers_display_is_another(words, shown):
    said = subprocess.run(["make", "-n", "-o", "all", "run", *words], cwd=ROOT, capture_output=True,
                          text=True, check=True, env={**os.environ, "DISPLAY": ":0"}).stdout
    assert f"--display '{shown}'" in said
