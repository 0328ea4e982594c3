""".ci/run tests what is committed, away from everything that stands around the checkout."""

import os
import shutil
import subprocess

import pytest

from conftest import ROOT, Said

MAKEFILE = """\
setup: ; @echo in $(CURDIR), with $(shell ls), beside $(shell ls ..), home $(shell ls -A ~)
test: ; @echo "logs '$(BATON_LOGS)'"; echo "$(shell cat passed) passed, 0 failed"; exit $(shell cat status)
"""


class Checkout:
    def __init__(self, path):
        self.path = path
        (path / ".ci").mkdir(parents=True)
        shutil.copy(ROOT / ".ci/run", path / ".ci/run")
        (path / "Makefile").write_text(MAKEFILE)
        (path / "passed").write_text("1")
        (path / "status").write_text("0")
        self.git("init", "-q")
        self.commit()

    def git(self, *words):
        subprocess.run(["git", "-c", "user.name=T", "-c", "user.email=t@example.org", "-c",
                        "commit.gpgsign=false", *words], cwd=self.path, check=True)

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "One more")

    def run(self):
        temporary = self.path.parent / "temporary"
        temporary.mkdir(exist_ok=True)
        env = {**os.environ, "TMPDIR": str(temporary), "BATON_LOGS": "/nowhere"}
        done = Said(subprocess.run([self.path / ".ci/run"], text=True, capture_output=True, env=env,
                                   check=False))
        assert not list(temporary.iterdir())
        return done


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "shared").mkdir()
    return Checkout(tmp_path / "checkout")


def well(said, passed=1):
    assert said.status == 0, said
    assert said.out.splitlines()[-1] == f"{passed} passed, 0 failed", said


def test_only_what_is_committed(checkout):
    (checkout.path / "passed").write_text("2")
    (checkout.path / "helper").write_text("")
    said = checkout.run()
    well(said)
    assert "not committed" in said.out and " M passed" in said.out and "?? helper" in said.out
    place = next(line for line in said.out.splitlines() if line.startswith("in "))
    assert str(checkout.path) not in place
    assert place.endswith("with Makefile passed status, beside baton home, home"), place
    assert "logs ''" in said.out
    checkout.commit()
    said = checkout.run()
    well(said, 2)
    assert "not committed" not in said.out


def test_the_status_is_kept(checkout):
    (checkout.path / "status").write_text("1")
    checkout.commit()
    said = checkout.run()
    assert said.status != 0 and said.out.splitlines()[-1] == "1 passed, 0 failed", said


def test_detached(checkout):
    (checkout.path / "passed").write_text("2")
    checkout.commit()
    checkout.git("checkout", "-q", "--detach", "HEAD~1")
    well(checkout.run())


def test_shallow(checkout, tmp_path):
    (checkout.path / "passed").write_text("2")
    checkout.commit()
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{checkout.path}", shallow],
                   check=True)
    checkout.path = shallow
    well(checkout.run(), 2)


def test_a_further_work_tree(checkout, tmp_path):
    checkout.git("worktree", "add", "-q", tmp_path / "second")
    checkout.path = tmp_path / "second"
    well(checkout.run())


def test_somebody_elses(checkout):
    if os.geteuid() != 0:
        pytest.skip("only root can give a checkout away")
    subprocess.run(["chown", "-R", "nobody", checkout.path], check=True)
    assert subprocess.run(["git", "status"], cwd=checkout.path, capture_output=True,
                          check=False).returncode, "git trusts it anyway: nothing is tried here"
    well(checkout.run())
