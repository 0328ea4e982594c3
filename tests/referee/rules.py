#!/usr/bin/python3
"""A plain second opinion on tests/machines/: from what the firmware said, by the rules Linux follows,
to what Linux made of it, in as few lines as it takes. The files' facts must come out, or be excepted
in the file itself. No code is shared with Baton; tests/machines/README.md describes the format.

Exit status: 0 when every fact of every machine comes out or is excepted with a reason.
"""

import collections
import pathlib
import sys

MACHINES = pathlib.Path(__file__).resolve().parent.parent / "machines"
PAGE = 0x1000
SECTION = 1 << 27  # x86-64: 128 MiB of memory share one section of mem_map
PAGEBLOCK = 1 << 21
ZONES = {"DMA": (0, 1 << 24), "DMA32": (1 << 24, 1 << 32), "Normal": (1 << 32, 1 << 64)}
COMPARED = ("last-pfn", "last-low-pfn", "zone", "node-range", "node", "unavailable", "node-pages",
            "present", "total-kib")
# What a boot loader hands on as e820 for each type of EFI descriptor, by number.
EFI_TO_E820 = ["reserved", "usable", "usable", "usable", "usable", "reserved", "reserved", "usable",
               "unusable", "acpi-data", "acpi-nvs", "reserved", "reserved", "reserved", "persistent"]


def read(path):
    """{keyword: [values]} of one file."""
    facts = collections.defaultdict(list)
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            keyword, *values = line.split()
            facts[keyword].append(values)
    return facts


def ranges(facts, keyword):
    """[(start, end, the other values)] of lines that begin with a range."""
    return [(int(start, 16), int(end, 16), rest) for start, end, *rest in facts[keyword]]


def without(pieces, start, end):
    """What is left of sorted [(start, end)] when [start, end) is taken away."""
    left = []
    for low, high in pieces:
        left += [(low, min(high, start))] if low < start else []
        left += [(max(low, end), high)] if high > end else []
    return [(low, high) for low, high in left if low < high]


def merged(pieces):
    """Sorted, with neighbours that touch made one."""
    result = []
    for low, high in sorted(pieces):
        if result and low <= result[-1][1]:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return result


def usable(facts):
    """RAM as the firmware and the command line have it, to the byte."""
    pieces = merged([(low, high) for low, high, kind in ranges(facts, "e820") if kind == ["usable"]])
    for low, high, kind in ranges(facts, "user"):
        pieces = without(pieces, low, high)
        if kind == ["usable"]:
            pieces = merged(pieces + [(low, high)])
    for low, high in ((0, PAGE), (0xa0000, 0x100000)):  # page 0, and the BIOS hole
        pieces = without(pieces, low, high)
    return pieces


def whole_pages(pieces):
    """Rounded inward to pages."""
    inward = [((low + PAGE - 1) // PAGE * PAGE, high // PAGE * PAGE) for low, high in pieces]
    return [(low, high) for low, high in inward if low < high]


def node_blocks(facts):
    """[(start, end, node)] of the SRAT, with blocks of a node joined where no other lies between."""
    node_of = {int(pxm): int(node) for pxm, node in facts["pxm"]}
    blocks = sorted((int(low, 16), int(high, 16), node_of[int(pxm)])
                    for pxm, low, high, *_ in facts["srat-memory"])
    joined = []
    for low, high, node in blocks:
        if joined and joined[-1][2] == node:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]), node)
        else:
            joined.append((low, high, node))
    return joined or [(0, 1 << 64, 0)]


def node_ranges(facts, ram):
    """[(node, start, end)] by address."""
    found = []
    for low, high, node in node_blocks(facts):
        found += [(node, max(low, start), min(high, end)) for start, end in ram
                  if max(low, start) < min(high, end)]
    return found


def unavailable(spread):
    """[(node, zone, pages)]: frames that have a Page, because their section has, but are no RAM."""
    sections = {number for _, low, high in spread
                for number in range(low // SECTION, (high - 1) // SECTION + 1)}

    def pages(low, high):
        # A frame counts when its pageblock's first frame lies in a section that is there.
        return sum((min(high, block + PAGEBLOCK) - max(low, block)) // PAGE
                   for number in sections if number * SECTION < high and (number + 1) * SECTION > low
                   for block in range(max(number * SECTION, low // PAGEBLOCK * PAGEBLOCK),
                                      min((number + 1) * SECTION, high), PAGEBLOCK))

    found, hole, last = [], 0, None
    for node, low, high in spread:
        for zone, (floor, ceiling) in ZONES.items():
            start, end = max(low, floor), min(high, ceiling)
            if start < end:
                found.append((node, zone, pages(hole, start) if hole < start else 0))
                hole, last = end, (node, zone)
    if last:
        end = -(-hole // SECTION) * SECTION
        found.append((*last, pages(hole, end) if hole < end else 0))
    return [one for one in found if one[2]]


def expected(facts):
    """{keyword: [values]} as the rules have it, in the files' own spelling."""
    said = collections.defaultdict(list)

    def span(low, high):
        return [f"{low:#014x}", f"{high:#014x}"]

    pieces = usable(facts)
    said["last-pfn"] = [[hex(max(high for _, high in pieces) // PAGE)]]
    for low, high, _ in ranges(facts, "trim"):
        pieces = without(pieces, low, high)
    said["last-low-pfn"] = [[hex(max(min(high, 1 << 32) for low, high in pieces
                                     if low < 1 << 32) // PAGE)]]
    ram = whole_pages(pieces)
    spread = node_ranges(facts, ram)
    first, last = spread[0][1], max(high for _, _, high in spread)
    for zone, (floor, ceiling) in ZONES.items():
        low, high = max(floor, first), min(ceiling, last)
        said["zone"].append([zone, *(span(low, high) if low < high else ["empty"])])
    said["node-range"] = [[str(node), *span(low, high)] for node, low, high in spread]
    for node in sorted({int(node) for _, node in facts["pxm"]} | {node for node, _, _ in spread}):
        own = [(low, high) for owner, low, high in spread if owner == node]
        said["node"].append([str(node), *(span(own[0][0], own[-1][1]) if own else ["memoryless"])])
        if own:
            said["node-pages"].append([str(node), str(sum(h - l for l, h in own) // PAGE)])
        for zone, (floor, ceiling) in ZONES.items():
            present = sum(max(0, min(h, ceiling) - max(l, floor)) for l, h in own) // PAGE
            if present:
                said["present"].append([str(node), zone, str(present)])
    said["unavailable"] = [list(map(str, one)) for one in unavailable(spread)]
    said["total-kib"] = [[str(sum(high - low for low, high in ram) >> 10)]]
    return said


def efi_as_e820(facts):
    """The e820 entries that a complete list of descriptors makes, for comparison with `e820`."""
    kinds = collections.defaultdict(list)
    for kind, low, high, _ in facts["efi"]:
        kinds[EFI_TO_E820[int(kind)]].append((int(low, 16), int(high, 16)))
    return sorted((low, high, kind) for kind, pieces in kinds.items() for low, high in merged(pieces))


def check(path):
    """(facts that came out, [text of what did not], [excepted keywords])."""
    facts = read(path)
    excepted = {keyword for keyword, *_ in facts["except"]}
    said, good, bad = expected(facts), 0, []
    stale = set(excepted)
    for keyword in COMPARED:
        linux = facts[keyword]
        if keyword == "zone":
            linux = [values for values in linux if values[0] in ZONES]
        if not linux:
            stale.discard(keyword)
            continue
        if linux == said[keyword]:
            good += len(linux)
        elif keyword in excepted:
            stale.discard(keyword)
        else:
            bad.append(f"{keyword}: Linux {linux}\n    rules {said[keyword]}")
    if facts["efi-list"] == [["complete"]]:
        known = [(low, high, "reserved" if kind == ["type-20"] else kind[0])
                 for low, high, kind in ranges(facts, "e820")]
        joined = sorted((low, high, kind) for kind in {k for _, _, k in known}
                        for low, high in merged([(l, h) for l, h, k in known if k == kind]))
        if joined == efi_as_e820(facts):
            good += len(facts["efi"])
        elif "efi" in excepted:
            stale.discard("efi")
        else:
            bad.append(f"efi: e820 {sorted(set(joined) - set(efi_as_e820(facts)))} rules "
                       f"{sorted(set(efi_as_e820(facts)) - set(joined))}")
    bad += [f"{keyword}: excepted, but it comes out" for keyword in sorted(stale)]
    return good, bad, sorted(excepted)


def main():
    files = sorted(MACHINES.glob("*.machine"))
    total, wrong = 0, 0
    for path in files:
        good, bad, excepted = check(path)
        total += good
        wrong += bool(bad)
        for text in bad:
            print(f"{path.stem}: {text}")
        for keyword in excepted:
            print(f"{path.stem}: excepted: {keyword}")
    print(f"rules: {len(files)} machines, {total} facts come out, {wrong} machines do not agree")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
