"""For tests of the programs in tools/: run as a person runs them, with other programs' answers
written down beforehand where the machine's own would differ."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / "tools"


class Said:
    """What a program wrote and how it ended."""

    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def __str__(self):
        return f"status {self.status}\n{self.out}{self.err}"


class Bench:
    def __init__(self, folder):
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.calls = folder / "calls"

    def run(self, tool, *arguments, stdin="", **more):
        env = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}"}
        return Said(subprocess.run([TOOLS / tool, *map(str, arguments)], input=stdin, text=True,
                                   capture_output=True, env=env, check=False, **more))

    def answers(self, program, text, status=0):
        """A stand-in for a program: notes how it was called and says `text`."""
        said = self.folder / f"{program}.says"
        said.write_text(text)
        path = self.bin / program
        path.write_text(f'#!/bin/sh\nprintf "%s\\n" "{program} $*" >> "{self.calls}"\n'
                        f'cat "{said}"\nexit {status}\n')
        path.chmod(0o755)

    def called(self):
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


@pytest.fixture
def write(tmp_path):
    def write(text, name="dmesg"):
        path = tmp_path / name
        path.write_text(text)
        return path
    return write
