"""The replay's page in a headless Chromium: what is seen, pointed to, typed, dropped and printed.

PICTURES=folder keeps what it looked like."""

import base64
import gzip
import io
import os
import pathlib
import shutil
import subprocess
import zipfile

import pytest

from browser import Browser
from replays import REPLAY, ROOT

PAGE = ROOT / "build/replay.html"
HOSTILE = "<img src=x onerror=document.title='taken'>"

# Node 1 has a hole, and RAM that the firmware says to be both usable and reserved.
LOG = f"""\
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000040000000-0x000000005fffffff] usable
[    0.000000] BIOS-e820: [mem 0x0000000060000000-0x0000000060ffffff] ACPI NVS
[    0.000000] BIOS-e820: [mem 0x0000000050000000-0x0000000050ffffff] reserved
[    0.000000] BIOS-e820: [mem 0x0000000090000000-0x000000009fffffff] usable
[    0.000000] BIOS-e820: [mem 0x{HOSTILE}-0x1] usable
[    0.000000] ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]
[    0.000000] ACPI: SRAT: Node 1 PXM 1 [mem 0x40000000-0xbfffffff]
"""


@pytest.fixture(name="browser", scope="module")
def a_browser(tmp_path_factory):
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("chromium is not here: `tools/setup test-page` installs it", pytrace=False)
    browser = Browser(program, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(name="page")
def a_page(browser, tmp_path):
    """The machine of LOG, in a window of 1200 by 900, light."""
    log = tmp_path / "dmesg"
    log.write_text(LOG)
    out = tmp_path / "out.html"
    done = subprocess.run([REPLAY, "--html", out, log], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    browser.size(1200, 900)
    browser.scheme("light")
    browser.open(out)
    yield browser
    assert not browser.complaints()


def keep(browser, name):
    folder = os.environ.get("PICTURES")
    if folder:
        browser.screenshot(pathlib.Path(folder) / f"{name}.png")


def words(browser, selector):
    return browser.value(f"[...document.querySelectorAll({selector!r})].map((e) => e.textContent)")


def owners(browser):
    return dict(browser.value("[...document.querySelectorAll('#owner tr')].map((r) => [r.cells[0].textContent, r.cells[1].textContent])"))


def slider(browser, what, node=0):
    return browser.value(f"document.querySelectorAll('svg.node')[{node}].getAttribute('{what}')")


def middle_of(browser, selector):
    return browser.value(f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}}); "
                         "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()")


def test_what_is_seen(page):
    assert words(page, "h1") == ["dmesg"]
    assert "2 nodes" in words(page, "#summary")[0] and "finding" in words(page, "#summary")[0]
    assert words(page, "h3") == ["Node 0", "Node 1"]
    assert page.value("document.querySelectorAll('svg.node')[1].querySelectorAll('.fold').length") == 1
    assert "MEMMAP" in " ".join(words(page, "#legend li"))
    # To one scale: node 1 has 768 MiB of node 0's 1 GiB, and a fold.
    widths = page.value("[...document.querySelectorAll('svg.node')].map((e) => e.clientWidth)")
    assert 0.7 < widths[1] / widths[0] < 0.9
    keep(page, "light")


def test_dark_is_dark_and_can_be_read(page):
    def light_of(what):
        return page.value(f"getComputedStyle(document.body).{what}.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)")
    assert light_of("backgroundColor") > 700 > light_of("color")
    page.scheme("dark")
    assert light_of("backgroundColor") < 150 < 500 < light_of("color")
    keep(page, "dark")


def test_nothing_is_wider_than_a_narrow_window(page):
    page.size(380, 800)
    page.wait_for("document.querySelector('svg.node').clientWidth < 380")
    assert page.value("document.documentElement.scrollWidth") <= 380
    page.value("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.value("document.documentElement.scrollWidth") <= 380
    keep(page, "narrow")


def test_keys_walk_from_edge_to_edge(page):
    page.value("document.querySelector('svg.node').focus()")
    assert slider(page, "role") == "slider" and slider(page, "aria-valuetext").startswith("0x0,")
    page.key("ArrowRight")
    assert slider(page, "aria-valuenow") == str(0x1000)
    assert "node 0, zone DMA" in slider(page, "aria-valuetext")
    page.key("End")
    last = int(slider(page, "aria-valuenow"))
    page.key("ArrowRight")
    assert int(slider(page, "aria-valuenow")) == last
    page.key("ArrowLeft")
    assert int(slider(page, "aria-valuenow")) < last
    page.key("Home")
    assert owners(page)["e820"] == "reserved" and owners(page)["firmware"] == "usable"


def test_keys_zoom_and_come_back(page):
    whole, labels = words(page, "svg.node text.tick"), words(page, "svg.node text.label")
    page.value("document.querySelector('svg.node').focus()")
    for _ in range(9):
        page.key("+", text="+")
    assert words(page, "svg.node text.tick") != whole
    # So near the beginning small blocks have room for their names.
    assert "order 5" in words(page, "svg.node text.label") and "order 5" not in labels
    page.key("Escape")
    assert words(page, "svg.node text.tick") == whole


def test_tab_reaches_everything_in_order(page):
    page.value("document.body.focus()")
    seen = []
    for _ in range(40):
        page.key("Tab")
        seen.append(page.value("document.activeElement.className?.baseVal ?? (document.activeElement.className || "
                               "document.activeElement.id || document.activeElement.tagName)"))
    first = {what: seen.index(what) for what in ("skip", "range", "small", "node", "address", "SUMMARY")}
    assert list(first) == sorted(first, key=first.get)
    unnamed = page.value("[...document.querySelectorAll('button, input, svg.node')].filter((e) => "
                         "!(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).length")
    assert unnamed == 0


def test_pointing_tells_who_has_the_place(page):
    x, y = middle_of(page, "svg.node")
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    found = owners(page)
    assert found["node"] == "0" and found["zone"] == "DMA32" and found["block"].startswith("free, in a block of order")


def test_the_wheel_zooms_where_it_points(page):
    x, y = middle_of(page, "svg.node")
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    before = slider(page, "aria-valuenow")
    page.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=-100)
    page.wait_for("page_is_zoomed = !document.querySelector('svg.node text.tick').textContent.startsWith('0x0')")
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    assert abs(int(slider(page, "aria-valuenow")) - int(before)) < 4 << 20


def test_a_table_leads_to_the_place(page):
    page.value("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    page.value("[...document.querySelectorAll('td, th')].find((e) => e.textContent === 'NODE_DATA')"
               ".parentElement.querySelector('button').click()")
    assert page.value("document.activeElement.classList.contains('node')")
    assert owners(page)["reservation"] == "NODE_DATA"
    assert "NODE_DATA" in words(page, "svg.node text.label")


def test_findings_lead_to_their_places(page):
    count = page.value("document.querySelectorAll('#finding-list button.range').length")
    assert count > 0
    for i in range(count):
        page.value(f"document.querySelectorAll('#finding-list button.range')[{i}].click()")
        start = page.value(f"parseInt(document.querySelectorAll('#finding-list button.range')[{i}].textContent, 16)")
        assert page.value("parseInt(document.getElementById('address').value, 16)") >= start
        assert page.value("['node', ''].includes(document.activeElement.className.baseVal ?? document.activeElement.className)")


def test_an_address_is_explained_or_refused(page):
    page.value("document.getElementById('address').value = '0x60000010'; document.querySelector('#go button').click()")
    assert owners(page)["e820"] == "ACPI NVS"
    for wrong in ("zebra", "", "0xfffffffffffff1", "-1"):
        page.value(f"document.getElementById('address').value = '{wrong}'; document.querySelector('#go button').click()")
        assert words(page, "#go-trouble") == ["That is no address; write it in hexadecimal, as 0x100000."]


def test_hostile_text_stays_text(page):
    assert any(HOSTILE in text for text in words(page, "details li"))
    assert page.value("document.images.length") == 0 and "taken" not in page.value("document.title")


def test_a_script_that_gets_in_does_not_run(page):
    page.value("{ const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s); }")
    assert page.value("window.ran") is None
    assert any("Content Security Policy" in text for text in page.complaints())
    page.events.clear()


def test_print_has_all_of_it(page, tmp_path):
    page.pdf(tmp_path / "out.pdf")
    assert (tmp_path / "out.pdf").stat().st_size > 20000
    page.value("window.dispatchEvent(new Event('beforeprint'))")
    assert page.value("document.querySelectorAll('details:not([open])').length") == 0
    widths = page.value("[...document.querySelectorAll('svg.node')].map((e) => e.getAttribute('width'))")
    assert widths[0] == "680" and 0.7 < int(widths[1]) / 680 < 0.9
    page.value("window.dispatchEvent(new Event('afterprint'))")
    assert page.value("document.querySelectorAll('details[open]').length") == 0


def test_many_nodes_are_drawn_when_they_are_seen(browser, tmp_path):
    log = tmp_path / "dmesg"
    size = 64 << 20
    log.write_text("".join(
        f"BIOS-e820: [mem 0x{n * size:016x}-0x{(n + 1) * size - 1:016x}] usable\n" for n in range(1, 100)) + "".join(
        f"SRAT: Node {n} PXM {n} [mem 0x{n * size:x}-0x{(n + 1) * size - 1:x}]\n" for n in range(1, 100)))
    done = subprocess.run([REPLAY, "--html", tmp_path / "out.html", log], capture_output=True, text=True, check=False)
    assert done.returncode < 2, done.stderr
    browser.size(1200, 900)
    browser.open(tmp_path / "out.html")
    drawn = "document.querySelectorAll('svg.node rect').length"
    count = browser.value("document.querySelectorAll('svg.node').length")
    assert count == 99
    browser.wait_for(f"{drawn} > 0")
    first = browser.value(drawn)
    browser.value("document.querySelectorAll('svg.node')[98].scrollIntoView()")
    browser.wait_for(f"{drawn} > {first}")


# --- Logs given to the page ------------------------------------------------------------------------

@pytest.fixture(name="empty")
def an_empty_page(browser):
    if not PAGE.exists():
        pytest.fail("build/replay.html is not there: make replay-page", pytrace=False)
    browser.size(1200, 900)
    browser.scheme("light")
    browser.open(PAGE)
    yield browser
    assert not browser.complaints()


def give(browser, text):
    browser.value(f"document.getElementById('log').value = {text!r}; document.getElementById('replay').click()")
    browser.wait_for("!document.getElementById('shown').hidden || document.getElementById('trouble').textContent !== ''")


def test_a_pasted_log_is_replayed(empty):
    assert empty.value("!document.getElementById('give').hidden && document.getElementById('shown').hidden")
    give(empty, LOG)
    assert words(empty, "#trouble") == [""] and words(empty, "h3") == ["Node 0", "Node 1"]
    assert empty.value("document.querySelectorAll('svg.node rect').length") > 10
    keep(empty, "pasted")
    give(empty, "BIOS-e820: [mem 0x0000000000000000-0x0000000007ffffff] usable\n")
    assert words(empty, "h3") == ["Node 0"]


def test_a_dropped_file_is_replayed(empty):
    empty.value(f"""{{
      const data = new DataTransfer();
      data.items.add(new File([{LOG!r}], {HOSTILE!r}));
      document.dispatchEvent(new DragEvent('drop', {{dataTransfer: data, bubbles: true, cancelable: true}}));
    }}""")
    empty.wait_for("!document.getElementById('shown').hidden")
    assert words(empty, "h1") == [HOSTILE] and empty.value("document.images.length") == 0


def test_what_cannot_be_replayed_is_told(empty):
    give(empty, "good morning")
    assert "no e820 list" in words(empty, "#trouble")[0]
    assert empty.value("document.getElementById('shown').hidden")


def drop(browser, files):
    """Files of these names, of text or base64."""
    browser.value(f"""{{
      const data = new DataTransfer();
      for (const [name, bytes] of {files!r}) data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name));
      document.dispatchEvent(new DragEvent('drop', {{dataTransfer: data, bubbles: true, cancelable: true}}));
    }}""")
    browser.wait_for("!document.getElementById('shown').hidden || document.getElementById('trouble').textContent !== ''")


def test_several_files_and_archives_are_dropped(empty):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("logs/dmesg", LOG)
        archive.writestr("logs/", "")
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        archive.writestr("dmesg", LOG)
    for name, data in (("logs.zip", packed), ("stored.zip", stored)):
        drop(empty, [[name, base64.b64encode(data.getvalue()).decode()]])
        assert words(empty, "#trouble") == [""] and words(empty, "h3") == ["Node 0", "Node 1"]
    rest = "".join(line + "\n" for line in LOG.splitlines() if "SRAT" not in line)
    zipped = gzip.compress(LOG.encode())
    drop(empty, [["map", base64.b64encode(rest.encode()).decode()], ["dmesg.gz", base64.b64encode(zipped).decode()]])
    assert words(empty, "h1") == ["map, dmesg.gz"] and words(empty, "h3") == ["Node 0", "Node 1"]
    drop(empty, [["log.xz", base64.b64encode(b"\xfd7zXZ\0" + bytes(50)).decode()]])
    assert "log.xz is compressed (xz)" in words(empty, "#trouble")[0]


def ask(browser, **fields):
    for word, value in fields.items():
        browser.value(f"document.querySelector('#what-if input[data-word={word}]').value = {value!r}")
    browser.value("document.getElementById('shown').hidden = true; document.getElementById('replay').click()")
    browser.wait_for("!document.getElementById('shown').hidden || document.getElementById('trouble').textContent !== ''")


def test_what_if_is_asked_in_fields(empty):
    empty.value("document.getElementById('what-if').open = true")
    give(empty, "Linux version 6.1.0\n" + LOG + "Linux version 6.1.0\nBIOS-e820: [mem 0x0-0x7ffffff] usable\n")
    assert words(empty, "h3") == ["Node 0"] and empty.value("document.getElementById('answered').hidden")
    ask(empty, boot="1")
    assert words(empty, "h3") == ["Node 0", "Node 1"]
    ask(empty, boot="1", crashkernel="64M", options="mem=1G")
    assert "crashkernel=64 MiB: [mem" in words(empty, "#answers")[0]
    assert not empty.value("document.getElementById('answered').hidden")
    keep(empty, "what-if")
    empty.scheme("dark")
    keep(empty, "what-if-dark")
    empty.size(380, 800)
    assert empty.value("document.documentElement.scrollWidth") <= 380
    ask(empty, boot="9")
    assert "no number 9" in words(empty, "#trouble")[0]
    ask(empty, boot="", crashkernel="much", options="")
    assert "--crashkernel" in words(empty, "#trouble")[0]
