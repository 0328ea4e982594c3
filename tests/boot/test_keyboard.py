"""The PS/2 keyboard, by keys that QEMU presses."""

import re

import pytest

from qemu import MIB, POWERED_OFF, Machine
from screenshot import text_of, wait_for_screen

PROMPT = r"^baton> $"
KEYS = {" ": "spc", "-": "minus", "=": "equal", "\n": "ret", "\b": "backspace", "/": "slash",
        ".": "dot", "\t": "tab"}


def press(running, *keys):
    """Keys pressed together."""
    running.qmp("send-key", keys=[{"type": "qcode", "data": key} for key in keys])
    running.read(0.3)  # QEMU holds keys down for a tenth of a second


def type_keys(running, text):
    for character in text:
        key = KEYS.get(character, character.lower())
        press(running, *(["shift"] if character.isupper() else []), key)


def start(bench):
    return bench.start(Machine(memory=128 * MIB))


def test_typing_editing_and_history(bench):
    with start(bench) as running:
        assert running.wait_for(PROMPT, 90), running.log[-2000:]
        type_keys(running, "helq\bp\n")
        assert running.wait_for(r"explain ADDR", 20), running.log[-500:]
        since = len(running.log)
        press(running, "up")
        press(running, "ret")
        assert running.wait_for(r"explain ADDR", 20, since), running.log[since:]
        since = len(running.log)
        type_keys(running, "Gibberish 0")
        press(running, "ctrl", "u")
        type_keys(running, "expl\t100000")
        press(running, "home")
        press(running, "end")
        type_keys(running, "\n")
        assert running.wait_for(r"0x100000\b", 20, since), running.log[since:]
        assert "Gibberish 0" in running.log[since:]


def test_power_off_from_the_keyboard(bench):
    with start(bench) as running:
        assert running.wait_for(PROMPT, 90), running.log[-2000:]
        type_keys(running, "poweroff\n")
        running.wait_for(r"(?!)", 20)
        assert running.process.wait(timeout=10) == POWERED_OFF


def test_no_keyboard(bench):
    """As with USB keyboards that are left alone: pages turn by themselves until somebody types on the
    serial port."""
    machine = Machine(memory=128 * MIB, kind="q35,i8042=off",
                      extra=("-device", "qemu-xhci", "-device", "usb-kbd"))
    with bench.start(machine, options="nousb") as running:
        if "i8042" in running.complaints:
            pytest.skip("this QEMU cannot leave the keyboard controller out")
        assert running.wait_for(PROMPT, 120), running.log[-2000:] + running.complaints
        assert "No keyboard works now" in running.log and "usb:" not in running.log
        since = len(running.log)
        for there in (lambda p: text_of(p)[0].startswith("this run in short   no keyboard"),
                      lambda p: p.colours().get((22, 26, 36), 0) > p.width * 50,  # the map's legend
                      lambda p: text_of(p)[0].startswith("who has how many bytes")):
            wait_for_screen(bench, running, there, 60)
        assert running.log[since:] == "", "the serial console stays as it is"
        running.send("help\r")
        assert running.wait_for(r"^poweroff", 30, since), running.log[since:]
        wait_for_screen(bench, running, lambda p: text_of(p)[0] == "baton> help")
        running.send("poweroff\r")
        running.wait_for(r"(?!)", 20)
        assert running.process.wait(timeout=10) == POWERED_OFF
