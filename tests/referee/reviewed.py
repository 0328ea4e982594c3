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
    if_absent: bool = False  # only where the other side has no such line at all
    surplus: bool = False  # only where it has fewer, and then the last

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


def _u_boot(side, reason):
    """One page of U-Boot's map is not usable, by what the program on it did: the RAM before and behind
    that page, which goes up to ..dce9fff, is taken for one range. Sums of pages are compared all the
    same."""
    page = r"[0-9a-f]*d[0-9a-f]{3}"
    for subject, form in (("BIOS-e820 map", r"(BIOS-e820: \[mem 0x0*){}(\] usable)"),
                          ("early memory node ranges", r"( *node +0: \[mem 0x0*){}(\])"),
                          ("firmware's ranges in iomem", r"(){}( : System RAM)")):
        yield Exempt(f"u-boot-page-{side}", side, subject,
                     form.format(r"00100000-(0x)?([0-9a-f]*)d[0-9a-f]{3}fff"),
                     r"\g<1>00100000-\g<2>\g<3>dce9fff\g<4>", reason, machines="u-boot.*")
        yield Exempt(f"u-boot-page-{side}", side, subject,
                     form.format(page + "000-(?:0x)?[0-9a-f]*dce9fff"), None, reason,
                     machines="u-boot.*")
    for subject, form in (("BIOS-e820 map", r"BIOS-e820: \[mem 0x{0}000-0x{0}fff\] ACPI data"),
                          ("firmware's ranges in iomem", "{0}000-{0}fff : ACPI Tables")):
        yield Exempt(f"u-boot-page-{side}", side, subject, form.format(page), None, reason,
                     machines="u-boot.*")


# What is by node, and so not the same when one side has dropped the nodes.
_BY_NODE = ("NUMA node ranges", "early memory node ranges", "node set-up", "fallback order",
            "zoneinfo: spanned and present", "form of zoneinfo", "form of buddyinfo",
            "form of pagetypeinfo")

_NUMA_DROPPED = ("Linux 6.1 takes AAVMF's flash for memory of no node, gives all nodes up and goes on "
                 "with one, in which no CPU is (arm64.py); unit tests judge ours")

EXCEPTIONS = [
    Exempt(
        "direct-map", "linux", "form of meminfo", r"DirectMap(4k|2M|4M|1G): # kB", None,
        "counts pages of the kernel's direct map; Baton's is made by its loader, and mm/, which prints "
        "meminfo, does not know it"),
    Exempt(
        "quiet-srat-processors", "baton", "SRAT processors",
        r"SRAT: PXM \d+ -> (X2)?APIC 0x\w+ -> Node \d+", None,
        "newer kernels print these lines only with dynamic debugging on; there is nothing to "
        "compare Baton's with", since=(6, 2), if_absent=True),
    Exempt(
        "numa-without-page-0", "linux", "NUMA node ranges",
        r"(NUMA: Node \d+ \[mem )0x00001000(-\S+\] \+ \[mem \S+\] -> \[mem )0x00001000(-\S+\])",
        r"\g<1>0x00000000\g<2>0x00000000\g<3>",
        "newer kernels cut a node's block at the first page of RAM before they join it with the next",
        since=(6, 2)),
    Exempt(
        "quiet-memoryless", "baton", "node set-up", r"Initializing node \d+ as memoryless", None,
        "newer kernels no longer print this; `Initmem setup node N as memoryless` says the same",
        since=(6, 2), if_absent=True),
    Exempt(
        "fallback-without-itself", "linux", "fallback order",
        r"Fallback order for Node (\d+): (?!\1(?: |$))(.*)",
        r"Fallback order for Node \1: \1 \2",
        "6.1 puts a node without memory first in its own order, though nothing can come from it; newer "
        "kernels leave it out", since=(6, 2)),
    Exempt(
        "newer-counters", "linux", "form of zoneinfo",
        r" +(nr_iommu_pages|pgdemote_(?:kswapd|direct|khugepaged)|promo|nr_unaccepted) +#", None,
        "rows that /proc/zoneinfo has gained since 6.1", since=(6, 2)),
    Exempt(
        "newer-totals", "linux", "form of meminfo", r"Unaccepted: # kB", None,
        "a row that /proc/meminfo has gained since 6.1", since=(6, 2)),
    Exempt(
        "e820-words-ram", "linux", "BIOS-e820 map",
        r"(BIOS-e820: \[mem \S+\]) System RAM", r"\1 usable",
        "newer kernels name the type with /proc/iomem's words", since=(6, 13)),
    Exempt(
        "e820-words-reserved", "linux", "BIOS-e820 map",
        r"(BIOS-e820: \[mem \S+\]) device reserved", r"\1 reserved",
        "newer kernels name the type with other words", since=(6, 13)),
    *(Exempt(
        "arm64-drops-numa", side, subject, ".*", None, _NUMA_DROPPED, machines="arm64-numa.*")
      for side in ("linux", "baton") for subject in _BY_NODE),
    *(Exempt(
        "arm64-drops-numa", side, "SRAT processors", r"(.* -> MPIDR \w+ -> Node ).*", r"\1-1",
        _NUMA_DROPPED, machines="arm64-numa.*")
      for side in ("linux", "baton")),
    Exempt(
        "arm-unavailable", "baton", "unavailable ranges", r"On node \d+, zone \w+: .*", None,
        "what an Arm's Linux cannot use is memory for it all the same (arm64.py), so that its holes are "
        "others; unit tests judge ours", machines="arm(64)?-.*"),
    Exempt(
        "numa-fake-words", "baton", "NUMA node ranges",
        r"No NUMA configuration found|Faking a node at .*", None,
        "the other architectures' Linux words this otherwise or has no NUMA",
        machines="(arm|ia32).*"),
    Exempt(
        "cma", "linux", "form of meminfo", r"Cma(Total|Free): # kB", None,
        "Debian's kernels for Arm keep memory for devices together; Baton has no devices",
        machines="arm.*"),
    Exempt(
        "cma", "linux", "form of pagetypeinfo", r"Node +#?\d*, zone +\w+, type +CMA #\.\.\.", None,
        "Debian's kernels for Arm keep memory for devices together; Baton has no devices",
        machines="arm.*"),
    Exempt(
        "cma", "linux", "form of pagetypeinfo", r"(Number of blocks type .*HighAtomic) +CMA( .*)",
        r"\1\2",
        "Debian's kernels for Arm keep memory for devices together; Baton has no devices",
        machines="arm.*"),
    Exempt(
        "no-numa-fallback", "baton", "fallback order", r"Fallback order for Node 0: 0", None,
        "Debian's kernels of 32 bits have no NUMA", machines="(ia32|arm)-.*", if_absent=True),
    Exempt(
        "no-numa-counters", "baton", "form of zoneinfo",
        r" +(numa_\w+|pgpromote_\w+) +#", None,
        "Debian's kernels of 32 bits have no NUMA", machines="(ia32|arm)-.*"),
    *(Exempt(
        "no-huge-pages", "baton", "form of meminfo", rf"{row}: +#( kB)?", None,
        "without LPAE an ARM's Linux has no huge pages; Baton prints the same rows everywhere",
        machines="arm-.*", if_absent=True)
      for row in ("(Anon|Shmem|File)HugePages", "(Shmem|File)PmdMapped", "HugePages_\\w+",
                  "Huge(pagesize|tlb)")),
    Exempt(
        "no-bad-pages", "baton", "form of meminfo", r"HardwareCorrupted: # kB", None,
        "an ARM's Linux takes no notice of memory errors", machines="arm-.*"),
    *(Exempt(
        "largest-pageblocks", "linux", "form of pagetypeinfo", theirs, ours,
        "without huge pages a pageblock is the largest block, of order 11 in Debian's kernel; Baton's "
        "is 2 MiB everywhere", machines="arm-.*")
      for theirs, ours in (("Page block order: 11", "Page block order: 9"),
                           ("Pages per block:  2048", "Pages per block:  512"))),
    Exempt(
        "flat-mem-map", "baton", "unavailable ranges", r"On node \d+, zone \w+: .*", None,
        "Debian's kernels for IA-32 have one flat mem_map, which ends with RAM; Baton's ends with a "
        "section", machines="ia32.*", surplus=True),
    *(Exempt(
        "flat-mem-map-hole", side, "unavailable ranges",
        rf"On node 0, zone HighMem: {pages} pages in unavailable ranges", None,
        "and the hole between 2 GiB and 4 GiB is all of it in a flat mem_map, here only where it shares "
        "a section with RAM", machines="ia32-6g")
      for side, pages in (("linux", 0x100000 - 0x7ef70), ("baton", 0x80000 - 0x7ef70))),
    *(Exempt(
        "larger-pageblocks", "linux", "form of pagetypeinfo", theirs, ours,
        "a pageblock is a large page, which without PAE has 4 MiB; Baton's kernel has one size for both "
        "forms", machines="ia32-nopae.*")
      for theirs, ours in ((r"Page block order: 10", "Page block order: 9"),
                           (r"Pages per block:  1024", "Pages per block:  512"))),
    *_u_boot("linux", "its stub keeps its copy of the firmware's map in a page that it calls ACPI data"),
    *_u_boot("baton", "a page is missing in the map as it leaves the firmware, which machine.holes finds"),
]


def release(version_line):
    """(6, 1) of "Linux version 6.1.0-56-amd64 ..."."""
    match = re.search(r"Linux version (\d+)\.(\d+)", version_line)
    if not match:
        raise ValueError(f"no Linux version in '{version_line}'")
    return int(match[1]), int(match[2])


def apply(facts, other, side, machine_name, linux_release, used):
    """The facts with the exceptions for `side` applied; counts each use in the dict `used`. `other` are
    the other side's facts."""
    relevant = [one for one in EXCEPTIONS
                if one.side == side and one.covers(machine_name, linux_release)
                and not (one.if_absent and any(one.apply(line) for _, line in other))]
    def is_surplus(one, at):
        def theirs(facts):
            return [i for i, (subject, line) in enumerate(facts)
                    if subject == one.subject and one.apply(line)]
        own = theirs(facts)
        return at == own[-1] and len(own) > len(theirs(other))

    result = []
    for at, (subject, line) in enumerate(facts):
        for one in relevant:
            changed = one.apply(line) if one.subject == subject else None
            if changed and one.surplus and not is_surplus(one, at):
                changed = None
            if changed:
                used[one.name] = used.get(one.name, 0) + 1
                line = changed[0]
                break
        if line is not None:
            result.append((subject, line))
    return result
