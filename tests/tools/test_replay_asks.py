"""What build/host/replay is asked beside a plain replay: findings, JSON, differences, what if."""

import json
import subprocess

import jsonschema
import pytest
from replays import LOST, NODES, ROOT, WELL, facts, replay


def test_status_and_findings_first(write):
    clean = replay(write(WELL + NODES))
    assert (clean.returncode, clean.stdout.splitlines()[0]) == (0, "Nothing is wrong with this machine's memory map.")
    found = replay(write(WELL + LOST))
    assert found.returncode == 1
    assert found.stdout.startswith("Findings: 1\n  1. 512 MiB of RAM are not used")
    assert "enable_mtrr_cleanup" in found.stdout.split("\n\n")[0]
    assert replay(write("hello\n")).returncode == 2


@pytest.mark.parametrize("text", [WELL + NODES, WELL + LOST, WELL + NODES + "Memory: 1K/2K available\n"])
def test_json_is_as_its_schema_says(write, text):
    schema = json.loads((ROOT / "docs/replay.schema.json").read_text())
    done = replay("--json", write(text))
    said = json.loads(done.stdout)
    jsonschema.validate(said, schema)
    assert done.returncode == (1 if any(not f["note"] for f in said["findings"]) else 0)
    assert said["machine"]["firmware"][3] == {"type": "usable", "start": 0x100000000, "end": 0x180000000}
    assert said["linux_known"] == ("Memory:" in text)
    del said["e820"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(said, schema)


def test_facts_read_back_as_the_same_machine(write):
    for path in sorted((ROOT / "tests/machines").glob("*.machine")):
        text = replay("--machine", path).stdout
        again = write(text, "again.machine")
        assert replay("--machine", again).stdout.splitlines()[1:] == text.splitlines()[1:], path
        assert replay("diff", path, again).returncode == 0, path


def test_qemu_takes_its_arguments(write):
    done = replay("--qemu", write(WELL + NODES))
    assert done.stdout == (
        "qemu-system-x86_64 -machine q35 -m 4096M -smp 2"
        " -object memory-backend-ram,id=ram0,size=2048M,reserve=off -numa node,nodeid=0,cpus=0,memdev=ram0"
        " -object memory-backend-ram,id=ram1,size=2048M,reserve=off -numa node,nodeid=1,cpus=1,memdev=ram1\n")
    started = subprocess.run([*done.stdout.split(), "-S", "-display", "none", "-monitor", "stdio"],
                             input="info numa\nquit\n", capture_output=True, text=True, check=False, timeout=60)
    assert started.returncode == 0, started.stderr
    assert "node 1 size: 2048 MB" in started.stdout
    # And read again, it is the machine less what only its firmware knows.
    again = replay("--machine", write(done.stdout, "qemu.txt"))
    assert "srat-memory 1 0x000100000000 0x000180000000\n" in again.stdout


def test_explain(write):
    done = replay("explain", "0x150000000", write(WELL + NODES))
    assert done.returncode == 0
    stations = [line.split()[0] for line in done.stdout.splitlines()[1:]]
    assert stations == ["firmware", "e820", "SRAT", "node", "zone", "pageblock", "block"]
    assert replay("explain", "much", write(WELL)).returncode == 2


def test_diff_says_a_slide_in_one_line(write):
    monday = write(WELL.replace("80000000-0x000000008fffffff] reserved", "7f000000-0x000000007f0fffff] ACPI data")
                   .replace("7fffffff] usable", "7effffff] usable", 1), "monday")
    tuesday = write(monday.read_text().replace("7f000000", "7f001000").replace("7f0fffff", "7f100fff")
                    .replace("7effffff", "7f000fff"), "tuesday")
    same = replay("diff", monday, monday)
    assert (same.returncode, same.stdout[:31]) == (0, "The firmware's map is the same,")
    slid = replay("diff", monday, tuesday)
    assert slid.returncode == 1
    assert slid.stdout.startswith("One slide: ACPI data (1 range, 1 MiB) between [mem 0x7f000000-0x7f0fffff]"
                                  " moved 4 KiB up (+0x1000)\n")
    assert replay("diff", monday).returncode == 2


def test_batons_own_log_is_read_and_its_reservations_told_apart(write):
    log = replay(write(WELL + NODES)).stdout
    moved = log.replace("LAYOUT", "TAYLOR", 1)
    done = replay("diff", write(log, "one"), write(moved, "two"))
    assert done.returncode == 1
    assert "The firmware's map is the same" in done.stdout
    assert "Its own, no matter of the firmware's:\n" in done.stdout
    assert "TAYLOR" in done.stdout


def test_what_if(write):
    log = write(WELL + NODES)
    assert "  node   1: [mem 0x0000000100000000-0x000000027fffffff]\n" in replay("--add-dimm=4G@1", log).stdout
    assert "last_pfn = 0x40000 " in replay("--options=mem=1G", log).stdout
    assert "            MINE\n" in replay("--reserve=MINE=64M@0x40000000", log).stdout
    assert replay("--crashkernel=512M", log).stdout == "crashkernel=512 MiB: [mem 0x60000000-0x7fffffff]\n"
    assert "node 1: 1 whole GiB" in replay("--hugepages-1g=1", log).stdout
    assert "memmap=4K$0x150000000\n" in replay("--bad=0x150000000", log).stdout
    for wrong in ("--add-dimm=x", "--options=mem=x", "--reserve=x", "--crashkernel=x", "--hugepages-1g=0",
                  "--bad=x", "--what"):
        done = replay(wrong, log)
        assert done.returncode == 2, wrong
        assert (wrong.partition("=")[2].partition("=")[0] or wrong) in done.stderr or wrong.split("=")[0] in done.stderr, wrong


def test_help_teaches_by_example():
    done = replay("--help")
    assert done.returncode == 0
    assert "dmesg | replay -" in done.stdout
    manual = (ROOT / "docs/replay.1").read_text().replace("\\-", "-")
    for word in done.stdout.split():
        if word.startswith("--"):
            option = word.split("=")[0].split("[")[0]
            assert option in manual, option


def test_mapdump_is_read(tmp_path):
    done = subprocess.run([ROOT / "tools/mapdump"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert done.stderr == ""
    (tmp_path / "map.txt").write_text(done.stdout)
    assert "@" not in done.stdout.replace(" @ 0x", "")  # nobody's name at a host


def test_corpus_says_who_agrees(write, tmp_path):
    write(WELL + NODES, "a.log")
    write(WELL + "Memory: 1K/2K available\n", "b.log")
    write("hello\n", "c.log")
    done = subprocess.run([ROOT / "tools/corpus", tmp_path], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert [line.split()[:2] for line in done.stdout.splitlines()[:3]] == [
        [word, f"{tmp_path.name}/{name}.log:"] for word, name in (("nothing", "a"), ("differed", "b"), ("failed", "c"))]
    assert "RAM: Linux 2 KiB, replay 4193916 KiB (Linux has 4,095.6 MiB less)" in done.stdout
    assert done.stdout.endswith("0 agreed, 1 differed, 1 failed, 1 nothing to compare\n")
