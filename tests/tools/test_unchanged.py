"""tests/referee/unchanged: what it lets pass, and that the linker scripts can still be padded."""

import importlib.machinery
import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def unchanged():
    loader = importlib.machinery.SourceFileLoader("unchanged", str(ROOT / "tests/referee/unchanged"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("unchanged", loader))
    loader.exec_module(module)
    return module


def test_times_and_code_addresses_are_let_pass(unchanged):
    assert (unchanged.reduced("[    0.070999] tsc: Detected 2675.292 MHz processor, by the PIT")
            == unchanged.reduced("[   12.000001] tsc: Detected 1999.001 MHz processor, by the PIT"))
    assert (unchanged.reduced("SKIP our code, at 0x7df3a9f0, is writable")
            == unchanged.reduced("SKIP our code, at 0x7df3b000, is writable"))


@pytest.mark.parametrize("before, after", [
    ("[    0.547844]   #1 [0000000000 - 0000001000]  BIOS PAGE 0",
     "[    0.547844]   #1 [0000000000 - 0000002000]  BIOS PAGE 0"),
    ("[    0.070999] tsc: Detected 2675.292 MHz processor, by the PIT",
     "[    0.070999] tsc: Detected 2675.292 MHz processor, by the HPET"),
    ("# found: 0x10000000000001 pages were given at 0x7e51e000",
     "# found: 0x10000000000001 pages were given at 0x7e51f000"),
    ("ok 1 efi.map.form", "not ok 1 efi.map.form")])
def test_nothing_else_is_let_pass(unchanged, before, after):
    assert unchanged.reduced(before) != unchanged.reduced(after)


def test_the_linker_scripts_can_be_padded(unchanged):
    for name in unchanged.PADDED:
        script, = ROOT.glob(f"*/x86_64/{name}")
        text = script.read_text()
        padded = unchanged.padded(text, name)
        assert padded.count(f"ALIGN({unchanged.PADDING})") == (
            len(unchanged.PADDED[name]) + len(unchanged.MOVED[name]))
        assert padded.replace(f" . = ALIGN({unchanged.PADDING});", "").split() == text.split()


def test_a_script_without_a_section_is_refused(unchanged):
    with pytest.raises(unchanged.UnchangedError, match=r"\.text is there 0 times"):
        unchanged.padded("SECTIONS {\n}\n", "kernel.lds")
