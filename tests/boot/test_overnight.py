"""A memory test that goes on until a key is pressed."""

import re

import log as read
import qemu
from persistent import Persistent
from qemu import MIB, Machine
from test_ends import Monitor
from test_keyboard import press

MACHINE = Machine(memory=72 * MIB)
PASS = (r"memtest: pass {}: took \d+:\d\d, 0 errors, 0 corrected; \d+:\d\d since the start, 0 errors in all, "
        r"0 bad pages")


def test_until_a_key_is_pressed(bench):
    """By a serial console, and once more from the prompt, by the keyboard: pass after pass, the run ends well
    and leaves its report; what is tested is given back."""
    machine = Persistent(bench, MACHINE)
    with machine.running("memtest=overnight,quick") as running:
        assert running.wait_for(PASS.format(2), 200), running.log[-3000:]
        running.wait_for(r"\Z(?!)", 0.5)  # in the middle of the third
        running.send("\x1b[A")
        assert running.wait_for(r"baton> $", 60), running.log[-3000:]
        first = running.log
        assert read.find(first, r"memtest: overnight: until a key is pressed: \d+ MiB, a pass will take about \d+:\d\d")
        assert read.find(first, PASS.format(1))
        assert read.find(first, r"memtest: overnight: ended by a key in pass 3, after \d+:\d\d: 0 errors, 0 corrected$")
        assert read.find(first, r"memtest: \d+ MiB, 2 passes, took \d+:\d\d: no bad pages$")
        assert read.find(first, r"Report: \d+ bytes left with the firmware")
        _, results = read.ktap(first)
        assert [name for ok, name in results if not ok] == []
        assert len([name for ok, name in results if "SKIP" not in name]) > 2, results

        free = re.search(r"MemFree: +(\d+)", Monitor(running).ask("meminfo"))[1]
        since = len(running.log)
        running.send("memtest overnight,quick,plain\r\n")
        assert running.wait_for(PASS.format(1), 200, since), running.log[since:]
        press(running, "spc")
        assert running.wait_for(r"ended by a key in pass 2", 60, since), running.log[since:]
        assert running.wait_for(r"baton> $", 60, since), running.log[since:]
        assert re.search(r"MemFree: +(\d+)", Monitor(running).ask("meminfo"))[1] == free
        running.send("poweroff\r")
        running.wait_for(r"(?!)", 30)
        assert running.process.wait(timeout=10) == qemu.POWERED_OFF
