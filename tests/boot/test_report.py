"""The report: left in a variable by one run, found on the ESP after the next start."""

import json
import re
import subprocess

import jsonschema
import log as read
from conftest import BUILD, ROOT
from persistent import Persistent
from qemu import MIB, PASSED, POWERED_OFF, Machine
from test_ends import Monitor

SMALL = Machine(memory=192 * MIB)


def esp_files(disk):
    listed = subprocess.run(["mdir", "-b", "-i", f"{disk}@@1048576", "::/baton"],
                            capture_output=True, text=True, check=False)
    names = [line.split("/")[-1] for line in listed.stdout.splitlines() if line.strip()]
    # Beside them lies the firmware's map (test_map_over_boots.py).
    return [name for name in names if name.startswith("report-")]


def content(disk, name):
    return subprocess.run(["mtype", "-i", f"{disk}@@1048576", f"::/baton/{name}"],
                          capture_output=True, text=True, check=True).stdout


def test_report_reaches_the_esp(bench):
    machine = Persistent(bench, SMALL)
    first = machine.boot("selftest poweroff")
    assert (first.ended, first.status) == ("exit", PASSED), str(first)
    assert read.find(first.log, r"Report: \d+ bytes left with the firmware")
    assert not esp_files(machine.disk)

    second = machine.boot("poweroff")
    assert (second.ended, second.status) == ("exit", POWERED_OFF), str(second)
    assert "the last run's report is in \\baton\\report-" in second.log
    names = esp_files(machine.disk)
    assert len(names) == 3, names
    text = content(machine.disk, next(name for name in names if name.endswith(".txt")))
    html = content(machine.disk, next(name for name in names if name.endswith(".html")))
    totals = read.find(first.log, r"(Self-tests: \d+ passed, 0 failed.*)")
    for line in ("Baton version ", "Ledger: closed", totals[1].rstrip(), "Its memory map"):
        assert line in text and line in html, line
    assert re.search(r"^[0-9a-f]{16}-[0-9a-f]{16}  Conventional ", text, re.M)
    assert html.startswith("<!doctype html>") and html.rstrip().endswith("</html>")

    report = json.loads(content(machine.disk, next(name for name in names if name.endswith(".json"))))
    schema = json.loads((ROOT / "docs/report.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(report, schema, jsonschema.Draft202012Validator)
    assert totals[1].rstrip() in report["summary"]
    listed = re.findall(r"^([0-9a-f]{16})-([0-9a-f]{16})  ", text, re.M)
    assert [(int(one["start"], 16), int(one["start"], 16) + one["pages"] * 4096 - 1)
            for one in report["map"]] == [(int(first, 16), int(last, 16)) for first, last in listed]

    # Once written, it is gone from the firmware.
    third = machine.boot("poweroff")
    assert "the last run's report" not in third.log
    assert esp_files(machine.disk) == names


def test_flash_is_not_worn(bench):
    """The same report is not written twice, neither in one run nor by the next one."""
    machine = Persistent(bench, SMALL)
    with machine.running("") as running:
        monitor = Monitor(running)
        assert "bytes left with the firmware" in monitor.ask("report")
        assert "the firmware has the same already" in monitor.ask("report")
        assert "the firmware has the same already" in monitor.ask("report")


def test_no_report_is_written_over(bench, faulty):
    """Three runs without a clock, and then one whose report does not fit any more."""
    def boot_on(fault, disk=None):
        change = faulty(fault)
        if disk is None:
            disk = bench.disk("poweroff", change)
        else:
            program = BUILD / "faulty" / f"{fault}.efi"
            subprocess.run(["mcopy", "-o", "-i", f"{disk}@@1048576", program,
                            "::/EFI/BOOT/BOOTX64.EFI"], check=True)
        boot = bench.boot(SMALL, disk=disk)
        assert (boot.ended, boot.status) == ("exit", POWERED_OFF), str(boot)
        return disk, boot

    def written():
        return {name: content(disk, name) for name in esp_files(disk)}

    disk, boot = boot_on("left_report")
    assert "the last run's report is in \\baton\\report-undated.txt" in boot.log
    first = written()
    assert sorted(first) == ["report-undated.html", "report-undated.json", "report-undated.txt"]
    assert first["report-undated.txt"].count("a line of a report") == 40

    _, boot = boot_on("left_report_short", disk)
    assert "the last run's report is in \\baton\\report-undated-2.txt" in boot.log
    both = written()
    assert both.items() > first.items()
    assert both["report-undated-2.txt"].count("a line of a report") == 2
    assert both["report-undated-2.txt"].startswith("Baton's report of a run, no date")

    _, boot = boot_on("left_report_full", disk)
    assert "last report: report-undated-3.html: cannot be written" in boot.log.replace("\n", "")
    assert written() == both
