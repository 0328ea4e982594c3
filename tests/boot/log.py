"""Reads Baton's log as a program would: lines without stamps, ranges, KTAP."""

import re

STAMP = re.compile(r"^\[ *\d+\.\d{6}\] ?")


def lines(log):
    return [STAMP.sub("", line.rstrip()) for line in log.splitlines()]


def find(log, pattern):
    """The first line that matches from its start, as a match, or None."""
    return next(filter(None, (re.match(pattern, line) for line in lines(log))), None)


def find_all(log, pattern):
    return list(filter(None, (re.match(pattern, line) for line in lines(log))))


def in_order(log, patterns):
    """None when each of `patterns` matches a line behind the line of the one before; else a
    sentence naming the first that does not."""
    rest = iter(lines(log))
    for pattern in patterns:
        if not any(re.match(pattern, line) for line in rest):
            anywhere = "it stands earlier" if find(log, pattern) else "it stands nowhere"
            return f"no line matches '{pattern}' in its place; {anywhere}"
    return None


def e820(log):
    """[(start, end, type)] of the BIOS-e820 lines, half-open."""
    return [(int(m[1], 16), int(m[2], 16) + 1, m[3]) for m in
            find_all(log, r"BIOS-e820: \[mem 0x([0-9a-f]{16})-0x([0-9a-f]{16})\] (.+)")]


def kaslr(log):
    """(virtual address of the kernel's image, its place in memory, the direct map's beginning), where
    chance has put them; None: nowhere."""
    said = find(log, r"KASLR enabled: image at 0x([0-9a-f]+) \(\d+ bits\), in memory at 0x([0-9a-f]+) \(\d+\), "
                     r"direct map at 0x([0-9a-f]+) \(\d+\), by ")
    return tuple(int(number, 16) for number in said.groups()) if said else None


def buddyinfo(log):
    """{(node, zone): [blocks of order 0, 1, ...]} of the last table in the log."""
    return {(int(m[1]), m[2]): [int(count) for count in m[3].split()] for m in
            find_all(log, r"Node (\d+), zone +(\w+) ((?: +\d+)+)")}


def free_kib(log):
    return sum(count << order for blocks in buddyinfo(log).values()
               for order, count in enumerate(blocks)) * 4


def ktap(log):
    """(planned, [(ok, name)]) of the one KTAP document: of its subtests' own tests where it has
    subtests. Raises ValueError when there is not exactly one document, a plan does not stand first,
    or a number is out of turn."""
    text = [line.rstrip() for line in log.splitlines()]  # KTAP lines carry no stamp
    starts = [i for i, line in enumerate(text) if re.fullmatch(r"(K?TAP) version \d+", line)]
    if len(starts) != 1:
        raise ValueError(f"{len(starts)} KTAP documents in the log instead of one")
    documents = [[None, []]]  # (plan, results): the whole, then each of its subtests
    for line in text[starts[0] + 1:]:
        if line == "  KTAP version 1":
            documents.append([None, []])
            continue
        inner = line.startswith("  ")
        document = documents[-1] if inner else documents[0]
        line = line[2:] if inner else line
        if match := re.fullmatch(r"1\.\.(\d+)", line):
            if document[1] or document[0] is not None:
                raise ValueError("a plan behind results")
            document[0] = int(match[1])
        elif match := re.match(r"(not )?ok (\d+) ?-? ?(.*)", line):
            if document[0] is None:
                raise ValueError("a result in front of the plan")
            if int(match[2]) != len(document[1]) + 1:
                raise ValueError(f"result {match[2]} where {len(document[1]) + 1} is due")
            document[1].append((not match[1], match[3]))
    whole, subtests = documents[0], documents[1:]
    if whole[0] is None:
        raise ValueError("no plan")
    if not subtests:
        return whole[0], whole[1]
    if len(whole[1]) != whole[0] or len(subtests) != whole[0]:
        raise ValueError(f"{len(subtests)} phases, {len(whole[1])} of their results, a plan of "
                         f"{whole[0]}")
    return (sum(plan for plan, _ in subtests),
            [result for _, results in subtests for result in results])
