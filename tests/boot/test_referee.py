"""The referee's small set: a few machines on which Baton must say what Debian's Linux says.

`make referee` does it for all machines; tests/referee/machines.txt marks the small ones. Where Debian's
kernel cannot be had (no network on the first run), the tests are skipped by that name.
"""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "referee"))
import debian  # noqa: E402
import judge  # noqa: E402
import linux  # noqa: E402
import machine as machines  # noqa: E402
import rules  # noqa: E402


@pytest.fixture(scope="module", name="referee")
def _referee():
    try:
        return linux.Linux(judge.BUILD)
    except debian.FetchError as error:
        return pytest.skip(f"no kernel to compare with: {error}")


@pytest.mark.parametrize("machine", [one for one in machines.load() if one.small],
                         ids=lambda machine: machine.name)
def test_baton_says_what_linux_says(machine, referee):
    outcome = judge.judge(machine, referee, only_linux=False)
    problems = "\n".join(outcome.problems)
    assert not problems, f"{machine.line}\n{problems}\nagain: make referee ONLY={machine.name}"
    assert outcome.lines > 20


@pytest.mark.parametrize("path", sorted(rules.MACHINES.glob("*.machine")),
                         ids=lambda path: path.stem)
def test_recorded_machine_follows_linux_rules(path):
    good, bad, _ = rules.check(path)
    assert not bad, "\n".join(bad)
    assert good or path.stem == "server-all-persistent-node1"
