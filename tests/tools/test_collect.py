"""tools/collect on a folder of what people bring: logs, reports, and what is none."""

import json

import pytest
from test_report import FAILED, GOOD, HUNG

ESP = """\
Baton's report of a run, 2026-11-20 10:11:12

Baton version 0.1.0 (abc), loaded by Baton 0.1.0 (abc)
DMI: ACME Board 1, BIOS 2.3 01/02/2026
Memory: 4169432K/4187604K available (260K kernel code)
Ledger: closed, 0 bytes unaccounted for
Self-tests: 120 passed, 0 failed, 3 skipped, 0 known failures
{more}
The firmware, when this was written
vendor       ACME <Ltd>
UEFI         2.70
Secure Boot  off
"""


@pytest.fixture
def folder(bench):
    folder = bench.folder / "reports"
    (folder / "lab").mkdir(parents=True)
    return folder


def collect(bench, folder):
    said = bench.run("collect", folder, "--html", bench.folder / "all.html",
                     "--json", bench.folder / "all.json", "--verbose")
    runs = json.loads((bench.folder / "all.json").read_text())["runs"]
    return said, {run["name"]: run for run in runs}, (bench.folder / "all.html").read_text()


def test_each_kind(bench, folder):
    (folder / "good.log").write_text(GOOD.replace("\n", "\r\n"))
    (folder / "lab" / "bad.log").write_text(FAILED)
    (folder / "hung.log").write_text(HUNG)
    (folder / "report-20261120-101112.txt").write_text(ESP.format(more=""))
    (folder / "report-20261121-101112.txt").write_text(ESP.format(
        more="memtest: 2 bad pages, 8 KiB, taken out of use\nmemtest: pull first: A1: 9 of 9 errors\n"))
    (folder / "report-20261120-101112.html").write_text("<!doctype html>")
    made = bench.run("report", folder / "lab" / "bad.log", "--json", folder / "bad.json")
    assert made.status == 1
    said, runs, page = collect(bench, folder)
    assert said.status == 1, str(said)
    assert {name: run["good"] for name, run in runs.items()} == {
        "good.log": True, "lab/bad.log": False, "hung.log": False, "bad.json": False,
        "report-20261120-101112.txt": True, "report-20261121-101112.txt": False}
    assert runs["lab/bad.log"]["findings"] == ["mm.ledger: 4096 bytes \x07 & more"]
    assert runs["bad.json"]["findings"] == ["mm.ledger: fail"]
    assert "did not run" in runs["hung.log"]["counts"]
    esp = runs["report-20261120-101112.txt"]
    assert esp["machine"] == "ACME Board 1, BIOS 2.3 01/02/2026"
    assert esp["firmware"] == "ACME <Ltd>, UEFI 2.70"
    assert esp["memory"] == "4169432K/4187604K"
    assert runs["report-20261121-101112.txt"]["findings"] == [
        "memtest: 2 bad pages, 8 KiB, taken out of use", "pull first: A1: 9 of 9 errors"]
    # The failed ones first, nothing of a log becomes markup, and what was no run is said.
    assert page.index("lab/bad.log") < page.index("good.log")
    assert "ACME &lt;Ltd&gt;" in page and "<Ltd>" not in page
    assert "collect: report-20261120-101112.html: no run" in said.err
    assert said.out.endswith("2 good, 4 failed; 1 other files\n")


def test_a_report_of_an_esp_counts_once(bench, folder):
    lines = [line for line in ESP.format(more="").splitlines()[2:] if line][:5]
    (folder / "report-20261120-101112.txt").write_text(ESP.format(more=""))
    (folder / "report-20261120-101112.json").write_text(
        '{\n  "version": 2,\n  "date": null,\n  "summary": ' + json.dumps(lines)
        + ',\n  "firmware": {"vendor": "ACME", "uefi": "2.70", "secure_boot": false},\n  "map": []\n}\n')
    said, runs, _ = collect(bench, folder)
    assert said.status == 0, str(said)
    assert list(runs) == ["report-20261120-101112.json"]
    run = runs["report-20261120-101112.json"]
    assert run["counts"] == "120 passed, 0 failed, 3 skipped, 0 known failures"
    assert run["firmware"] == "ACME, UEFI 2.70"


def test_all_good(bench, folder):
    (folder / "good.log").write_text(GOOD)
    assert collect(bench, folder)[0].status == 0


def test_what_cannot_be_read_is_named(bench, folder):
    (folder / "good.log").write_text(GOOD)
    (folder / "two.log").write_text(GOOD + GOOD)
    (folder / "torn.json").write_text('{"format": "baton-boot", "version": 1, "name"')
    (folder / "bare.json").write_text('{"format": "baton-boot", "version": 1, "name": "x"}')
    said, runs, page = collect(bench, folder)
    assert said.status == 2
    assert list(runs) == ["good.log"]
    for name in ("two.log", "torn.json", "bare.json"):
        assert f"collect: {name}: " in said.err and name in page
    assert "Traceback" not in said.err


def test_no_run_at_all(bench, folder):
    (folder / "notes.txt").write_text("bought two more modules")
    said = bench.run("collect", folder)
    assert said.status == 2 and said.err == "collect: no run in 1 files\n"
    said = bench.run("collect", folder / "none")
    assert said.status == 2 and "collect: none: " in said.err
