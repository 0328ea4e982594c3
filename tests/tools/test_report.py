"""tools/report on logs that went well, failed, hung, or hold no tests."""

import json
import re
import xml.etree.ElementTree as xml

import pytest

GOOD = """\
BdsDxe: starting Boot0001
efi.map.form pass
[    0.000000] Baton version 0.1.0 (abc), loaded by Baton 0.1.0 (abc)
[    0.014000] Memory: 253656K/255540K available (156K kernel code)
KTAP version 1
1..2
  KTAP version 1
  1..3
  # Subtest: efi
  # the map is whole
  ok 1 efi.map.form
  # there is a source of random numbers
  # advice: A CPU with RDRAND <or> a device.
  ok 2 efi.rng # SKIP no EFI_RNG_PROTOCOL
  # more pages than there are is refused
  # found: 0x10000000000001 pages were given
  ok 3 efi.alloc.huge # XFAIL it wraps
  # Totals: pass:1 fail:0 xfail:1 xpass:0 skip:1 error:0
ok 1 efi
  KTAP version 1
  1..1
  # Subtest: mm
[    0.459418] memtest: a line of the log between
  ok 1 mm.ledger
  # Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0
ok 2 mm
# Totals: pass:2 fail:0 xfail:0 xpass:0 skip:0 error:0
[    1.525172] Self-tests: 2 passed
"""
FAILED = GOOD.replace("  ok 1 mm.ledger\n", """\
  # every byte has one owner and the sums come out
  # severity: critical
  # found: 4096 bytes \x07 & more
  not ok 1 mm.ledger
""").replace("ok 2 mm\n", "not ok 2 mm\n")
HUNG = GOOD[:GOOD.index("  # more pages")]
HUNG_IN_A_TEST = GOOD[:GOOD.index("  ok 1 mm.ledger")].replace(
    "[    0.459418]", "  # running: mm.ledger\n[    0.459418]")
HUNG_IN_THE_FIRMWARE = GOOD[:GOOD.index("[    0.000000]")] + "efi.map.types FAIL: one of 77\nefi.rng "
HUNG_AT_THE_END = GOOD[:GOOD.index("# Totals: pass:2")]
NO_LONGER_WRONG = GOOD.replace("ok 3 efi.alloc.huge # XFAIL", "not ok 3 efi.alloc.huge # XPASS")


def report(bench, text):
    log = bench.folder / "boot.log"
    log.write_text(text)
    said = bench.run("report", log, "--junit", bench.folder / "r.xml", "--json",
                     bench.folder / "r.json", "--html", bench.folder / "r.html")
    suite = xml.parse(bench.folder / "r.xml").getroot().find("testsuite")
    facts = json.loads((bench.folder / "r.json").read_text())
    return said, suite, facts, (bench.folder / "r.html").read_text()


def numbers(suite):
    return {key: int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped")}


def test_good(bench):
    said, suite, facts, page = report(bench, GOOD)
    assert said.status == 0, str(said)
    assert said.out.endswith("2 passed, 0 failed, 0 did not run, 1 skipped, 1 known failure\n")
    assert numbers(suite) == {"tests": 4, "failures": 0, "errors": 0, "skipped": 2}
    assert suite.find("system-out").text == GOOD
    assert facts["good"] and facts["complete"]
    assert facts["machine"]["memory"] == "253656K/255540K available"
    assert [phase["name"] for phase in facts["phases"]] == ["efi", "mm"]
    assert facts["counts"] == {"pass": 2, "skip": 1, "known failure": 1, "fail": 0,
                               "unexpected pass": 0, "did not run": 0}
    assert facts["phases"][0]["tests"][0]["checked"] == "the map is whole"
    assert suite.find("testcase[@name='efi.map.form']/system-out").text == "the map is whole"
    assert suite.find("properties/property[@name='count.known-failure']").get("value") == "1"
    assert "1 known failure, 1 skip, 2 pass." in page
    assert "RDRAND &lt;or&gt;" in page and "<or>" not in page


def test_failed(bench):
    said, suite, facts, page = report(bench, FAILED)
    assert said.status == 1
    assert "FAIL mm.ledger (critical)" in said.out
    assert numbers(suite)["failures"] == 1
    failure = suite.find("testcase[@name='mm.ledger']/failure")
    assert failure.get("message") == "4096 bytes \ufffd & more"
    assert failure.get("type") == "critical"
    assert not facts["good"] and facts["complete"]
    # Findings first, each row with what was checked; each test once.
    rows = re.findall(r"<tr[^>]*><td>([a-z0-9.]+)</td><td><span class=\"tag ([a-z-]+)\">.*?</td>"
                      r"<td><p class=\"checked\">(.*?)</p>", page)
    assert rows == [
        ("mm.ledger", "fail", "every byte has one owner and the sums come out"),
        ("efi.alloc.huge", "known-failure", "more pages than there are is refused"),
        ("efi.rng", "skip", "there is a source of random numbers"),
        ("efi.map.form", "pass", "the map is whole")]
    assert page.index("What failed") < page.index("Known failures") < page.index("The machine")
    assert "1 of 3 passed" in page and "good" not in page
    colours = dict(re.findall(r"\.(pass|skip|known-failure)\{background:(#\w+)\}", page))
    assert len(set(colours.values())) == 3


@pytest.mark.parametrize("text, missing", [
    (HUNG, "1 of 3 tests did not run"),
    (HUNG_IN_A_TEST, "it began and did not end; 1 of 1 tests did not run"),
    (HUNG_AT_THE_END, "2 of 2 phases ended"),
])
def test_hung(bench, text, missing):
    said, suite, facts, page = report(bench, text)
    assert said.status == 1
    assert numbers(suite)["errors"] == 1
    error = suite.find(".//error")
    assert missing in error.get("message")
    assert text.splitlines()[-1] in error.text
    assert not facts["complete"]
    assert "broke off" in page


def test_known_failure_that_passes(bench):
    said, suite, _, _ = report(bench, NO_LONGER_WRONG)
    assert said.status == 1
    assert numbers(suite)["failures"] == 1


@pytest.mark.parametrize("text", ["", "[    0.000000] Baton version 0.1.0\n", GOOD + GOOD])
def test_no_document_or_two(bench, text):
    log = bench.folder / "boot.log"
    log.write_text(text)
    said = bench.run("report", log)
    assert said.status == 2
    assert said.err.startswith("report: ")


def test_standard_input_with_escapes(bench):
    text = "\x1b[2J\x1b[01;01H" + GOOD.replace("\n", "\r\n")
    assert bench.run("report", "-", stdin=text).status == 0


def test_a_hang_names_the_test(bench):
    said, suite, facts, page = report(bench, HUNG_IN_A_TEST)
    assert said.status == 1
    assert "DID NOT RUN mm.ledger" in said.out
    assert suite.find("testcase[@name='mm.ledger']/error") is not None
    assert "mm.ledger" in page
    # Where a test ends, that it had begun is no news.
    said, suite, facts, page = report(bench, GOOD.replace("  ok 1 mm.ledger",
                                                          "  # running: mm.ledger\n  ok 1 mm.ledger"))
    assert said.status == 0 and "running" not in json.dumps(facts["phases"])


def test_a_hang_in_the_firmware(bench):
    said, suite, facts, page = report(bench, HUNG_IN_THE_FIRMWARE)
    assert said.status == 1
    assert [test["id"] for test in facts["phases"][0]["tests"]] == ["efi.map.form", "efi.map.types",
                                                                    "efi.rng"]
    assert suite.find("testcase[@name='efi.map.types']/failure").get("message") == "one of 77"
    assert suite.find("testcase[@name='efi.rng']/error") is not None
    assert not facts["complete"]


@pytest.mark.parametrize("cut", range(40, len(GOOD), 149))
def test_a_log_that_ends_anywhere(bench, cut):
    """Cut off in the middle of a line, of a word: never good, never a crash."""
    log = bench.folder / "boot.log"
    log.write_text(GOOD[:cut])
    said = bench.run("report", log)
    whole = GOOD.index("\n# Totals: pass:2") + len("\n# Totals: pass:2 fail:0 xfail:0 xpass:0 skip:0 error:0")
    assert said.status in ((0,) if cut >= whole else (1, 2)), str(said)
    assert "Traceback" not in said.err
