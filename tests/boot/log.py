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


def buddyinfo(log):
    """{(node, zone): [blocks of order 0, 1, ...]} of the last table in the log."""
    return {(int(m[1]), m[2]): [int(count) for count in m[3].split()] for m in
            find_all(log, r"Node (\d+), zone +(\w+) ((?: +\d+)+)")}


def free_kib(log):
    return sum(count << order for blocks in buddyinfo(log).values()
               for order, count in enumerate(blocks)) * 4


def ktap(log):
    """(planned, [(ok, name)]) of the one KTAP document, top level only. Raises ValueError when
    there is not exactly one, or the plan does not stand first."""
    text = [line.rstrip() for line in log.splitlines()]  # KTAP lines carry no stamp
    starts = [i for i, line in enumerate(text) if re.fullmatch(r"(K?TAP) version \d+", line)]
    if len(starts) != 1:
        raise ValueError(f"{len(starts)} KTAP documents in the log instead of one")
    plan = None
    results = []
    for line in text[starts[0] + 1:]:
        if match := re.fullmatch(r"1\.\.(\d+)", line):
            if results or plan is not None:
                raise ValueError("a plan behind results")
            plan = int(match[1])
        elif match := re.match(r"(not )?ok (\d+) ?-? ?(.*)", line):
            if plan is None:
                raise ValueError("a result in front of the plan")
            if int(match[2]) != len(results) + 1:
                raise ValueError(f"result {match[2]} where {len(results) + 1} is due")
            results.append((not match[1], match[3]))
    if plan is None:
        raise ValueError("no plan")
    return plan, results
