"""A memory test that goes on until a key is pressed."""

import re

import log as read
from persistent import Persistent
from qemu import MIB, Machine
from test_ends import Monitor
from test_keyboard import press
from test_run_record import reset

MACHINE = Machine(memory=136 * MIB)  # so that there is a place for the run's record
PASS = (r"memtest: pass {}: took \d+:\d\d, 0 errors, 0 corrected; \d+:\d\d since the start, 0 errors in all, "
        r"0 bad pages")


def test_until_a_key_is_pressed(bench):
    """By a serial console, and once more from the prompt, by the keyboard: pass after pass, the run ends well
    and leaves its report; what is tested is given back. One that is cut short is told by the next start."""
    machine = Persistent(bench, MACHINE)
    with machine.running("memtest=overnight,quick") as running:
        assert running.wait_for(PASS.format(1), 200), running.log[-3000:]
        running.wait_for(r"\Z(?!)", 0.5)  # in the middle of the next
        running.send("\x1b[A")
        assert running.wait_for(r"baton> $", 60), running.log[-3000:]
        first = running.log
        assert read.find(first, r"memtest: overnight: until a key is pressed: \d+ MiB, a pass will take about \d+:\d\d")
        assert read.find(first, r"memtest: overnight: ended by a key in pass 2, after \d+:\d\d: 0 errors, 0 corrected$")
        assert read.find(first, r"memtest: \d+ MiB, 1 pass, took \d+:\d\d: no bad pages$")
        assert read.find(first, r"Report: \d+ bytes left with the firmware")
        _, results = read.ktap(first)
        assert [name for ok, name in results if not ok] == []
        assert len([name for ok, name in results if "SKIP" not in name]) > 2, results

        free = re.search(r"MemFree: +(\d+)", Monitor(running).ask("meminfo"))[1]
        since = len(running.log)
        running.send("memtest overnight,quick\r\n")
        assert running.wait_for(PASS.format(1), 200, since), running.log[since:]
        press(running, "spc")
        assert running.wait_for(r"ended by a key in pass 2", 60, since), running.log[since:]
        assert running.wait_for(r"baton> $", 60, since), running.log[since:]
        assert re.search(r"MemFree: +(\d+)", Monitor(running).ask("meminfo"))[1] == free

        # And one that is cut short is told of.
        since = len(running.log)
        running.send("memtest overnight,quick\r")
        assert running.wait_for(PASS.format(1), 200, since), running.log[since:]
        running.wait_for(r"\Z(?!)", 1.5)
        since = len(running.log)
        reset(running)
        assert running.wait_for(r"the last run did not come to its end in: the memory test, until a key, begun", 60,
                                since), running.log[since:]
        assert running.wait_for(r"it was at pass [2-9], memtest\.[a-z0-9-]+", 10, since), running.log[since:]
