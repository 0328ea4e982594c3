"""Which unit tests a change can reach: by what the compiler wrote down of each object (build/**/*.d).

A test is reached when its own object is newer than the last time all went well, and when an object of
the library is whose header it includes. tools/test asks, for `make check`.
"""

import pathlib
import re

LIBRARY, TESTS = "host/checked", "host/tests"
TEST = re.compile(r"^(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+)", re.MULTILINE)


def _stamp(build):
    return build / "unit_tests.passed"


def passed(build):
    """Notes that all tests that a change could reach have passed. What is compiled from now on is
    newer."""
    _stamp(build).touch()


def _dependencies(object_):
    """The files that an object was made from; its source first."""
    notes = object_.with_suffix(".d")
    if not notes.exists():
        return []
    rule = notes.read_text().replace("\\\n", " ").split("\n", 1)[0]
    return rule.partition(": ")[2].split()


def _own_headers(files):
    """By which headers others see a source: the one of its name, or else all that it includes of its
    own folder."""
    source = pathlib.PurePath(files[0])
    own = str(source.with_suffix(".h"))
    if own in files:
        return {own}
    return {name for name in files if name.endswith(".h") and pathlib.PurePath(name).parent == source.parent}


def _compiled_since(folder, since):
    return [files for object_ in folder.rglob("*.o") if object_.stat().st_mtime > since
            and (files := _dependencies(object_))]


def tests(build):
    """The test files that a change can reach, sorted."""
    since = _stamp(build).stat().st_mtime if _stamp(build).exists() else 0
    headers = set()
    for files in _compiled_since(build / LIBRARY, since):
        headers |= _own_headers(files)
    new = {files[0] for files in _compiled_since(build / TESTS, since)}
    return sorted(files[0] for files in _compiled_since(build / TESTS, 0)
                  if pathlib.Path(files[0]).exists() and (files[0] in new or headers & set(files)))


def gtest_filter(files):
    """GoogleTest's words for all tests of these files."""
    suites = {suite for name in files for suite in TEST.findall(pathlib.Path(name).read_text())}
    corpora = [f"Fuzz/Corpus.*/{path.stem.removesuffix('_fuzz')}" for path in map(pathlib.Path, sorted(files))
               if path.parent.name == "fuzz"]
    return ":".join([f"{pattern}.*" for suite in sorted(suites) for pattern in (suite, f"*/{suite}", f"{suite}/*")]
                    + corpora)
