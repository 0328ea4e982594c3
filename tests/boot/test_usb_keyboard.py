"""Keyboards on USB, by keys that QEMU presses and by plugging them in and out."""

import shutil

import pytest

from conftest import ROOT
from qemu import MIB, POWERED_OFF, Machine
from screenshot import text_of, wait_for_screen
from test_keyboard import PROMPT, press, type_keys

XHCI = ("-device", "qemu-xhci,id=usb")
KEYBOARD = XHCI + ("-device", "usb-kbd,id=first,bus=usb.0,port=1")
HUB = XHCI + ("-device", "usb-hub,id=hub,bus=usb.0,port=2",
              "-device", "usb-kbd,id=second,bus=usb.0,port=2.3")


def power_off(running):
    type_keys(running, "poweroff\n")
    running.wait_for(r"(?!)", 30)
    assert running.process.wait(timeout=10) == POWERED_OFF


def test_typing_unplugging_and_a_hub(bench):
    """Beside a PS/2 keyboard, and without one."""
    with bench.start(Machine(memory=128 * MIB, extra=KEYBOARD)) as running:
        assert running.wait_for(r"usb: keyboard 0627:0001 at 00:0\d\.0 port \d\n(?:.*\n)?baton> $", 120), \
            running.log[-2000:]
        type_keys(running, "helq\bp\n")
        assert running.wait_for(r"explain ADDR", 30), running.log[-500:]
        since = len(running.log)
        type_keys(running, "selftest kernel.pages.exact\n")
        assert running.wait_for(r"Self-tests: 1 passed, 0 failed", 60, since), running.log[since:]
        running.qmp("device_del", id="first")
        assert running.wait_for(r"usb: the keyboard at \S+ port \d is gone", 30), running.log[-500:]
        running.qmp("device_add", driver="usb-hub", id="hub", bus="usb.0", port="2")
        running.qmp("device_add", driver="usb-kbd", id="second", bus="usb.0", port="2.3")
        assert running.wait_for(r"usb: keyboard 0627:0001 at \S+ port \d\.3", 30), running.log[-500:]
        since = len(running.log)
        type_keys(running, "usb\n")
        assert running.wait_for(r"port \d: hub 0409:55aa, full speed\n +port \d\.3: keyboard", 30, since), \
            running.log[since:]
        power_off(running)


@pytest.mark.parametrize("machine", [
    pytest.param(Machine(memory=128 * MIB, built_for="ia32", extra=KEYBOARD), marks=pytest.mark.long),
    Machine(memory=256 * MIB, kind="virt", extra=KEYBOARD),
    pytest.param(Machine(memory=256 * MIB, kind="virt", built_for="arm", extra=KEYBOARD), marks=pytest.mark.long),
], ids=["ia32", "aarch64", "arm"])
def test_other_machines(bench, machine):
    with bench.start(machine) as running:
        assert running.wait_for(r"usb: keyboard 0627:0001 at 00:0\d\.0 port \S+", 180), running.log[-2000:]
        assert running.wait_for(PROMPT, 60), running.log[-2000:]
        assert "No keyboard works now" not in running.log
        type_keys(running, "audit\n")
        wait_for_screen(bench, running, lambda p: "baton> audit" in text_of(p), 60)
        power_off(running)


def test_tests_chosen_before_the_firmware_goes(bench):
    """On a page of the boot menu, with the firmware's own driver of the keyboard that Baton drives later."""
    def change(tree):
        shutil.copytree(ROOT / "esp/loader", tree / "loader")
        (tree / "loader/loader.conf").write_text("default baton\ntimeout menu-force\n")

    machine = Machine(memory=64 * MIB, kind="q35,i8042=off", extra=HUB)
    with bench.start(machine, change=change) as running:
        assert running.wait_for(r"t tests for this start", 90), running.log[-2000:]
        press(running, "t")
        assert running.wait_for(r"> Self-tests +< none >", 30), running.log[-2000:]
        for key in ("down", "right", "down", "down", "right"):
            press(running, key)
        assert running.wait_for(r"options: memtest=quick show=summary", 30), running.log[-2000:]
        press(running, "ret")
        assert running.wait_for(r"Command line: memtest=quick show=summary", 60), running.log[-2000:]
        shown = running.wait_for(r"^Baton version", 180)  # the summary
        assert shown, running.log[-2000:]
        assert running.wait_for(r"^memtest: \d+ MiB, 1 pass", 10, shown.start()), running.log[-2000:]
        assert running.wait_for(PROMPT, 60, shown.end()), running.log[-2000:]
        power_off(running)
