"""build/host/replay takes a machine's facts and a log through mm and shows where everything lies."""

import os
import pathlib
import re
import subprocess

import pytest
from conftest import ROOT

REPLAY = ROOT / "build/host/replay"

MACHINES = sorted((ROOT / "tests/machines").glob("*.machine"))


def logs():
    """Logs of Linux boots on real machines, which are not part of the project: those of the folder
    that BATON_LOGS names, if it is set."""
    folder = os.environ.get("BATON_LOGS")
    if not folder:
        return []
    found = sorted(pathlib.Path(folder).glob("*.log"))
    if not found:
        pytest.fail(f"BATON_LOGS={folder}: no *.log is there", pytrace=False)
    return found


LOG = """\
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
[    0.000000] ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]
[    0.000000] ACPI: SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]
"""


def replay(*words):
    return subprocess.run([REPLAY, *words], capture_output=True, text=True, check=False)


def test_facts_of_a_machine():
    done = replay(ROOT / "tests/machines/poweredge-r7425-8-nodes.machine")
    assert done.returncode in (0, 1), done.stderr
    assert "  node   7: [mem 0x000000fe00000000-0x000001007ff7ffff]\n" in done.stdout
    assert "Ledger: closed" in done.stdout
    assert "node 7 Normal" in done.stdout


def test_a_log_on_both_roads(tmp_path):
    log = tmp_path / "dmesg"
    log.write_text(LOG)
    pictures = []
    for road in ("bootmem", "memblock"):
        done = replay(f"--road={road}", "--columns=40", log)
        assert done.returncode in (0, 1), done.stderr
        assert "Initmem setup node 1 [mem 0x0000000100000000-0x000000017fffffff]\n" in done.stdout
        # All but page 0 and the hole below 1 MiB; free is what the ledger says.
        memory = re.search(r"^Memory: (\d+)K/(\d+)K available \((\d+)K reserved, 0K cma-reserved\)$", done.stdout, re.M)
        available, present, reserved = map(int, memory.groups())
        assert present == (0xa0000 - 0x1000 + (0x80000000 - 0x100000) + 0x80000000) // 1024
        assert available + reserved == present
        assert re.search(rf"Ledger:   free in buddy +{available * 1024}$", done.stdout, re.M)
        pictures.append([line for line in done.stdout.splitlines() if line.startswith("Node ")])
    assert pictures[0] == pictures[1]  # the same buddyinfo


def test_what_is_wrong_is_said(tmp_path):
    empty = tmp_path / "dmesg"
    empty.write_text("nothing of interest\n")
    for words, said in (([empty], "e820"), ([tmp_path / "none"], "cannot be read"), ([], "usage"),
                        (["--columns=0", empty], "--columns"), (["-x", empty], "usage")):
        done = replay(*words)
        assert done.returncode == 2
        assert said in done.stderr, (words, done.stderr)


def replayed(tmp_path, text, *words):
    log = tmp_path / "dmesg"
    log.write_text(text)
    return replay(*words, log)


def test_entries_no_machine_could_map(tmp_path):
    done = replayed(tmp_path, LOG + "BIOS-e820: "
                    "[mem 0x0000fffd00000000-0x000fffffffffffff] reserved\n")
    assert done.returncode in (0, 1), done.stderr
    assert "  node   1: [mem 0x0000000100000000-0x000000017fffffff]\n" in done.stdout


def test_what_was_lost_to_mtrrs(tmp_path):
    done = replayed(tmp_path, LOG +
                    "e820: update [mem 0x160000000-0x17fffffff] usable ==> reserved\n"
                    "CPU MTRRs don't cover all of memory, losing 512MB of RAM.\n")
    assert re.search(r"Ledger: +MTRR +536870912\n", done.stdout)
    assert "  node   1: [mem 0x0000000100000000-0x000000015fffffff]\n" in done.stdout


def test_a_32_bit_log_gets_its_zones(tmp_path):
    done = replayed(tmp_path, LOG + "max_arch_pfn = 0x100000\n885MB LOWMEM available.\n"
                    "Zone ranges:\n  Normal   [mem 0x0000000001000000-0x00000000375fdfff]\n"
                    "  HighMem  [mem 0x00000000375fe000-0x000000007fffffff]\n")
    assert done.returncode in (0, 1), done.stderr
    assert "  HighMem  [mem 0x00000000375fe000-0x000000007fffffff]\n" in done.stdout
    assert "32-bit kernel" in done.stderr
    assert "Differs" not in done.stdout
    assert re.search(r"Ledger: +above 32 bits +2147483648\n", done.stdout)


def test_where_linux_had_another_result_it_is_said(tmp_path):
    linux = ("Zone ranges:\n  DMA32    [mem 0x0000000001000000-0x00000000ffffffff]\n"
             "  node   0: [mem 0x0000000000001000-0x000000000009ffff]\n"
             "  node   0: [mem 0x0000000000100000-0x000000007fffffff]\n"
             "  node   1: [mem 0x0000000100000000-0x000000017fffffff]\n"
             "Memory: 1K/4193916K available\n")
    assert "Differs" not in replayed(tmp_path, LOG + linux).stdout
    done = replayed(tmp_path, LOG + linux.replace("17fff", "16fff").replace("4193916K", "1K"))
    assert ("Differs from what the log says Linux made of it:\n"
            "  RAM of node 1: 0x100000000-0x16fffffff, so only in Linux\n"
            "  RAM of node 1: 0x100000000-0x17fffffff, so only in replay\n"
            "  RAM: Linux 1 KiB, replay 4193916 KiB (Linux has 4,095.6 MiB less)\n") in done.stdout


def test_remarks_name_the_line(tmp_path):
    done = replayed(tmp_path, LOG + "BIOS-e820: [mem 0x00000002\nSRAT: Node 3000 PXM 1 0-1000\n")
    assert done.returncode == 2
    assert "dmesg:6: cannot be read: BIOS-e820" in done.stderr
    assert "dmesg:7: node id is too large (3000" in done.stderr
    boots = ("Linux version 6.1\n" + LOG) * 2
    assert "2 boots in this log" in replayed(tmp_path, boots).stderr
    assert "no number 3" in replayed(tmp_path, boots, "--boot=3").stderr
    assert "/proc/meminfo" in replayed(tmp_path, "MemTotal:  1024 kB\n").stderr


def facts(log):
    """{subject: what a log says of it}, of those the log has anything of."""
    ranges = re.findall(r"^(?:\[.*?\] )?  node +(\d+): \[mem 0x(\w+)-0x(\w+)\]", log, re.MULTILINE)
    spans = re.findall(r"Initmem setup node (\d+) \[mem 0x(\w{16})-0x(\w{16})\]", log)
    found = {
        "node": [(int(node), int(first, 16), int(last, 16) + 1) for node, first, last in spans
                 if int(last, 16)],
        "node-range": [(int(node), int(first, 16), int(last, 16) + 1)
                       for node, first, last in ranges],
        "unavailable": [(int(node), zone, int(pages)) for node, zone, pages in re.findall(
            r"On node (\d+), zone (\w+): (\d+) pages in unavailable", log)],
    }
    return {subject: lines for subject, lines in found.items() if lines}


def ram_kib(log):
    return sum(end - start for _, start, end in facts(log)["node-range"]) >> 10


KINDS = {"acpi-data": "ACPI data", "acpi-nvs": "ACPI NVS", "persistent": "persistent (type 7)"}


class RealMachine:
    """The facts of a file of tests/machines/."""

    def __init__(self, path):
        self.lines = [line.split() for line in path.read_text().splitlines()
                      if line and not line.startswith("#")]

    def of(self, keyword):
        return [words[1:] for words in self.lines if words[0] == keyword]

    def log(self):
        """What Linux prints of what the firmware said."""
        def mem(start, end, digits):
            return f"[mem 0x{int(start, 16):0{digits}x}-0x{int(end, 16) - 1:0{digits}x}]"
        node_of = dict(self.of("pxm"))
        return "".join(
            [f"BIOS-e820: {mem(start, end, 16)} {KINDS.get(kind, kind.replace('-', ' '))}\n"
             for start, end, kind in self.of("e820")]
            + [f"user: {mem(start, end, 16)} {KINDS.get(kind, kind)}\n"
               for start, end, kind in self.of("user")]
            + [f"e820: update {mem(*trim, 8)} usable ==> reserved\n" for trim in self.of("trim")]
            + [f"ACPI: SRAT: Node {node_of.get(pxm, pxm)} PXM {pxm} {mem(start, end, 8)}"
               + "".join(f" {flag}" for flag in flags) + "\n"
               for pxm, start, end, *flags in self.of("srat-memory")])

    def linux(self):
        """{subject: what Linux made of it}, less what is excepted."""
        found = {
            "node": [(int(node), int(start, 16), int(end, 16))
                     for node, start, end in (n for n in self.of("node") if len(n) == 3)],
            "node-range": [(int(node), int(start, 16), int(end, 16))
                           for node, start, end in self.of("node-range")],
            "unavailable": [(int(node), zone, int(pages))
                            for node, zone, pages in self.of("unavailable")],
            "total-kib": [int(kib) for (kib,) in self.of("total-kib")],
        }
        excepted = {words[0] for words in self.of("except")}
        return {subject: lines for subject, lines in found.items()
                if lines and subject not in excepted}


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_the_log_of_a_real_machine(tmp_path, path):
    """Its firmware's words as a Linux log says them; what Linux made of them must come out."""
    machine = RealMachine(path)
    log = tmp_path / "dmesg"
    log.write_text(machine.log())
    done = replay(log)
    assert done.returncode in (0, 1), done.stderr
    assert "Ledger: closed" in done.stdout
    ours = {**facts(done.stdout), "total-kib": [ram_kib(done.stdout)]}
    linux = machine.linux()
    assert {subject: ours.get(subject) for subject in linux} == linux


def test_there_are_real_machines():
    assert sum(bool(RealMachine(path).linux()) for path in MACHINES) > 50


# What is not as Linux printed it: (log, subject) -> why.
EXCEPTIONS = {
    ("80-thinkpad-21lv", "unavailable"): "memmap= took the last 32 MiB, in lines the log has lost",
    ("80-thinkpad-21lv", "RAM"): "the same",
}


@pytest.mark.skipif(not os.environ.get("BATON_LOGS"), reason="BATON_LOGS names no folder of logs")
def test_logs_from_outside():
    for path in logs():
        linux = path.read_text()
        done = replay(path)
        assert done.returncode in (0, 1), f"{path}: {done.stderr}"
        assert "Ledger: closed" in done.stdout, path
        ours, theirs = facts(done.stdout), facts(linux)
        pairs = {subject: (ours.get(subject), theirs[subject]) for subject in theirs}
        total = re.search(r"Memory: \d+K/(\d+)K available", linux)
        if total:
            pairs["RAM"] = ram_kib(done.stdout), int(total[1])
        assert pairs, path
        for subject, (mine, his) in pairs.items():
            reason = EXCEPTIONS.get((path.stem, subject))
            assert (mine == his) == (reason is None), \
                f"{path}: {subject}: {mine}\nLinux: {his}\n{reason}"
