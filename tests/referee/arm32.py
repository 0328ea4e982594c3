"""What Linux's ARM of 32 bits says about memory, in the terms of a PC's Linux and of Baton.

As on AArch64 (arm64.py) memory is what the firmware describes so, and four things more. What lies below
RAM's beginning is ignored, the flash too, and Linux says that. Lowmem is zone DMA in Debian's kernel, as
some of its boards have devices that reach no further; Normal is what remains, which is nothing on the
others. Baton has Linux 4.14's names, where such boards alone have the zone: Normal. Without ACPI the
firmware has set no room aside for ACPI's tables, and so the one page there is of that kind is the stub's
copy of the map, which tells where it is. And nothing is said of nodes, as there are none.
"""

import re

import arm64
import tables

_IGNORED = re.compile(r"OF: fdt: Ignoring memory block 0x(\w+) - 0x(\w+)")
_COPY = re.compile(r"efi: +MemMap Address +: 0x(\w+)")
_ZONEINFO = tables.subject("zoneinfo")
_EMPTY = ("  Normal   empty", "Node 0, zone Normal: spanned 0 present 0")
# In lines of the log, in tables, and as facts.py writes a zone's counts.
_NAMES = {"  DMA      [mem": "  Normal   [mem", "zone      DMA": "zone   Normal", "zone DMA:": "zone Normal:"}
_OWN = "Loader Data"  # what else the stub has allocated is of this type


def in_terms_of_a_pc(facts, dmesg):
    """[(subject, line)] of Linux's facts, which came out of `dmesg`, its lines."""
    ignored = [(int(match[1], 16), int(match[2], 16))
               for match in map(_IGNORED.search, dmesg) if match]
    copies = [int(match[1], 16) for match in map(_COPY.search, dmesg) if match]
    descriptors = [(low, high, _OWN if kind == "ACPI Reclaim" and
                    any(low <= copy < high for copy in copies) else kind, bits)
                   for low, high, kind, bits in arm64.descriptors(dmesg)]
    return arm64.translated(list(_zones(facts)), descriptors, ignored)


def _zones(facts):
    """Zone DMA called Normal, and not the other Normal, which must be empty."""
    empty = False  # these rows are of the empty one's
    for subject, line in facts:
        if subject == _ZONEINFO and line.startswith("Node "):
            empty = line.endswith(" Normal")
        if (subject == _ZONEINFO and empty) or line in _EMPTY:
            continue
        if re.match(r"  Normal |Node 0, zone Normal:", line):
            raise ValueError(f"RAM in a zone between DMA and HighMem: {line}")
        if subject == _ZONEINFO:  # a zone less to protect
            line = re.sub(r"(protection: \(#), #", r"\1", line)
        for theirs, ours in _NAMES.items():
            line = line.replace(theirs, ours)
        yield subject, line
