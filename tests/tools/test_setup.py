"""tools/setup installs what was asked for, and nothing when that is there."""

import os
import shutil
import subprocess

import pytest

from conftest import ROOT, Said

AARCH64 = {"g++-aarch64-linux-gnu", "qemu-system-arm", "qemu-efi-aarch64"}
IA32 = {"g++-i686-linux-gnu", "ovmf-ia32"}
ARM = {"g++-arm-linux-gnueabihf", "qemu-system-arm", "qemu-efi-arm"}
CROSS = AARCH64 | IA32 | {"g++-arm-linux-gnueabihf", "qemu-user"}

# What is in the file `installed` is, and apt-get adds to it, unless the archive does not have it.
DPKG_QUERY = """#!/bin/sh
for package; do :; done
grep -qx "$package" "$SYSTEM/installed" && echo installed
"""
APT_GET = """#!/bin/sh
echo "apt-get $*" >> "$SYSTEM/said"
[ "$1" = install ] || exit 0
for word; do case $word in -* | install | missing-*) ;; *) echo "$word" >> "$SYSTEM/installed" ;; esac; done
"""


class System:
    def __init__(self, path):
        self.path = path
        (path / "bin").mkdir()
        for name, text in (("dpkg-query", DPKG_QUERY), ("apt-get", APT_GET),
                           ("sudo", '#!/bin/sh\nexec "$@"\n')):
            (path / "bin" / name).write_text(text)
            (path / "bin" / name).chmod(0o755)
        (path / "installed").write_text("")

    def setup(self, *goals, **words):
        (self.path / "said").write_text("")
        env = {"PATH": f"{self.path / 'bin'}:/usr/bin:/bin", "SYSTEM": str(self.path), **words}
        return Said(subprocess.run([ROOT / "tools/setup", *goals], text=True, capture_output=True,
                                   env=env, check=False))

    def installed(self):
        return set((self.path / "installed").read_text().split())

    def said(self):
        return (self.path / "said").read_text()


@pytest.fixture
def system(tmp_path):
    return System(tmp_path)


def test_run_needs_no_tests_tools(system):
    assert system.setup("run").status == 0
    got = system.installed()
    assert {"g++", "gnu-efi", "qemu-system-x86", "ovmf", "python3"} <= got
    assert not got & (CROSS | {"googletest", "libgtest-dev", "clang", "python3-pytest", "u-boot-qemu", "gdb"})


@pytest.mark.parametrize("goals", [("test",), ("run", "test"), ("check",), ("fuzz",), ()])
def test_all_else_needs_everything(system, goals):
    assert system.setup(*goals).status == 0
    assert CROSS | {"qemu-system-x86", "googletest", "libgtest-dev", "clang-format", "u-boot-qemu"} <= (
        system.installed())


def test_signing_brings_its_tools(system):
    system.setup("sign")
    assert {"sbsigntool", "openssl", "g++"} <= system.installed() and not system.installed() & CROSS


def test_words_of_a_run_bring_theirs(system):
    system.setup("run", FIRMWARE="u-boot", GDB="1")
    assert {"u-boot-qemu", "gdb"} <= system.installed()


def test_another_architecture_brings_its_own(system):
    system.setup("run", ARCH="aarch64")
    assert AARCH64 <= system.installed() and "g++-i686-linux-gnu" not in system.installed()
    system.setup("run", ARCH="ia32")
    assert IA32 <= system.installed() and "g++-arm-linux-gnueabihf" not in system.installed()
    system.setup("run", ARCH="arm")
    assert ARM <= system.installed()


def test_no_package_that_forbids_the_cross_compilers(system):
    system.setup()
    assert "gcc-multilib" not in system.installed() and "g++-multilib" not in system.installed()


def test_twice_does_nothing_the_second_time(system):
    system.setup("run")
    said = system.setup("run")
    assert said.status == 0 and "nothing to do" in said.out
    assert system.said() == ""
    system.setup("test")
    assert "g++-i686-linux-gnu" in system.said() and " ovmf " not in system.said()


def test_a_package_that_does_not_come_is_named(system):
    apt = system.path / "bin/apt-get"
    apt.write_text(apt.read_text().replace("missing-*", "ovmf"))
    said = system.setup("run")
    assert said.status == 1 and "ovmf is still not installed" in said.err


@pytest.mark.parametrize("goals, passed", [
    (["setup"], ""), (["setup", "run"], "run"), (["setup", "test"], "test"), (["run", "setup", "image"], "run image")])
def test_make_says_what_else_was_asked_for(tmp_path, goals, passed):
    """What comes after it is done by a make that is not there."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/setup").write_text('#!/bin/sh\necho "setup for: $*"\n')
    (tmp_path / "tools/setup").chmod(0o755)
    done = subprocess.run(["make", "MAKE=true", *goals], text=True, capture_output=True, check=False,
                          cwd=tmp_path, env={"PATH": os.environ["PATH"]})
    assert done.stdout.splitlines()[0].rstrip() == f"setup for: {passed}".rstrip()


def test_the_pages_tools_come_with_it(system):
    system.setup("replay-page")
    got = system.installed()
    assert {"wasi-libc", "libc++-dev-wasm32", "lld", "clang"} <= got and not got & {"chromium", "python3-pytest"}
    system.setup("test-page")
    assert {"chromium", "libarchive-dev", "nodejs", "python3-pytest"} <= system.installed()
