"""What Linux's arm64 says about memory, in the terms of a PC's Linux and of Baton.

On arm64 there is no e820, and memory is whatever the firmware describes as cacheable or write-combining
(is_memory() of drivers/firmware/efi/efi-init.c): runtime services' and reserved RAM too, which is then
not mapped but counts as present; and under AAVMF the flash for variables, which is no RAM at all. Baton
counts what may be used. Linux prints the descriptors (efi=debug), so one follows from the other: the
ranges that do not count are taken out of Linux's lines. That Linux took for memory what this file says
it takes is checked, too.
"""

import re

import tables
from tables import joined

PAGE = 0x1000
_DESCRIPTOR = re.compile(r"efi:   0x(\w+)-0x(\w+) \[([^|]+?) *\|(.*)\]")
_E820 = {"Loader Code": "usable", "Loader Data": "usable", "Boot Code": "usable",
         "Boot Data": "usable", "Conventional": "usable", "Unusable": "unusable",
         "ACPI Reclaim": "ACPI data", "ACPI Mem NVS": "ACPI NVS", "Persistent": "persistent"}
_EARLY = re.compile(r"  node +(\d+): \[mem 0x(\w+)-0x(\w+)\]")
_ZONE = re.compile(r"  (\w+) +\[mem 0x(\w+)-0x(\w+)\]")
_SPANNED = re.compile(r"Node (\d+), zone (\w+): spanned (\d+) present (\d+)")
_ROW = re.compile(r"([0-9a-f]+)-([0-9a-f]+) : (.*)")


def in_terms_of_a_pc(facts, dmesg):
    """[(subject, line)] of Linux's facts, which came out of `dmesg`, its lines."""
    return translated(facts, descriptors(dmesg))


def descriptors(dmesg):
    """[(start, end, type, bits)] of the firmware's map, as Linux prints it."""
    return [(int(match[1], 16), int(match[2], 16) + 1, match[3], match[4])
            for match in map(_DESCRIPTOR.search, dmesg) if match]


def translated(facts, found, ignored=()):
    """Linux's facts, with what the descriptors `found` say of memory. `ignored`: [(start, end)] that
    are memory by their bits and that Linux left out."""
    memory = joined((low, high) for low, high, _, bits in found
                    if re.search(r"W[BTC]", bits) and (low, high) not in ignored)
    usable = joined((low, high) for low, high, kind, _ in found
                    if _E820.get(kind) == "usable")
    said = [(match[1], int(match[2], 16), int(match[3], 16) + 1)
            for match in (_EARLY.fullmatch(line) for _, line in facts) if match]
    if joined((low, high) for _, low, high in said) != memory:
        raise ValueError(f"Linux's memory {said} is not what efi-init.c makes of the descriptors: "
                         f"{memory}")
    nodes = {node: joined((max(low, floor), min(high, top)) for low, high in usable
                           for owner, floor, top in said
                           if owner == node and max(low, floor) < min(high, top))
             for node in sorted({node for node, _, _ in said}, key=int)}
    zones = {match[1]: (int(match[2], 16), int(match[3], 16) + 1)
             for match in (_ZONE.fullmatch(line) for _, line in facts) if match}
    result = [("BIOS-e820 map", line) for line in _e820(found)]
    # Which node a CPU is in is asked after all else there.
    result += [fact for fact in facts if fact[0] == "SRAT processors"]
    for subject, line in facts:
        if subject == "SRAT processors":
            continue
        if subject == "unavailable ranges":
            continue  # between RAM and what is not used of it, there are none for Linux
        if subject == "early memory node ranges" and _EARLY.fullmatch(line):
            continue
        result.append((subject, _line(subject, line, usable, nodes, zones)))
        if line == "Early memory node ranges":
            spread = sorted((low, high, node) for node, pieces in nodes.items()
                            for low, high in pieces)
            result += [(subject, f"  node {node:>3}: [mem {low:#018x}-{high - 1:#018x}]")
                       for low, high, node in spread]
    return _iomem(result, found, usable)


def _line(subject, line, usable, nodes, zones):
    match = _ZONE.fullmatch(line)
    if subject == "zone ranges" and match:
        inside = _inside(usable, *zones[match[1]])
        return f"  {match[1]:8} " + (_mem(inside[0][0], inside[-1][1]) if inside else "empty")
    match = re.fullmatch(r"Initmem setup node (\d+) \[mem .*\]", line)
    if match:
        own = nodes[match[1]]
        return f"Initmem setup node {match[1]} {_mem(own[0][0], own[-1][1])}"
    if subject == "total memory":
        return f"Memory: {_bytes(usable) >> 10}K in all"
    match = _SPANNED.fullmatch(line)
    if match and int(match[4]):
        inside = _inside(nodes[match[1]], *zones[match[2]])
        spanned = inside[-1][1] - inside[0][0] if inside else 0
        return (f"Node {match[1]}, zone {match[2]}: spanned {spanned // PAGE} present "
                f"{_bytes(inside) // PAGE}")
    return line


def _e820(found):
    kinds = {}
    for low, high, kind, _ in found:
        kinds.setdefault(_E820.get(kind, "reserved"), []).append((low, high))
    rows = sorted((low, high, kind) for kind, pieces in kinds.items()
                  for low, high in joined(pieces))
    return [f"BIOS-e820: {_mem(low, high)} {kind}" for low, high, kind in rows]


def _iomem(facts, found, usable):
    """Linux's System RAM must be RAM that is used and ACPI's tables, which have a row of their own
    here."""
    acpi = joined((low, high) for low, high, kind, _ in found if kind == "ACPI Reclaim")
    rows = [(subject, line) for subject, line in facts if subject == tables.FIRMWARE_ROWS]
    ram = joined((int(match[1], 16), int(match[2], 16) + 1)
                 for match in (_ROW.fullmatch(line) for _, line in rows) if match)
    if ram != joined(usable + acpi):
        return facts  # which then differ
    at = facts.index(rows[0])
    return [*facts[:at],
            *((tables.FIRMWARE_ROWS, f"{low:08x}-{high - 1:08x} : {name}")
              for name, pieces in (("System RAM", usable), ("ACPI Tables", acpi))
              for low, high in pieces), *facts[at + len(rows):]]


def _mem(low, high):
    return f"[mem {low:#018x}-{high - 1:#018x}]"


def _bytes(pieces):
    return sum(high - low for low, high in pieces)


def _inside(pieces, floor, top):
    return [(max(low, floor), min(high, top)) for low, high in pieces
            if max(low, floor) < min(high, top)]
