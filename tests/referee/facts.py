"""What a boot said about its machine, taken out of a log: the lines two kernels can be compared by.

A fact is one line of text in the words of Linux 6.1, without its time stamp, filed under a subject.
Linux's own log and Baton's are read by the same code.
"""

import re

import arm32
import arm64
import tables
from machine import qemu

# Subject -> the lines that belong to it, in the order in which a kernel prints them.
SUBJECTS = {
    "BIOS-e820 map": r"BIOS-e820: ",
    "SRAT processors": r"(?:ACPI: NUMA: )?SRAT: PXM ",
    "SRAT memory": r"ACPI: SRAT: ",
    "lowmem": r"\d+MB (?:HIGHMEM|LOWMEM) available|  mapped low ram: |  low ram: ",
    "NUMA node ranges": r"NUMA: |No NUMA configuration found|Faking a node at |"
                        r"(Warning: )?node \d+ \[mem .* overlaps with ",
    "zone ranges": r"Zone ranges:|  (DMA|DMA32|Normal|HighMem|Movable|Device) +(\[mem |empty)|"
                   r"Movable zone start for each node|  Node \d+: 0x",
    "early memory node ranges": r"Early memory node ranges|  node +\d+: \[mem ",
    "node set-up": r"Initmem setup node |Initializing node ",
    "unavailable ranges": r"On node \d+, zone ",
    "fallback order": r"Fallback order for Node ",
    "total memory": r"Memory: \d+K/",
}
_SUBJECT = re.compile("|".join(f"(?P<s{i}>{lines})"
                               for i, lines in enumerate(SUBJECTS.values())))
ZONEINFO = "zoneinfo: spanned and present"
ALL_SUBJECTS = (*SUBJECTS, ZONEINFO, tables.FIRMWARE_ROWS,
                *(tables.subject(name) for name in tables.NAMES))


def position(subject):
    """Where a subject stands in a boot; what is none of ours comes last."""
    return ALL_SUBJECTS.index(subject) if subject in ALL_SUBJECTS else len(ALL_SUBJECTS)


_STAMP = re.compile(r"(?:<\d+>)?\[ *\d+\.\d+\] ")
_TOTAL = re.compile(r"Memory: \d+K/(\d+)K available")
_ZONE = re.compile(r"Node (\d+), zone +(\w+)$")
_COUNT = re.compile(r" +(spanned|present) +(\d+)$")
_NUMA_CHATTER = re.compile(r"NUMA: (?!Node |nodes only cover)")


def section(log, name):
    """The lines between the markers our init prints around `name`."""
    match = re.search(rf"^=== BEGIN {name} ===$(.*?)^=== END ===$", log, re.MULTILINE | re.DOTALL)
    return match[1].splitlines()[1:] if match else []


def of_linux(log, arch=qemu.X86_64):
    """[(subject, line)] from the report of the referee's Linux."""
    dmesg = section(log, "dmesg")
    found = _all(dmesg, {name: section(log, name) for name in tables.NAMES}, dmesg)
    translations = {"aarch64": arm64, "arm": arm32}
    if arch.name in translations:
        return translations[arch.name].in_terms_of_a_pc(found, dmesg)
    return found


def of_baton(log, printed):
    """[(subject, line)] from Baton's serial log and its tables, {name: [line]}."""
    return _all(log.splitlines(), printed, ())


def _all(log, printed, reserved_later):
    found = _of_log(log) + _of_zoneinfo(printed["zoneinfo"])
    found += tables.firmware_rows(printed["iomem"], reserved_later)
    for name in tables.NAMES:
        found += tables.form(name, printed[name])
    return found


def _of_log(lines):
    facts = []
    for stamped in lines:
        stamp = _STAMP.match(stamped)
        if not stamp:
            continue
        line = stamped[stamp.end():].rstrip()
        match = _SUBJECT.match(line)
        if not match or _NUMA_CHATTER.match(line):
            continue
        subject = list(SUBJECTS)[int(match.lastgroup[1:])]
        if subject == "total memory":
            # What is free by then depends on the kernel's own size; what there is does not. Linux
            # brings plugged memory and its nodes up after this line; before it all is settled.
            facts.append((subject, f"Memory: {_TOTAL.match(line)[1]}K in all"))
            break
        facts.append((subject, line))
    return facts


def _of_zoneinfo(lines):
    facts, zone, counts = [], None, {}
    for line in lines:
        line = line.rstrip()
        match = _ZONE.match(line)
        if match:
            zone, counts = match, {}
            continue
        match = _COUNT.match(line)
        if match and zone:
            counts[match[1]] = match[2]
            if len(counts) == 2:
                facts.append((ZONEINFO, f"Node {zone[1]}, zone {zone[2]}: spanned "
                                        f"{counts['spanned']} present {counts['present']}"))
                zone = None
    return facts
