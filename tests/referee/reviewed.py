"""The reviewed list of what need not be equal, and why. Nothing else is let pass.

An exception either rewrites Linux's line into the words of Linux 6.1 (another kernel version words it
otherwise), or drops a line that cannot be compared. Each counts what it did; the run prints that.
"""

import dataclasses
import re


@dataclasses.dataclass
class Exempt:
    """`since` and `before` bound the Linux releases it is for, as (major, minor)."""
    name: str
    side: str  # whose lines: "linux" or "baton"
    subject: str
    pattern: str
    replacement: str | None  # as re.sub's; None drops the line
    reason: str
    since: tuple = (0, 0)
    before: tuple = (999, 0)
    machines: str = r".*"  # names it is for

    def __post_init__(self):
        self._regex = re.compile(self.pattern)
        self._machines = re.compile(self.machines)

    def covers(self, machine_name, release):
        """Whether it is meant for this machine and this Linux."""
        return self.since <= release < self.before and bool(self._machines.fullmatch(machine_name))

    def apply(self, line):
        """None when it does not concern the line; else (new line or None,)."""
        match = self._regex.fullmatch(line)
        if not match:
            return None
        return (None if self.replacement is None else match.expand(self.replacement),)


EXCEPTIONS = [
    Exempt(
        "direct-map", "linux", "form of meminfo", r"DirectMap(4k|2M|1G): # kB", None,
        "counts pages of the kernel's direct map; Baton's is made by its loader, and mm/, which prints "
        "meminfo, does not know it"),
    Exempt(
        "quiet-srat-processors", "baton", "SRAT processors",
        r"SRAT: PXM \d+ -> (X2)?APIC 0x\w+ -> Node \d+", None,
        "newer kernels print these lines only with dynamic debugging on; there is nothing to "
        "compare Baton's with", since=(6, 12)),
    Exempt(
        "e820-words-ram", "linux", "BIOS-e820 map",
        r"(BIOS-e820: \[mem \S+\]) System RAM", r"\1 usable",
        "newer kernels name the type with /proc/iomem's words", since=(6, 13)),
    Exempt(
        "e820-words-reserved", "linux", "BIOS-e820 map",
        r"(BIOS-e820: \[mem \S+\]) device reserved", r"\1 reserved",
        "newer kernels name the type with other words", since=(6, 13)),
]


def release(version_line):
    """(6, 1) of "Linux version 6.1.0-56-amd64 ..."."""
    match = re.search(r"Linux version (\d+)\.(\d+)", version_line)
    if not match:
        raise ValueError(f"no Linux version in '{version_line}'")
    return int(match[1]), int(match[2])


def apply(facts, side, machine_name, linux_release, used):
    """The facts with the exceptions for `side` applied; counts each use in the dict `used`."""
    relevant = [one for one in EXCEPTIONS
                if one.side == side and one.covers(machine_name, linux_release)]
    result = []
    for subject, line in facts:
        for one in relevant:
            changed = one.apply(line) if one.subject == subject else None
            if changed:
                used[one.name] = used.get(one.name, 0) + 1
                line = changed[0]
                break
        if line is not None:
            result.append((subject, line))
    return result
