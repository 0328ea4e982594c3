"""Nothing in the project looks outside its own tree, but at what packages install."""

import os
import pathlib
import re
import subprocess

import pytest

from conftest import ROOT

# What would: the folder above, somebody's home, and absolute paths that no package owns.
OUTSIDE = {
    "the folder above": re.compile(r"[.][.]/|/[.][.](?![.\w])|os[.]pardir|\bROOT[.]parent"),
    "a home": re.compile(r"(?<![\w.])~/|expanduser|Path[.]home|\$\{?HOME\b|environ.{1,6}HOME\b"),
    "an absolute path": re.compile(
        r"""(?<![\w.)}\]>*%:/-])/(?:home|root|work|workspace|srv|opt|tmp|var/tmp|Users|data)(?=[/\s;)]|$)"""),
}
# A script finds the tree it belongs to.
OWN_ROOT = re.compile(r'\$\(dirname "\$0"\)/\.\.(?:"| &&)')
UPWARD = re.compile(r"__file__\)?(?:\.resolve\(\)|\))*((?:\.parent\b)+|\.parents\[\d+\])")


def sources():
    """What is in the tree and no person made by building."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True,
                            check=False)
    names = listed.stdout.split("\0")[:-1] if listed.returncode == 0 else [
        str((pathlib.Path(folder) / name).relative_to(ROOT))
        for folder, below, files in os.walk(ROOT) for name in files
        if not {".git", "build"} & set(pathlib.Path(folder).relative_to(ROOT).parts)]
    return [name for name in names if (ROOT / name).is_file()]


def looks_outside(name, line):
    """What a line of the file `name` reaches for outside of the tree, or None."""
    line = OWN_ROOT.sub("", line)
    for what, pattern in OUTSIDE.items():
        if pattern.search(line):
            return what
    for match in UPWARD.finditer(line):
        up = match[1].count(".parent")
        if match[1].startswith(".parents"):
            up = int(match[1][len(".parents["):-1]) + 1
        if up > len(pathlib.PurePosixPath(name).parts):
            return "the folder above"
    return None


def test_no_source_looks_outside():
    found = []
    files = sources()
    assert len(files) > 300
    for name in files:
        if name == "tests/tools/test_tree.py":  # has what it looks for
            continue
        try:
            text = (ROOT / name).read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if what := looks_outside(name, line):
                found.append(f"{name}:{number}: {what}: {line.strip()}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("line", [
    'LOGS = pathlib.Path(os.environ.get("BATON_LOGS", ROOT.parent / "maps"))',
    '#include "../other/map.h"',
    "logs := $(CURDIR)/../logs",
    'cd "$(dirname "$0")/../.."',
    'ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent',
    "pathlib.Path(__file__).parents[3]",
    'open("/srv/baton/README.md")',
    "cache = $HOME/.cache",
    'pathlib.Path("~/maps").expanduser()',
    "cp build/x /tmp/x",
])
def test_a_look_outside_is_seen(line):
    assert looks_outside("tests/tools/x.py", line)


@pytest.mark.parametrize("line", [
    'ROOT = pathlib.Path(__file__).resolve().parent.parent.parent',
    'here=$(cd "$(dirname "$0")/.." && pwd -P)',
    'cd "$(dirname "$0")/.."',
    '"/usr/share/OVMF/OVMF_CODE_4M.fd"',
    "and so on ... /proc/meminfo",
])
def test_a_look_inside_is_none(line):
    assert looks_outside("tests/tools/x.py", line) is None
