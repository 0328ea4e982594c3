"""How fuzz targets are run, with programs that pretend to be libFuzzer's."""

import re
import subprocess

import pytest

from conftest import ROOT

PROGRAM = """#!/usr/bin/python3
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(72))
print("#1\\tINITED cov: 5 ft: 7 corp: 1/1b", flush=True)
end = time.process_time() + {seconds}
while time.process_time() < end: pass
{after}
"""


@pytest.fixture
def target(tmp_path):
    def make(name, seconds=5, after="sys.exit(1)"):
        program = tmp_path / name
        program.write_text(PROGRAM.format(seconds=seconds, after=after))
        program.chmod(0o755)
        return program
    return make


def run(*words):
    return subprocess.run([ROOT / "tools/fuzz", "run", *words], capture_output=True, text=True, timeout=300)


def test_a_target_ends_when_its_time_is_over(target):
    done = run("--seconds", "0.3", target("well"))
    assert done.returncode == 0 and done.stdout.endswith("\n1 passed, 0 failed\n"), done.stdout
    row = re.match(r"well +(\d+) s +1 runs +5 edges +7 features  last new coverage after 0 s\n", done.stdout)
    assert row and int(row[1]) < 5, done.stdout


def test_it_goes_on_while_there_is_new_coverage(target):
    after = """
print("#9\\tNEW    cov: 6 ft: 8 corp: 2/2b", flush=True)
while True: pass
"""
    done = run("--seconds", "0.1", "--quiet", "1", target("found", 0.5, after))
    assert done.returncode == 0 and "9 runs" in done.stdout and " 6 edges" in done.stdout, done.stdout


def test_a_failure_is_one_and_the_others_go_on(target):
    crash = target("crash", 0.1, "sys.exit(77)")
    done = run("--seconds", "0.3", crash, target("well"))
    assert done.returncode == 1 and done.stdout.endswith("\n1 passed, 1 failed\n"), done.stdout
    assert f"FAILED, see {crash}.log" in done.stdout
    # One that ends by itself is none that went well, either.
    assert run("--seconds", "5", target("early", 0.1, "sys.exit(0)")).returncode == 1
