"""Which room may include from which: arrows go efi -> loader -> mm, kernel -> loader/{handoff,acpi,fdt,serial}
-> mm, tools/replay -> mm, and never back. What is one architecture's is included by nobody else."""

import pathlib
import re

import pytest

from conftest import ROOT

# A room, and what it may include from: of the rooms that its name begins with the longest counts.
# Rooms within kernel/, efi/ and loader/ that are not named are parts of these, and free to each other.
MAY = {
    "mm": {"mm"},
    "include": set(),
    "loader/handoff": {"include", "mm"},
    "loader/serial": {"mm"},
    "loader/acpi": {"loader/handoff", "mm"},
    "loader/fdt": {"loader/handoff", "loader/acpi", "mm"},
    "loader": {"loader", "loader/handoff", "loader/acpi", "loader/fdt", "loader/serial", "include", "mm"},
    "efi": {"efi", "loader", "loader/handoff", "loader/acpi", "loader/fdt", "loader/serial", "mm"},
    "kernel": {"kernel", "include", "loader/handoff", "loader/acpi", "loader/fdt", "loader/serial", "mm"},
    "tools/replay": {"mm"},
    "tools/replay/formats": {"tools/replay", "mm"},
    "tools/replay/wasm": {"tools/replay", "tools/replay/program", "mm"},
    "tools/replay/program": {"tools/replay", "tools/replay/formats", "loader", "loader/acpi", "loader/fdt", "mm"},
}
# mm/picture is above the rest of mm/, which knows nothing of being drawn.
ABOVE = {"mm": {"mm/picture"}}
ARCHITECTURES = {"x86_64", "aarch64", "ia32", "arm", "x86", "bsa", "narrow"}
# Whose folders somebody else's files may know: x86 is both PCs', and the 32-bit one's machines and
# entries of page tables are the other's; bsa is both of Arm's,
# narrow both with 32 bits'.
SHARED = {("aarch64", "bsa"), ("arm", "bsa"), ("ia32", "narrow"), ("arm", "narrow"),
          ("x86_64", "x86"), ("ia32", "x86"), ("ia32", "x86_64"),
          ("x86", "x86_64")}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)


def room(path):
    """The room of MAY that a file is in; None for what is in none, such as what the build makes."""
    parts = path.split("/")[:-1]
    for length in range(len(parts), 0, -1):
        if (name := "/".join(parts[:length])) in MAY:
            return name
    return None


def architecture(path):
    """The architecture whose folder a file is in, or None."""
    return next((part for part in path.split("/")[:-1] if part in ARCHITECTURES), None)


def refusal(source, target):
    """Why the file `source` may not include `target`, or None."""
    here, there = room(source), room(target)
    if target.startswith("tests/"):
        return "nothing of the product includes a test"
    if (architecture(target) and architecture(source) != architecture(target)
            and (architecture(source), architecture(target)) not in SHARED):
        return f"what is {architecture(target)}'s is seen through its seam only"
    if here is None or there is None:
        return None if "/" not in target or here is None else f"{target} is in no room"
    if here != there and there not in MAY[here]:
        return f"{here} may not know {there}"
    for below in ABOVE.get(here, ()):
        if target.startswith(below + "/") and not source.startswith(below + "/") and here == there:
            return f"{below} is above {here}"
    return None


def includes(root):
    """(file, what it includes), of all of the product below `root`."""
    for top in ("efi", "loader", "kernel", "mm", "tools", "include"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".cpp", ".h", ".S", ".inc"):
                for target in INCLUDE.findall(path.read_text()):
                    yield str(path.relative_to(root)), target


def wrong(root):
    """[text], of all arrows that run up."""
    return [f"{source} includes {target}: {why}" for source, target in includes(root)
            if (why := refusal(source, target))]


def test_no_arrow_runs_up():
    assert not (found := wrong(ROOT)), "\n".join(found)


def test_there_is_something_to_look_at():
    rooms = {room(source) for source, _ in includes(ROOT)}
    assert rooms >= set(MAY)


@pytest.mark.parametrize("source, target, why", [
    ("mm/buddy.h", "loader/handoff/handoff.h", "mm may not know loader/handoff"),
    ("mm/buddy.h", "kernel/main.h", "mm may not know kernel"),
    ("mm/relay.cpp", "mm/picture/text_picture.h", "mm/picture is above mm"),
    ("loader/acpi/madt.h", "loader/world.h", "loader/acpi may not know loader"),
    ("loader/handoff/handoff.h", "loader/acpi/root.h", "loader/handoff may not know loader/acpi"),
    ("loader/world.h", "efi/firmware.h", "loader may not know efi"),
    ("loader/world.h", "kernel/kept.h", "loader may not know kernel"),
    ("kernel/main.cpp", "loader/menu/config.h", "kernel may not know loader"),
    ("kernel/main.cpp", "kernel/x86/serial.h", "what is x86's is seen through its seam only"),
    ("kernel/aarch64/start.cpp", "kernel/x86/serial.h", "what is x86's is seen"),
    ("kernel/main.cpp", "efi/main.h", "kernel may not know efi"),
    ("kernel/kept.cpp", "tests/support/booted.h", "nothing of the product includes a test"),
    ("tools/replay/program/main.cpp", "tests/support/booted.h", "nothing of the product includes a test"),
    ("tools/replay/program/main.cpp", "kernel/policy.h", "tools/replay/program may not know kernel"),
    ("kernel/main.cpp", "nowhere/at_all.h", "nowhere/at_all.h is in no room")])
def test_a_planted_include_is_found(tmp_path, source, target, why):
    path = tmp_path / source
    path.parent.mkdir(parents=True)
    path.write_text(f'#include <cstdint>\n#include "{target}"\n')
    found = wrong(tmp_path)
    assert len(found) == 1 and why in found[0]


@pytest.mark.parametrize("source, target", [
    ("kernel/x86/serial.h", "loader/serial/uart.h"), ("kernel/monitor/tour.cpp", "kernel/console.h"),
    ("kernel/x86/mtrr.cpp", "mm/x86_64/mtrr.h"), ("efi/main.cpp", "loader/menu/config.h"),
    ("mm/picture/text_picture.h", "mm/relay.h"), ("tools/replay/program/main.cpp", "mm/picture/text_picture.h"),
    ("efi/main.cpp", "version.h")])
def test_what_runs_down_is_let_pass(source, target):
    assert refusal(source, target) is None
