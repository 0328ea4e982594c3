"""The tables of /proc that Baton's monitor prints too: same rows, same form, so that scripts which read
Linux's can read Baton's. What the numbers are is another matter (facts.py compares those that must be
equal); here each number becomes a `#`.
"""

import re

FORM = "form of "
NAMES = ("zoneinfo", "buddyinfo", "pagetypeinfo", "meminfo", "iomem")


def subject(name):
    """Under which the lines of a table are filed."""
    return FORM + name


def form(name, lines):
    """[(subject, line)]: the table with its numbers taken out."""
    return [(subject(name), line) for line in _FORMS[name](lines)]


def _zoneinfo(lines):
    rows, other_cpu = [], False
    for line in lines:
        cpu = re.match(r"    cpu: (\d+)$", line)
        if cpu or not line.startswith("  "):
            other_cpu = bool(cpu) and cpu[1] != "0"
        if line.startswith("  node_unreclaimable"):
            other_cpu = False
        if not other_cpu:  # Baton starts one CPU; Linux has all of them
            rows.append(_numbers(line))
    return rows


def _orders(lines):
    # Blocks go up to order 18 in Baton, 10 in Linux: any number of columns of six will do.
    return [re.sub(r"(?: +\d+)+ *$", lambda match: " #..." if len(match[0]) > 20 else _numbers(
        match[0]), line).rstrip() for line in lines]


def _pagetypeinfo(lines):
    rows = [re.sub(r"^(Free pages count per migrate type at order)( +\d+)+ *$", r"\1 #...", line)
            for line in lines]
    return [re.sub(r"^(Node +\d+, zone +\w+(?:, type +\w+)?) (?: *\d+)+ *$", r"\1 #...", row).rstrip()
            for row in rows]


def _meminfo(lines):
    return [re.sub(r" +\d+", " #", line) for line in lines]


def _iomem(lines):
    # What Linux knows of devices is not Baton's to know; each row must have the form, though.
    kinds = {"RAM and firmware's ranges": r"[0-9a-f]{8,16}-[0-9a-f]{8,16} : \S.*",
             "parts of them": r"(  )+[0-9a-f]{8,16}-[0-9a-f]{8,16} : \S.*"}
    found = {next((kind for kind, row in kinds.items() if re.fullmatch(row, line)), line)
             for line in lines}
    return sorted(found)


def _numbers(line):
    return re.sub(r"\d+", "#", line).rstrip()


_FORMS = {"zoneinfo": _zoneinfo, "buddyinfo": _orders, "pagetypeinfo": _pagetypeinfo,
          "meminfo": _meminfo, "iomem": _iomem}

FIRMWARE_ROWS = "firmware's ranges in iomem"


def firmware_rows(lines, dmesg=()):
    """[(subject, line)]: whose RAM, and which ranges of ACPI, top-level iomem shows.

    `dmesg`: where Linux says what it reserved for its own ends, which counts as RAM here, and where
    RAM ended at first: what iomem has behind that was plugged in later, and stays offline.
    """
    last_pfn = re.search(r"last_pfn = 0x(\w+)", "\n".join(dmesg))
    end_of_ram = int(last_pfn[1], 16) << 12 if last_pfn else 1 << 64
    ranges = {"System RAM": [], "ACPI Tables": [], "ACPI Non-volatile Storage": [],
              "Persistent Memory": [], "Persistent Memory (legacy)": [], "Soft Reserved": []}
    for line in lines:
        match = re.fullmatch(r"([0-9a-f]+)-([0-9a-f]+) : (.*)", line)
        if match and match[3] in ranges:
            ranges[match[3]].append((int(match[1], 16), int(match[2], 16) + 1))
    for line in dmesg:
        match = re.search(r"e820: update \[mem 0x(\w+)-0x(\w+)\] usable ==> reserved", line)
        if match and int(match[1], 16):  # page 0 is Reserved in both
            ranges["System RAM"].append((int(match[1], 16), int(match[2], 16) + 1))
    ranges["System RAM"] = [(low, min(high, end_of_ram)) for low, high in ranges["System RAM"]
                            if low < end_of_ram]
    return [(FIRMWARE_ROWS, f"{low:08x}-{high - 1:08x} : {name}")
            for name, found in ranges.items() for low, high in joined(found)]


def joined(found):
    """[(start, end)] in order, with those that touch made one."""
    result = []
    for low, high in sorted(found):
        if result and low <= result[-1][1]:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return result
