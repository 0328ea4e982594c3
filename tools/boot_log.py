"""What the serial log of a boot with self-tests holds, for the tools that make something of it.

Results come from the one KTAP document (docs.kernel.org/dev-tools/ktap) and the `# ` lines above each
result. A document that breaks off is a hang: what was planned and did not run counts as an error,
with the test that had begun and the log's last line.
"""

import dataclasses
import re

ESCAPES = re.compile(r"\x1b\[[0-9;?=]*[A-Za-z]|\x1b[()=>78DEHM]|\r")
STAMP = re.compile(r"^\[ *\d+\.\d{6}\] ?")
FIRMWARE_RESULT = re.compile(r"(?P<name>efi(?:\.[a-z0-9-]+)+)(?: (?P<outcome>pass|FAIL|skip)"
                             r"(?:: (?P<facts>.*))?)?$")
RESULT = re.compile(r"(?P<no>not )?ok (?P<number>\d+) (?:- )?(?P<name>\S+)"
                    r"(?: # (?P<directive>SKIP|XFAIL|XPASS|TODO|TIMEOUT|ERROR) ?(?P<reason>.*))?$")
TOTALS = re.compile(r"# Totals:(?: \w+:\d+)* error:\d+")  # whole, to its last count
PLAN = re.compile(r"1\.\.(\d+)$")
# Results by what they ask of a reader, the worst first. Only a pass is good; what was skipped or is
# known to fail does not fail the run, but proves nothing good either.
OUTCOMES = ("fail", "unexpected pass", "did not run", "known failure", "skip", "pass")
FINDINGS = OUTCOMES[:3]


class ReportError(Exception):
    """The log cannot be made a report of."""


@dataclasses.dataclass
class Test:
    id: str
    outcome: str  # pass, fail, skip, known failure, unexpected pass, did not run
    reason: str = ""
    notes: list = dataclasses.field(default_factory=list)  # the `# ` lines

    @property
    def checked(self):
        """What was checked: the first of the notes without a key."""
        return next((line for line in self.notes if not re.match(r"[a-z]+: ", line)), "")

    def note(self, word):
        """What stands behind `word: ` in the notes."""
        return next((line[len(word) + 2:] for line in self.notes if line.startswith(word + ": ")), "")


@dataclasses.dataclass
class Phase:
    name: str
    planned: int = 0
    tests: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Report:
    phases: list
    log: str
    last_line: str
    complete: bool  # the document has its end
    facts: dict

    @property
    def tests(self):
        return [test for phase in self.phases for test in phase.tests]

    def count(self, *outcomes):
        return sum(test.outcome in outcomes for test in self.tests)

    @property
    def good(self):
        return self.complete and not self.count(*FINDINGS)

    def with_outcome(self, *outcomes):
        """Those tests, in the order of the outcomes."""
        return [test for outcome in outcomes for test in self.tests if test.outcome == outcome]

    @property
    def counts(self):
        return ", ".join(f"{self.count(outcome)} {outcome}" for outcome in OUTCOMES
                         if self.count(outcome))


def outcome_of(match):
    directive = match["directive"]
    if directive == "SKIP":
        return "skip"
    if directive == "XFAIL":
        return "known failure"
    if directive == "XPASS":
        return "unexpected pass"
    return "fail" if match["no"] else "pass"


def facts_of(lines):
    """What the rest of the log tells about the machine."""
    wanted = {
        "version": r"Baton version (\S+ \([^)]*\))",
        "firmware": r"efi: (EFI v.*)",
        "machine": r"DMI: (.+)",
        "cpu": r"CPU: (.+)",
        "options": r"Command line: (.*)",
        "memory": r"Memory: (\S+ available)",
    }
    facts = {}
    for line in lines:
        line = STAMP.sub("", line)
        for name, pattern in wanted.items():
            match = re.match(pattern, line)
            if match and name not in facts:
                facts[name] = match[1]
    return facts


def firmware_phase(lines):
    """What was told on the firmware's console, of a boot that came no further."""
    phase = Phase("efi")
    for line in lines:
        if match := FIRMWARE_RESULT.match(line):
            outcome = {"pass": "pass", "FAIL": "fail", "skip": "skip"}.get(match["outcome"])
            phase.tests.append(Test(match["name"], outcome or "did not run",
                                    match["facts"] or ("" if outcome else "began and did not end")))
    phase.planned = len(phase.tests)
    return phase


def read(text):
    """The report of a log."""
    text = ESCAPES.sub("", text)
    lines = [line.rstrip() for line in text.splitlines()]
    starts = [i for i, line in enumerate(lines) if line == "KTAP version 1"]
    if not starts:
        last = next((line for line in reversed(lines) if line), "(nothing)")
        phase = firmware_phase(lines)
        if not phase.tests:
            raise ReportError(f"no self-tests in this log; its last line: {last}")
        rest = Phase("document", 1, [Test("document.start", "did not run",
                                          "the firmware's tests began, the kernel's did not")])
        return Report([phase, rest], text, last, False, facts_of(lines))
    if len(starts) > 1:
        raise ReportError(f"{len(starts)} KTAP documents in this log; one boot has one")

    phases, notes = [], []
    planned_phases, phases_done, totals, running = None, 0, False, None
    for line in lines[starts[0] + 1:]:
        inner = line.startswith("  ")
        body = line[2:] if inner else line
        if inner and body == "KTAP version 1":
            phases.append(Phase(""))
            notes = []
        elif match := PLAN.match(body):
            if inner and phases:
                phases[-1].planned = int(match[1])
            elif not inner and planned_phases is None:
                planned_phases = int(match[1])
        elif match := RESULT.match(body):
            if not inner:
                phases_done += 1
            elif phases:
                phases[-1].tests.append(
                    Test(match["name"], outcome_of(match), match["reason"] or "", notes))
            notes, running = [], None
        elif body.startswith("# Subtest: ") and phases:
            phases[-1].name = body[len("# Subtest: "):]
        elif body.startswith("# running: "):
            running = body[len("# running: "):]
        elif body.startswith("# Totals:"):
            totals = totals or (not inner and TOTALS.fullmatch(body) is not None)
        elif body.startswith("# ") and not STAMP.match(line):
            notes.append(body[2:])
    for phase in phases:
        missing = phase.planned - len(phase.tests)
        if missing > 0:
            which = running or f"{phase.name}.(the next of {phase.planned})"
            how = "it began and did not end; " if running else ""
            phase.tests.append(Test(
                which, "did not run",
                f"{how}{missing} of {phase.planned} tests did not run: hung or broken off"))
    complete = totals and planned_phases is not None and phases_done == planned_phases
    if not complete and all(test.outcome != "did not run" for test in
                            (test for phase in phases for test in phase.tests)):
        phases.append(Phase("document", 1, [Test(
            "document.end", "did not run",
            f"{phases_done} of {planned_phases or '?'} phases ended: hung or broken off")]))
    last = next((line for line in reversed(lines) if line), "")
    return Report(phases, text, last, complete, facts_of(lines))
