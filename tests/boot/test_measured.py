"""What goes into the TPM: an emulated one (swtpm), whose registers must be what the event log comes to, and
that log what was read from the disk."""

import hashlib
import re
import struct
import subprocess
import time

import pytest

import log as read
import qemu
from qemu import POWERED_OFF, Machine
from test_ends import Monitor

EV_NO_ACTION, EV_IPL = 3, 13
SHA256 = 11


@pytest.fixture(name="tpm")
def _tpm(tmp_path):
    """QEMU's arguments for a TPM of our own, which ends with the machine."""
    socket = tmp_path / "tpm"
    with subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={tmp_path}", "--ctrl",
                           f"type=unixio,path={socket}", "--terminate"]) as emulator:
        for _ in range(100):
            if socket.exists():
                break
            time.sleep(0.1)
        yield ("-chardev", f"socket,id=tpm,path={socket}", "-tpmdev", "emulator,id=tpm0,chardev=tpm",
               "-device", "tpm-tis,tpmdev=tpm0")
        emulator.kill()


def events_of(log):
    """[(register, type, SHA-256, text)] of a crypto-agile event log (TCG PC Client Platform Firmware
    Profile, section 10)."""
    _, kind, _, size = struct.unpack_from("<II20sI", log)
    assert kind == EV_NO_ACTION and log[32:48] == b"Spec ID Event03\0"
    count, = struct.unpack_from("<I", log, 32 + 24)
    sizes = dict(struct.unpack_from("<HH", log, 32 + 28 + 4 * i) for i in range(count))
    at, found = 32 + size, []
    while at < len(log):
        register, kind, count = struct.unpack_from("<III", log, at)
        at, digests = at + 12, {}
        for _ in range(count):
            algorithm, = struct.unpack_from("<H", log, at)
            digests[algorithm] = log[at + 2:at + 2 + sizes[algorithm]]
            at += 2 + sizes[algorithm]
        size, = struct.unpack_from("<I", log, at)
        found.append((register, kind, digests[SHA256], log[at + 4:at + 4 + size]))
        at += 4 + size
    return found


def replayed(events, register):
    value = bytes(32)
    for where, kind, digest, _ in events:
        if where == register and kind != EV_NO_ACTION:
            value = hashlib.sha256(value + digest).digest()
    return value


def registers_of(answer):
    """Those of TPM2_PCR_Read's answer, in order (TPM 2.0 Library, part 3, section 22.4)."""
    tag, _, status = struct.unpack_from(">HII", answer)
    assert (tag, status) == (0x8001, 0)
    at = 10 + 4 + 4 + 6
    count, = struct.unpack_from(">I", answer, at)
    at += 4
    return [answer[at + 34 * i + 2:at + 34 * i + 34] for i in range(count)]


def test_registers_are_what_the_log_comes_to(bench, faulty, tpm):
    machine = Machine(memory=256 * qemu.MIB, extra=tpm)
    content = {}

    def change(tree):
        faulty("shown_tpm")(tree)
        (tree / "initrd").write_bytes(b"ramdisk" * 999)
        (tree / "baton").mkdir()
        (tree / "baton/badpages.txt").write_text("0x5000000\n")
        with open(tree / "EFI/baton/baton.conf", "a", encoding="ascii") as conf:
            conf.write("initrd /initrd\nbadpages 0x5800000\n")
        for name in ("EFI/baton/kernel.elf", "initrd", "baton/badpages.txt"):
            content[name] = (tree / name).read_bytes()
    with bench.start(machine, "early=memblock", change) as running:
        monitor = Monitor(running)
        listed = re.findall(r"^ ?(\d+) (EV_\w+) sha256 ([0-9a-f]{64}) (.*?)\r?$", monitor.ask("tpm"), re.MULTILINE)
        reserved = monitor.ask("reservations")
        assert monitor.order("poweroff") == POWERED_OFF
        log = running.log
    registers = registers_of(bytes.fromhex(read.find(log, r"faulty: registers ([0-9a-f]+)$")[1]))
    events = events_of(bytes.fromhex(read.find(log, r"faulty: event log ([0-9a-f]+)$")[1]))
    # The kernel has the same log, in a place of its own.
    assert re.search(r"TPM EVENTS", reserved) and re.search(r"Ledger: +TPM EVENTS|TPM EVENTS +\d+", log)
    assert [(int(register), digest) for register, _, digest, _ in listed] == [
        (register, digest.hex()) for register, _, digest, _ in events]
    assert registers == [replayed(events, 9), replayed(events, 12)]
    ours = [(register, text.rstrip(b"\0").decode(), digest) for register, kind, digest, text in events
            if kind == EV_IPL and text.startswith(b"baton: ")]
    assert [(int(register), text) for register, kind, _, text in listed if kind == "EV_IPL" and "baton: " in text] == [
        event[:2] for event in ours]
    assert [event[:2] for event in ours] == [
        (12, r"baton: bad pages: \baton\badpages.txt"), (12, "baton: bad pages: 0x5800000"),
        (12, "baton: options: early=memblock"), (9, r"baton: kernel: \EFI\baton\kernel.elf"),
        (9, "baton: initrd: /initrd"), (12, "baton: map: of the firmware")]
    measured = [content["baton/badpages.txt"], b"0x5800000", b"early=memblock",
                content["EFI/baton/kernel.elf"], content["initrd"]]
    assert [digest for _, _, digest in ours[:5]] == [hashlib.sha256(each).digest() for each in measured]
