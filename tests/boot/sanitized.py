"""A build with SANITIZE=1 (`make sanitized`): nothing in it is undefined, and what is would be named."""

import re

from qemu import FAILED, GIB, PASSED, Machine, MIB, Node
from test_ends import planted


def test_nothing_undefined(bench):
    """The application's way, and every self-test's, with several CPUs and nodes."""
    boot = bench.boot(Machine.of_nodes(Node(GIB, 1), Node(GIB, 1)), "selftest stress=20000 poweroff", timeout=300)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)


def test_what_is_undefined_is_named(bench):
    boot = bench.boot(Machine(memory=128 * MIB), "panic=ub poweroff")
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert re.search(r"UBSan: undefined behaviour in kernel::.*\+0x[0-9a-f]+/0x[0-9a-f]+ \[[0-9a-f]{16}\]", boot.log)


def test_another_undefined_instruction_is_not(bench):
    """ud1, which no compiler's check ends in."""
    boot = bench.boot(Machine(memory=128 * MIB), "poweroff", planted("kernel::bring_up_cpus", b"\x0f\xb9\xc0"))
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert re.search(r"invalid opcode, error code 0x0000$", boot.log, re.MULTILINE)
    assert "UBSan" not in boot.log
