"""What build/host/replay reads beside logs: tables, folders, archives, journals, reports, several files of one machine."""

import json
import os
import struct
import subprocess
import tarfile
import zlib

import pytest
from replays import FACTS, NODES, ROOT, WELL, facts, replay


def table(signature, body):
    """An ACPI table with its header and checksum."""
    data = bytearray(struct.pack("<4sIBB6s8sI4sI", signature, 36 + len(body), 3, 0, b"BATON ", b"TEST    ", 1,
                                 b"TEST", 1) + body)
    data[9] = -sum(data) & 0xff
    return bytes(data)


def memory(domain, start, size):
    return struct.pack("<BBIHQQIIQ", 1, 40, domain, 0, start, size, 0, 1, 0)


SRAT = table(b"SRAT", struct.pack("<IQ", 1, 0) + memory(0, 0, 0x80000000) + memory(5, 0x100000000, 0x80000000))
SLIT = table(b"SLIT", struct.pack("<Q", 6) + bytes(10 if i == j else 20 + i + j for i in range(6) for j in range(6)))


def dumped(name, data):
    """As acpidump prints it."""
    lines = [f"{name} @ 0x0000000000000000"]
    for at in range(0, len(data), 16):
        part = data[at:at + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"    {at:04X}: {' '.join(f'{byte:02X}' for byte in part):<48} {shown}")
    return "\n".join(lines) + "\n"


def test_tables_beside_a_log(write, tmp_path):
    log = write(WELL)
    raw = tmp_path / "SRAT"
    raw.write_bytes(SRAT)
    slit = tmp_path / "SLIT"
    slit.write_bytes(SLIT)
    text = write(dumped("SRAT", SRAT) + "\n" + dumped("SLIT", SLIT), "acpi.txt")
    for tables in ([raw, slit], [text]):
        done = replay(log, *tables)
        assert "  node   1: [mem 0x0000000100000000-0x000000017fffffff]\n" in done.stdout, done.stderr
        assert json.loads(replay("--json", log, *tables).stdout)["machine"]["srat"][1]["node"] == 1
    alone = replay(raw)
    assert alone.returncode == 2
    assert "looks like ACPI's tables" in alone.stderr
    cut = write(dumped("SRAT", SRAT[:-8]), "cut.txt")
    assert "table SRAT is not whole" in replay(log, cut).stderr


def tree(folder):
    for number, (start, end, kind) in enumerate([(0, 0x9ffff, "System RAM"), (0x100000, 0x7fffffff, "System RAM"),
                                                 (0x80000000, 0x8fffffff, "Reserved"),
                                                 (0x100000000, 0x17fffffff, "System RAM")]):
        entry = folder / "memmap" / str(number)
        entry.mkdir(parents=True)
        for name, value in (("start", hex(start)), ("end", hex(end)), ("type", kind)):
            (entry / name).write_text(value + "\n")
    return folder


def test_a_folder_an_archive_and_standard_input(write, tmp_path):
    folder = tree(tmp_path / "sys")
    assert facts(replay("--machine", folder)) == FACTS
    packed = tmp_path / "sys.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(folder, arcname="sys")
    assert facts(replay("--machine", packed)) == FACTS
    assert facts(replay("--machine", "-", input=WELL)) == FACTS
    assert replay(tmp_path / "none").returncode == 2
    damaged = tmp_path / "damaged.tar.gz"
    damaged.write_bytes(packed.read_bytes()[:60])
    assert replay(damaged).returncode == 2


def test_two_maps_of_one_machine(write):
    other = WELL.replace("17fffffff", "16fffffff")
    done = replay("--machine", write(WELL), write(other, "other"))
    assert facts(done) == FACTS
    assert "other: another map" in done.stderr
    # What the firmware says goes before what a kernel keeps.
    iomem = write("00001000-0009ffff : System RAM\n00100000-7fffffff : System RAM\n", "iomem")
    assert facts(replay("--machine", iomem, write(WELL))) == FACTS


def test_arm64_by_its_node_ranges(write):
    done = replay(write("Booting Linux on physical CPU 0x0000000000 [0x411fd070]\n"
                        "Linux version 6.1.0-18-arm64\n"
                        "  node   0: [mem 0x0000000040000000-0x00000000fffeffff]\n"
                        "  node   0: [mem 0x0000000100000000-0x000000013fffffff]\n"))
    assert done.returncode == 0, done.stderr
    assert "  DMA      [mem 0x0000000040000000-0x00000000ffffffff]\n" in done.stdout
    assert "the firmware's map is not in the log" in done.stderr


def test_memory_speeds_and_cpus_of_nodes(write, tmp_path):
    """HMAT and MADT: node 1 is slow and has no CPU; one CPU is in no node."""
    def x2apic(domain, apic):
        return struct.pack("<BBHIIII4x", 2, 24, 0, domain, apic, 1, 0)

    def of_revision(revision, table):
        return table[:8] + bytes([revision, (table[9] + table[8] - revision) & 0xff]) + table[10:]

    def local_apic(apic, enabled=1):
        return struct.pack("<BBBBI", 0, 8, apic, apic, enabled)
    srat = table(b"SRAT", struct.pack("<IQ", 1, 0) + x2apic(0, 0) + x2apic(0, 1) + memory(0, 0, 0x80000000) +
                 memory(5, 0x100000000, 0x80000000))
    madt = table(b"APIC", struct.pack("<II", 0xfee00000, 1) + local_apic(0) + local_apic(1) + local_apic(7) +
                 local_apic(8, 0))

    def locality(kind, unit, values):
        return struct.pack("<HHIBBHIIIQIIIHH", 1, 0, 32 + 12 + 4, 0, kind, 0, 1, 2, 0, unit, 0, 0, 5, *values)
    hmat = table(b"HMAT", bytes(4) + locality(1, 1000, (80, 250)) + locality(4, 100, (1000, 280)))
    hmat = of_revision(2, hmat)  # picoseconds
    log = write(WELL)
    for name, data in (("SRAT", srat), ("APIC", madt), ("HMAT", hmat)):
        (tmp_path / name).write_bytes(data)
    text = write("".join(dumped(name, data) + "\n" for name, data in (
        ("SRAT", srat), ("APIC", madt), ("HMAT", hmat))), "acpi.txt")
    for tables in ([tmp_path / "SRAT", tmp_path / "APIC", tmp_path / "HMAT"], [text]):
        done = replay("--json", log, *tables)
        assert (done.returncode, done.stderr) == (1, "")
        said = json.loads(done.stdout)
        texts = {finding["name"]: finding["text"] for finding in said["findings"]}
        assert texts["memory-speeds-differ"] == (
            "Memory is not equally fast (HMAT): read latency 80 ns from node 0 to node 0, 250 ns from node 0 to "
            "node 1; read bandwidth 100000 MB/s from node 0 to node 0, 28000 MB/s from node 0 to node 1.")
        assert texts["node-without-cpus"] == "2,048 MiB are in nodes that have no CPU: 1."
        assert texts["cpu-without-node"] == "1 of 3 CPUs are in no node of SRAT's (APIC ids 0x7)."
        assert said["machine"]["speeds"][1] == {"from": 0, "to": 1, "kind": "read_latency_ps", "value": 250000}
    # Revision 1 counts in tenths of nanoseconds and of MB/s.
    old = tmp_path / "old"
    old.write_bytes(of_revision(1, table(b"HMAT", bytes(4) + locality(1, 1, (800, 2500)) +
                                         locality(4, 1000, (1000, 280)))))
    said = json.loads(replay("--json", log, tmp_path / "SRAT", tmp_path / "APIC", old).stdout)
    assert [speed["value"] for speed in said["machine"]["speeds"]] == [80000, 250000, 100000, 28000]
    bad = tmp_path / "HMAT"
    bad.write_bytes(table(b"HMAT", bytes(4) + locality(1, 1000, (80, 250))[:40]))
    assert "HMAT ends within a structure" in replay(log, tmp_path / "SRAT", bad).stderr


# --- Journals and reports --------------------------------------------------------------------------

def exported(log):
    return "".join(f"__CURSOR=s=1\n_TRANSPORT=kernel\nMESSAGE={line}\nPRIORITY=6\n\n" for line in log.splitlines())


def test_journals_as_journalctl_prints_them(write):
    assert facts(replay("--machine", write(exported(WELL)))) == FACTS
    pretty = "".join(f'{{\n\t"MESSAGE" : {json.dumps(line)},\n\t"_TRANSPORT" : "kernel"\n}}\n' for line in WELL.splitlines())
    assert facts(replay("--machine", write(pretty))) == FACTS
    lines = "".join(json.dumps({"_TRANSPORT": "kernel", "MESSAGE": line}) + "\n" for line in WELL.splitlines())
    assert facts(replay("--machine", write(lines))) == FACTS


def test_a_journal_in_its_own_form_is_journalctls(write, tmp_path):
    """A journalctl of the test's own says what it was asked; without one it is said what to do."""
    journal = tmp_path / "system.journal"
    journal.write_bytes(b"LPKSHHRH" + bytes(200))
    programs = tmp_path / "bin"
    programs.mkdir()
    out = write(exported(WELL), "export.txt")
    fake = programs / "journalctl"
    fake.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n'
                    f'test "$(head -c 8 "$2")" = LPKSHHRH && exec /bin/cat {out}\n')
    fake.chmod(0o755)
    here = {**os.environ, "PATH": f"{programs}:/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    assert facts(replay("--machine", journal, env=here)) == FACTS
    asked = (tmp_path / "asked").read_text().split()
    assert asked[0] == "--file" and asked[2:] == ["--quiet", "--no-pager", "--output=export", "_TRANSPORT=kernel"]
    assert not list(tmp_path.glob("replay-*"))  # nothing is left behind
    fake.write_text("#!/bin/sh\nexit 1\n")
    empty = replay(journal, env=here)
    assert empty.returncode == 2 and "finds no word of a kernel in it" in empty.stderr
    fake.write_text(f"#!/bin/sh\nhead -n 8 {out}\nexit 1\n")
    part = replay(journal, env=here)
    assert part.returncode == 2 and "cannot read whole" in part.stderr
    fake.unlink()
    alone = replay(journal, env={**here, "PATH": str(programs)})
    assert alone.returncode == 2
    assert "journalctl --file JOURNAL --output=export > journal.txt" in alone.stderr


def test_reports_in_json(write):
    report = write(json.dumps({"version": 1, "date": None, "summary": ["a {line}"], "map": [
        {"start": hex(start), "pages": (end - start) >> 12, "type": kind, "name": "", "attributes": "0xf"}
        for start, end, kind in ((0, 0xa0000, 7), (0x100000, 0x80000000, 4), (0x80000000, 0x90000000, 0),
                                 (0x100000000, 0x180000000, 7))]}, indent=2), "report.json")
    assert facts(replay("--machine", report)) == FACTS
    own = write(replay("--json", write(WELL)).stdout, "own.json")
    assert facts(replay("--machine", own)) == FACTS
    moved = write(WELL.replace("80000000-0x000000008fffffff", "80001000-0x000000008fffffff"), "tuesday")
    assert "reserved" in replay("diff", report, moved).stdout
    assert replay("diff", report, own).returncode == 0
    pasted = write("See what it says:\n" + own.read_text(), "mail.txt")
    done = replay("--machine", pasted)
    assert facts(done) == FACTS and "as of a PC of 64 bits" in done.stderr


def of_32_bits(kernel):
    return kernel + "Zone ranges:\n  DMA      [mem 0x00001000-0x00ffffff]\n" \
        "  Normal   [mem 0x01000000-0x375fdfff]\n  HighMem  [mem 0x375fe000-0x7fffffff]\n"


@pytest.mark.parametrize("text", [WELL + NODES, of_32_bits(WELL), "\n".join(
    ["Booting Linux on physical CPU 0x0000000000 [0x411fd070]", "Linux version 6.1.0-18-arm64",
     "  node   0: [mem 0x0000000040000000-0x00000000fffeffff]", ""])])
def test_json_and_facts_read_back_as_the_same_machine(write, text):
    first = replay("--json", write(text, "log")).stdout
    said = json.loads(first)
    again = json.loads(replay("--json", write(first, "again.json")).stdout)
    assert again == {**said, "input": again["input"]} and again["input"].endswith("again.json")
    machine = replay("--machine", write(text, "log")).stdout
    by_facts = json.loads(replay("--json", write(machine, "again.machine")).stdout)
    said["machine"]["remarks"] = []
    assert by_facts == {**said, "input": by_facts["input"]}


# --- Baton's record of the map, device trees -------------------------------------------------------

def record(ranges):
    text = ("# The firmware's memory map, as Baton compares it with the next start's: first and last\n"
            "# address, UEFI's number of the type, its name.\nsince 2026-07-01 12:00\n")
    text += "".join(f"{start:016x}-{end - 1:016x} {kind} Somebody's\n" for start, end, kind in ranges)
    return text + f"sum={zlib.crc32(text.encode()):08x}\n"


def test_the_map_that_baton_keeps(write):
    ranges = [(0, 0xa0000, 7), (0x100000, 0x80000000, 7), (0x80000000, 0x90000000, 0), (0x100000000, 0x180000000, 7)]
    kept = write(record(ranges), "map.txt")
    done = replay("--machine", kept)
    assert (facts(done), done.stderr) == (FACTS, "")
    slid = write(record([*ranges[:2], (0x80000000, 0x90001000, 0), ranges[3]]), "map.old")
    assert "grew" in replay("diff", kept, slid).stdout
    torn = write(kept.read_text()[:-14], "torn.txt")
    assert "the record" in (said := replay(torn).stderr) and "what can be read is taken" in said


def test_a_device_tree(tmp_path):
    machine = ["qemu-system-aarch64", "-M", f"virt,dumpdtb={tmp_path}/a.dtb", "-cpu", "cortex-a57", "-smp", "2", "-m", "2G"]
    for node in range(2):
        machine += ["-object", f"memory-backend-ram,id=m{node},size=1G", "-numa", f"node,nodeid={node},cpus={node},memdev=m{node}"]
    subprocess.run([*machine, "-numa", "dist,src=0,dst=1,val=40"], check=True, capture_output=True, timeout=60)
    done = replay("--json", tmp_path / "a.dtb")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)["machine"]
    assert (said["kind"], said["distances"]) == ("arm64", [[10, 40], [40, 10]])
    assert said["cpus"] == {"enabled": 2, "of_nodes": [1, 1], "in_no_node": []}
    assert sorted((entry["node"], entry["start"]) for entry in said["srat"]) == [(0, 0x40000000), (1, 0x80000000)]
    cut = tmp_path / "cut.dtb"
    cut.write_bytes((tmp_path / "a.dtb").read_bytes()[:3000])
    assert replay(cut).returncode == 2 and "cut.dtb: a device tree" in replay(cut).stderr


# --- 32-bit Arm ------------------------------------------------------------------------------------

def test_arm_by_its_banks_and_what_it_ignores(write):
    done = replay(write("Linux version 5.10.0-8-armmp\nCPU: ARMv7 Processor [410fc075] revision 5 (ARMv7), cr=30c5387d\n"
                        "Ignoring RAM at 0x70000000-0x80000000\nZone ranges:\n"
                        "  DMA      [mem 0x0000000040000000-0x000000006fffffff]\n  Normal   empty\n"
                        "  node   0: [mem 0x0000000040000000-0x000000006fffffff]\n"
                        "Memory: 762800K/786432K available\n"))
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("Findings: 1\n  1. 256 MiB of RAM are not used, because they lie above lowmem")
    assert "Ledger: closed" in done.stdout and "Differs" not in done.stdout
    banks = write("Linux version 2.6.35\nCPU: ARM926EJ-S [41069265] revision 5 (ARMv5TEJ), cr=00053177\n"
                  "Kernel command line: console=ttyS0 mem=64M@0x80000000 mem=64M@0x90000000\n"
                  "Memory: 64MB 64MB = 128MB total\n", "banks")
    assert facts(replay("--machine", banks)) == ("e820 0x000080000000 0x000084000000 usable\n"
                                                 "e820 0x000090000000 0x000094000000 usable\n")
    assert replay("--qemu", banks).stdout.startswith("qemu-system-arm -machine virt -m 128M")
