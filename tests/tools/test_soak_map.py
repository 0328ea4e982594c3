"""tools/soak-map: its table, and what it counts; the starts themselves are one machine's business."""

import importlib.machinery
import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def soak_map():
    loader = importlib.machinery.SourceFileLoader("soak_map", str(ROOT / "tools/soak-map"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("soak_map", loader))
    loader.exec_module(module)
    return module


def test_the_table_and_what_counts(soak_map, capsys):
    told = [("skip", []), ("FAIL", ["ACPI Mem NVS at 0x7f000000, 16 pages, moved by -1 page"]),
            ("pass", ["usable memory is 4 KiB less: 255 MiB", "Reserved at 0x1000, 1 page, is new"]),
            ("FAIL", ["Runtime Data at 0x7f100000, 1 page, moved by +1 page"])]
    assert soak_map.table(told) == 1  # the second start's is the firmware's own affair
    assert capsys.readouterr().out == (
        "start  must stay  changes  what moved\n"
        "    1  -                0\n"
        "    2  MOVED            1  ACPI Mem NVS at 0x7f000000, 16 pages, moved by -1 page\n"
        "    3  stayed           2  usable memory is 4 KiB less: 255 MiB\n"
        "                           Reserved at 0x1000, 1 page, is new\n"
        "    4  MOVED            1  Runtime Data at 0x7f100000, 1 page, moved by +1 page\n")


def test_what_a_log_says(soak_map):
    log = ("the firmware's memory map has changed since 2026-11-20 05:09\n"
           "  usable memory is 4 KiB less: 255 MiB\n  ACPI Reclaim at 0x1000, 1 page, is new\n"
           "efi.map.boots FAIL: 1 ranges are not as they were\n")
    assert soak_map.RESULT.search(log)[1] == "FAIL"
    assert soak_map.MOVED.search(log)[1].count("\n") == 2
