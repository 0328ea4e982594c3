"""What the page computes: owners, and replay itself in WebAssembly, which node runs."""

import io
import json
import subprocess
import tarfile

import pytest

from replays import REPLAY, ROOT, TWO_NODES as LOG, data_in, data_of

PAGE = ROOT / "build/replay.html"
IN_NODE = ROOT / "tests/page/page_in_node.js"


@pytest.fixture(name="log")
def a_log(tmp_path):
    path = tmp_path / "dmesg"
    path.write_text(LOG)
    return path


def in_node(*words, given=None):
    done = subprocess.run(["node", IN_NODE, *map(str, words)], input=given, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_the_page_knows_owners_as_replay_does(tmp_path):
    """At both sides of every edge that there is in a machine of four nodes."""
    machine = ROOT / "tests/machines/qemu-4-nodes-pmem.machine"
    page = tmp_path / "out.html"
    data = data_of(machine, page)
    edges = {edge for key in ("firmware", "e820", "reservations", "srat") for edge in (
        place for entry in data[key] for place in entry[:2])}
    some = sorted({place for edge in edges for place in (max(edge - 1, 0), edge)})[::7]
    for address, chain in zip(some, in_node("owners", page, *some)):
        said = subprocess.run([REPLAY, "explain", hex(address), machine], capture_output=True, text=True, check=True).stdout
        lines = []
        for owner in chain:
            line = f"  {owner['station']:<12} {owner['what']}"
            if "start" in owner:
                line += f" [mem 0x{owner['start']:016x}-0x{owner['end'] - 1:016x}]"
            lines.append(line)
        assert lines == said.splitlines()[1:], hex(address)


def replay_in_page(text, *words):
    return in_node("replay", PAGE, *words, given=text.encode())


def shown(ended):
    assert ended["status"] == 0, ended["errors"]
    return json.loads(ended["output"])


def ends_of(data):
    return [entry[1] for entry in data["firmware"]]


def test_the_program_in_the_page_gives_what_replay_gives(log, tmp_path):
    ended = replay_in_page(LOG)
    assert ended["status"] == 0, ended["errors"]
    by_host = data_of(log, tmp_path / "out.html")
    assert {**json.loads(ended["output"]), "title": "dmesg"} == by_host


def test_tables_that_lie_lower_are_said():
    ended = replay_in_page(LOG.replace("0x000000007fffffff", "0x0000000fffffffff").replace(
        "0x7fffffff]\n", "0xfffffffff]\n"))
    data = json.loads(ended["output"])
    assert data["tables_below"] == 3 << 30
    assert all(end <= 3 << 30 for _, end, _ in data["reservations"])


def test_a_machine_that_is_too_large_is_refused_by_name():
    ended = replay_in_page(LOG.replace("0x000000007fffffff", "0x000003ffffffffff"))
    assert ended["status"] == 2 and ended["output"] == ""
    assert "MEMMAP" in ended["errors"] and "too small for this machine" in ended["errors"]


@pytest.mark.parametrize("text, why", [("nothing", "no e820 list"), ("", "no e820 list")])
def test_what_is_no_log_is_refused(text, why):
    ended = replay_in_page(text)
    assert ended["status"] == 2 and why in ended["errors"]


# --- Several files, boots, what if -----------------------------------------------------------------

def test_the_page_takes_replays_words(log, tmp_path):
    """The same page as `replay --html` makes with these words."""
    for words in (["--options=mem=1G early=bootmem"], ["--reserve=MINE=64M@0x10000000"],
                  ["--crashkernel=256M", "--hugepages-1g=1"], ["--bad=0x1000"]):
        in_page = shown(replay_in_page(LOG, *words))
        done = subprocess.run([REPLAY, "--html", tmp_path / "out.html", *words, log], capture_output=True, text=True,
                              check=False)
        assert done.returncode in (0, 1), done.stderr
        assert {**in_page, "title": "dmesg"} == data_in((tmp_path / "out.html").read_text()), words
    assert ends_of(shown(replay_in_page(LOG, "--add-dimm=1G@1")))[-1] == 0x140000000
    assert "crashkernel=256 MiB: [mem" in shown(replay_in_page(LOG, "--crashkernel=256M"))["answers"]
    for words, why in ((["--options=mem=much"], "mem"), (["--boot=0"], "--boot"), (["--zebra"], "no option")):
        ended = replay_in_page(LOG, *words)
        assert ended["status"] == 2 and why in ended["errors"]


def test_one_of_several_boots():
    two = "Linux version 6.1.0\n" + LOG.replace("7fffffff", "6fffffff") + "Linux version 6.1.0\n" + LOG
    assert max(ends_of(shown(replay_in_page(two)))) == 0x80000000
    assert max(ends_of(shown(replay_in_page(two, "--boot=1")))) == 0x70000000
    assert "2 boots" in replay_in_page(two, "--boot=3")["errors"]


def entries(archive, files):
    for name, text in files.items():
        info = tarfile.TarInfo(name)
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text.encode()))


def test_archives_and_several_files(log, tmp_path):
    nodes = "".join(line + "\n" for line in LOG.splitlines() if "SRAT" in line)
    rest = "".join(line + "\n" for line in LOG.splitlines() if "SRAT" not in line)
    tree = {}
    for number, (start, end) in enumerate([(0, 0x9ffff), (0x100000, 0x7fffffff)]):
        for name, value in (("start", hex(start)), ("end", hex(end)), ("type", "System RAM")):
            tree[f"sys/firmware/memmap/{number}/{name}"] = value + "\n"
    for form, mode in ((tarfile.GNU_FORMAT, "w:gz"), (tarfile.PAX_FORMAT, "w")):
        packed = tmp_path / f"machine.{form}.tar"
        with tarfile.open(packed, mode, format=form) as archive:
            entries(archive, {"a" * 120 + "/dmesg": LOG, "nothing": ""})
        data = shown(in_node("replay", PAGE, "--", packed))
        assert ends_of(data) == ends_of(shown(replay_in_page(LOG)))
        assert data["title"].endswith("aaa/dmesg")
    with tarfile.open(tmp_path / "sys.tar", "w") as archive:
        entries(archive, tree)
    assert ends_of(shown(in_node("replay", PAGE, "--", tmp_path / "sys.tar"))) == [0xa0000, 0x80000000]
    (tmp_path / "map").write_text(rest)
    (tmp_path / "nodes").write_text(rest + nodes)
    both = shown(in_node("replay", PAGE, "--", tmp_path / "map", tmp_path / "nodes"))
    assert len(both["srat"]) == 2 and any("its nodes are taken" in remark["text"] for remark in both["remarks"])


def test_replays_own_json_and_device_trees(log, tmp_path):
    tree = tmp_path / "a.dtb"
    subprocess.run(["qemu-system-aarch64", "-M", f"virt,dumpdtb={tree}", "-cpu", "cortex-a57", "-m", "2G"], check=True,
                   capture_output=True, timeout=60)
    own = tmp_path / "own.json"
    own.write_text(subprocess.run([REPLAY, "--json", log], capture_output=True, text=True, check=True).stdout)
    for given in (tree, own):
        data = shown(in_node("replay", PAGE, "--", given))
        assert {**data, "title": ""} == {**data_of(given, tmp_path / "out.html"), "title": ""}
    own.write_text(own.read_text().replace('"replay": 2', '"replay": 9'))
    ended = in_node("replay", PAGE, "--", own)
    assert ended["status"] == 2 and "JSON of version 9, of which 1 and 2 are known" in ended["errors"]


@pytest.mark.parametrize("start, why", [(b"\x1f\x8bdamaged", "cannot be unpacked"), (b"\xfd7zXZ\0", "unxz unpacks it"),
                                        (b"LPKSHHRH", "journalctl"), (b"PK\3\4cut", "no zip archive")])
def test_what_the_page_cannot_take_apart_is_named(tmp_path, start, why):
    path = tmp_path / "given"
    path.write_bytes(start + bytes(100))
    ended = in_node("replay", PAGE, "--", path)
    assert ended["status"] == 2 and why in ended["errors"] and "given" in ended["errors"]
