"""The boot menu: entries, loader.conf, editing for one boot, and other programs."""

import re
import shutil

import log as read
from conftest import BUILD, ROOT
from qemu import MIB, POWERED_OFF, Machine, Running, make_disk

SMALL = Machine(memory=128 * MIB)
MENU_UP = r"Enter start"


def entries(**options):
    """A change of the ESP that gives it a menu: the entries that are shipped, and `options` added
    to each by its name."""
    def change(tree):
        shutil.copytree(ROOT / "esp/loader", tree / "loader")
        for name, text in options.items():
            path = tree / "loader/entries" / f"{name.replace('_', '-')}.conf"
            path.write_text(path.read_text() + f"options {text}\n")
    return change


def conf(tree, text):
    (tree / "loader/loader.conf").write_text(text)


def start(bench, change):
    return Running(SMALL, make_disk(bench.folder / "disk.img", BUILD / "esp", None, change),
                   bench.folder)


def command_line(log):
    match = read.find(log, r"Command line: (.*)")
    assert match, log[-3000:]
    return match[1].strip()


def ends(running):
    running.wait_for(r"(?!)", 60)
    return running.process.wait(timeout=10)


def test_default_after_the_countdown(bench):
    def change(tree):
        entries(baton_memtest="", baton="quiet=7 poweroff")(tree)
        conf(tree, "default baton\ntimeout 2\n")
    with start(bench, change) as running:
        assert running.wait_for(r"Starts by itself in 2 s", 60), running.log
        assert ends(running) == POWERED_OFF, running.log[-2000:]
        assert command_line(running.log) == "quiet=7 poweroff"


def test_choosing_and_editing(bench):
    def change(tree):
        entries(baton_selftest="first")(tree)
        conf(tree, "default baton\ntimeout menu-force\n")
    with start(bench, change) as running:
        assert running.wait_for(MENU_UP, 60), running.log
        for title in ("Baton, self-tests", "Baton, memory test"):
            assert title in running.log
        running.send("\x1b[B")  # down: self-tests
        assert running.wait_for(r"options: selftest first", 10), running.log
        running.send("e")
        assert running.wait_for(r"Esc leave", 10), running.log
        running.send("\b\b\b\b\bpoweroff\r")
        assert ends(running) == 33, running.log[-2000:]  # the self-tests ran, and passed
        assert command_line(running.log) == "selftest poweroff"


def test_no_editor(bench):
    def change(tree):
        entries(baton="poweroff")(tree)
        conf(tree, "default baton\ntimeout menu-force\neditor no\n")
    with start(bench, change) as running:
        assert running.wait_for(MENU_UP, 60), running.log
        assert "edit options" not in running.log
        running.send("e")
        running.read(1)
        assert "Esc leave" not in running.log
        running.send("\r")
        assert ends(running) == POWERED_OFF
        assert command_line(running.log) == "poweroff"


def test_no_menu_without_time_or_with_one_entry(bench):
    def change(tree):
        entries(baton="poweroff")(tree)
        conf(tree, "default baton\ntimeout 0\n")
    with start(bench, change) as running:
        assert ends(running) == POWERED_OFF
        assert not re.search(MENU_UP, running.log)

    def one(tree):
        entries()(tree)
        conf(tree, "timeout 5\n")
        for name in ("baton-selftest", "baton-memtest", "baton-guard"):
            (tree / f"loader/entries/{name}.conf").unlink()
        config = tree / "EFI/baton/baton.conf"
        config.write_text(config.read_text() + "options poweroff\n")
    with start(bench, one) as running:
        assert ends(running) == POWERED_OFF
        assert not re.search(MENU_UP, running.log)


def test_another_program_gets_its_options(bench):
    """Another copy of Baton at another path and of another version counts as another program."""
    def change(tree):
        entries()(tree)
        program = (tree / "EFI/BOOT/BOOTX64.EFI").read_bytes()
        other = re.sub(rb"(\nbaton,1,Baton,baton,)\d", rb"\g<1>9", program)
        assert other != program
        (tree / "EFI/other").mkdir()
        (tree / "EFI/other/other.efi").write_bytes(other)
        (tree / "loader/entries/other.conf").write_text(
            "title Other\nsort-key a\nefi /EFI/other/other.efi\noptions poweroff numa=off\n")
        conf(tree, "default other\ntimeout 1\n")
    with start(bench, change) as running:
        assert ends(running) == POWERED_OFF, running.log[-2000:]
        assert "options from the boot entry: poweroff numa=off" in running.log
        assert command_line(running.log) == "poweroff numa=off"


def test_what_cannot_be_started_comes_back_to_the_menu(bench):
    def change(tree):
        entries(baton="poweroff")(tree)
        (tree / "loader/entries/a.conf").write_text("title Broken\nsort-key a\nefi /missing.efi\n")
        (tree / "loader/entries/b.conf").write_text("title Nothing\n")
        (tree / "loader/entries/c.conf").write_text(
            "title Long\nsort-key z\nefi /EFI/BOOT/BOOTX64.EFI\noptions " + "x" * 1024 + "\n")
        conf(tree, "default c\ntimeout 1\n")
    with start(bench, change) as running:
        too_long = r"its options are too long \(characters 1024, most 1023\)"
        assert running.wait_for(too_long, 60), running.log
        assert running.wait_for(MENU_UP, 20, running.log.index("too long")), running.log
        running.send("1\r")
        assert running.wait_for(r"/missing\.efi.*Not Found", 20), running.log
        assert "b.conf: ignored: neither efi nor linux names a program" in running.log
        assert running.wait_for(MENU_UP, 20, running.log.index("Not Found")), running.log
        running.send("2\r")
        assert ends(running) == POWERED_OFF, running.log[-2000:]
