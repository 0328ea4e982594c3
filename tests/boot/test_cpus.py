"""All the CPUs: brought up, asked, stopped."""

import re

import pytest

import log as read
from qemu import FAILED, GIB, MIB, PASSED, POWERED_OFF, Machine, Node


def machine(cpus, nodes=2, memory=512 * MIB):
    return Machine.split(memory, cpus, nodes)


def brought_up(log):
    """(nodes, CPUs) that answered."""
    said = read.find(log, r"smp: Brought up (\d+) nodes?, (\d+) CPUs?$")
    assert said, "nothing is said of CPUs"
    return int(said[1]), int(said[2])


@pytest.mark.parametrize("cpus, nodes", [
    (1, 1), (2, 1), (8, 4), pytest.param(64, 2, marks=pytest.mark.long)])
def test_all_come_up(bench, cpus, nodes):
    boot = bench.boot(machine(cpus, nodes), "selftest=kernel,mm.cpus poweroff", timeout=300)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert brought_up(boot.log) == (nodes, cpus)


def test_all_in_the_allocator_at_once(bench):
    """A short one of what `make soak` does for long."""
    boot = bench.boot(machine(8, 4, GIB), "stress=200000 poweroff", timeout=240)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    found = read.find(boot.log, r" *# found: 8 CPUs, (\d+) operations, (\d+) blocks handed on, "
                      r"(\d+) audits with all stopped$")
    assert found and int(found[1]) >= 200000 and int(found[2]) and int(found[3]) >= 3


# APIC ids leave room for a fourth core in each socket.
SPARSE = ("-smp", "6,sockets=2,cores=3")


@pytest.mark.parametrize("extra, ids", [
    (SPARSE, (0, 1, 2, 4, 5, 6)), (("-cpu", "qemu64,-x2apic"), range(6))])
def test_most_on_one_node(bench, extra, ids):
    """Five of six; with ids that are not in a row, and on a CPU without x2APIC."""
    uneven = Machine.of_nodes(Node(256 * MIB, 5), Node(256 * MIB, 1), extra=extra)
    boot = bench.boot(uneven, "selftest=kernel,mm.cpus poweroff", timeout=240)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert brought_up(boot.log) == (2, 6)
    said = re.findall(r"SRAT: PXM (\d) -> APIC 0x([0-9a-f]+) -> Node \1$", boot.log, re.MULTILINE)
    assert said == [(str(i // 5), f"{apic_id:02x}") for i, apic_id in enumerate(ids)]


def test_without_a_page_below_1_mib_one_cpu_goes_on(bench, faulty):
    boot = bench.boot(machine(3), "selftest=kernel,mm.cpus poweroff", faulty("no_low_memory"), timeout=240)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert read.find(boot.log, r"smp: AP TRAMPOLINE: no page below 1 MiB was free for it$")
    assert brought_up(boot.log)[1] == 1


def test_node_without_cpus_and_node_without_memory(bench):
    nodes = Node(256 * MIB, 3), Node(256 * MIB, 0), Node(0, 2)
    boot = bench.boot(Machine.of_nodes(*nodes), "selftest=kernel,mm poweroff", timeout=240)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert brought_up(boot.log) == (3, 5)


@pytest.mark.parametrize("options, up", [
    ("nosmp", 1), ("maxcpus=0", 1), ("maxcpus=1", 1), ("maxcpus=3", 3), ("possible_cpus=2", 2)])
def test_options(bench, options, up):
    boot = bench.boot(machine(4), options + " poweroff")
    assert (boot.ended, boot.status) == ("exit", POWERED_OFF), str(boot)
    assert brought_up(boot.log)[1] == up


def test_one_that_never_answers_is_left_out(bench, faulty):
    boot = bench.boot(machine(3), "selftest=kernel poweroff", faulty("dead_cpu"), timeout=240)
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert read.find(boot.log, r"smp: CPU 3 \(APIC id 0x77\) did not answer: left out$")
    assert brought_up(boot.log)[1] == 3
    _, results = read.ktap(boot.log)
    assert [name.split()[0] for ok, name in results if not ok] == ["kernel.cpus.online"]


def test_parked_by_the_firmware(bench, faulty):
    """Woken by the mailbox; a start-up command would find it, too, so no such is sent."""
    boot = bench.boot(machine(2), "selftest=kernel,mm.cpus poweroff", faulty("parked_cpu"), timeout=240)
    assert (boot.ended, boot.status) == ("exit", PASSED), str(boot)
    assert brought_up(boot.log)[1] == 2


@pytest.mark.parametrize("how, said", [
    ("panic=ud@2", "On CPU 2:.*invalid opcode"),
    ("panic=stack@3", "On CPU 3:.*the page below the main stack"),
    ("panic=@1", "On CPU 1:.*asked for by the option panic"),
    ("panic=fault@all", r"On CPU \d:.*unable to handle page fault")])
def test_a_panic_stops_all_and_is_told_once(bench, how, said):
    boot = bench.boot(machine(4), how)
    assert (boot.ended, boot.status) == ("exit", FAILED), str(boot)
    assert re.search(said, boot.log, re.DOTALL), boot.log[-3000:]
    assert len(re.findall(r"end Kernel panic", boot.log)) == 1
    assert "did not stop" not in boot.log


def halted(running):
    """Of each CPU: whether it sleeps in `hlt` as it is looked at."""
    state = running.qmp("human-monitor-command", **{"command-line": "info registers -a"})
    return re.findall(r"HLT=([01])", state)


def test_waiting_costs_the_host_next_to_nothing(bench):
    """64 CPUs at the prompt sleep. (One looks for keys now and then, all may have been woken once.)"""
    with bench.start(machine(64, memory=GIB), "monitor") as running:
        prompt = running.wait_for(r"baton> ", 300, 0)
        assert prompt
        looks = []
        for _ in range(10):
            running.wait_for(r"\Z(?!)", 0.5, prompt.end())
            looks += [halted(running)]
        assert all(len(look) == 64 for look in looks)
        awake = [look.count("0") for look in looks]
        print(f"awake in each look: {awake}")
        assert sum(awake) < 2 * len(looks)
