"""The serial console and somebody who does not always read it."""

import re
import socket
import subprocess
import time

import qemu
from qemu import MIB, POWERED_OFF, Machine

PROMPT = r"^baton> $"


class OnSocket:
    """A machine whose serial port is a socket, which takes nothing more when it is full."""

    def __init__(self, bench, machine):
        path = bench.folder / "com1"
        self.raw = b""
        self.process = subprocess.Popen(qemu.command(
            machine, bench.disk(""), bench.folder, f"socket,path={path},server=on,wait=on"),
            stdin=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + 30
        while True:
            try:
                return self.socket.connect(str(path))
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.socket.close()

    def wait_for(self, pattern, timeout, since=0):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            log = qemu.ESCAPES.sub("", self.raw.decode("utf-8", "replace"))
            if match := re.compile(pattern, re.MULTILINE).search(log, since):
                return match
            self.socket.settimeout(max(0.1, deadline - time.monotonic()))
            try:
                piece = self.socket.recv(1 << 16)
            except TimeoutError:
                break
            if not piece:
                break
            self.raw += piece
        return None

    def send(self, text):
        self.socket.sendall(text.encode())


def test_a_reader_that_stalls_loses_characters_and_not_the_console(bench):
    with OnSocket(bench, Machine(memory=128 * MIB)) as running:
        assert running.wait_for(PROMPT, 120), running.raw[-2000:]
        # Several times what the socket holds, and nobody reads.
        for _ in range(40):
            running.send("dmesg\r")
        time.sleep(8)
        # Typing was never dead: this is understood while nothing gets through.
        running.send("buddyinfo\r")
        time.sleep(2)
        lost = running.wait_for(r"^\[serial port: (\d+) characters lost, nobody read\]$", 60)
        assert lost and int(lost[1]) > 100_000, running.raw[-500:]
        # The prompt went with the rest, and stands there again behind the notice.
        assert running.wait_for(PROMPT, 20, lost.end()), running.raw[-500:]
        running.send("explain 100000\r")
        assert running.wait_for(r"^0x100000:$", 60, lost.end()), running.raw[-500:]
        assert running.wait_for(PROMPT, 60, lost.end()), running.raw[-500:]
        running.send("poweroff\r")
        assert running.process.wait(timeout=60) == POWERED_OFF
