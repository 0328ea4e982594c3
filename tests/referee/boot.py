"""One boot of one machine in QEMU to its end: the serial log, how it ended, how long it took."""

import contextlib
import copy
import dataclasses
import functools
import pathlib
import shutil
import subprocess
import tempfile
import time

import debian
from machine import qemu


@dataclasses.dataclass
class Boot:
    """A finished boot."""
    log: str
    status: int | None  # QEMU's exit status; None when the time ran out
    seconds: float

    def __str__(self):
        ended = ("it did not end" if self.status is None
                 else f"QEMU ended with status {self.status}")
        return f"{ended} after {self.seconds:.0f} s; the last it said:\n" + "\n".join(
            "    " + line for line in self.log.splitlines()[-8:])


@functools.cache
def qemu_version(program=qemu.X86_64.program):
    """First line of what `program --version` says."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]


@contextlib.contextmanager
def room(machine, esp, options, packages, change=None):
    """(machine, disk, folder) for one boot: a private folder, a disk made from the tree `esp` (None:
    an empty one) with `options` in baton.conf (None: as it is) and changed by `change`, and a TPM
    where there is to be one."""
    with tempfile.TemporaryDirectory(prefix="baton-referee.") as name, \
            contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        if esp is None:
            esp = folder / "empty"
            esp.mkdir()
        disk = qemu.make_disk(folder / "disk.img", esp=esp, options=options, change=change,
                              machine=machine)
        machine = copy.copy(machine)
        if "tpm" in machine.devices:
            machine.tpm_socket = stack.enter_context(_tpm(folder, packages))
        yield machine, disk, folder


def boot(machine, arguments, timeout, packages):
    """Boots `machine` with an empty disk and `arguments` added to QEMU's until it ends by itself, or
    for `timeout` seconds. `packages` is where packages are unpacked."""
    with room(machine, None, None, packages) as (own, disk, folder):
        serial = folder / "serial"
        command = qemu.command(own, disk, folder, f"file,path={serial}") + arguments
        started = time.monotonic()
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as running:
            try:
                _, complaints = running.communicate(timeout=timeout)
                status = running.returncode
            except subprocess.TimeoutExpired:
                running.kill()
                _, complaints = running.communicate()
                status = None
        said = serial.read_bytes() if serial.exists() else b""
        log = qemu.ESCAPES.sub("", said.decode("utf-8", "replace"))
        return Boot(log or complaints, status, time.monotonic() - started)


def from_disk(machine, change, done, timeout, packages):
    """Boots `machine` from an empty disk's tree as `change` has made it, until it says `done`."""
    with room(machine, None, None, packages, change) as (own, disk, folder):
        with qemu.Running(own, disk, folder) as running:
            running.wait_for(done, timeout)
            return Boot(running.log or running.complaints, None, time.monotonic() - running.started)


def converse(machine, esp, options, prompt, lines, timeout, packages):
    """Boots `machine` from a disk made from `esp`, and types `lines`, each when `prompt` (a regular
    expression) has come. It is given `timeout` seconds from the start to the end."""
    with room(machine, esp, options, packages) as (own, disk, folder):
        with qemu.Running(own, disk, folder) as running:
            ends = f"(?P<prompt>{prompt})|{qemu.FIRMWARE_AGAIN.pattern}"
            seen = 0
            for line in lines:
                match = running.wait_for(ends, running.started + timeout - time.monotonic(), seen)
                if match is None or match["prompt"] is None:
                    break
                seen = match.end()
                running.send(line + "\n")
            else:
                running.wait_for(qemu.FIRMWARE_AGAIN.pattern, running.started + timeout - time.monotonic(),
                                 seen)
            try:
                status = running.process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                status = None
            return Boot(running.log or running.complaints, status,
                        time.monotonic() - running.started)


@contextlib.contextmanager
def _tpm(room, packages):
    """A software TPM's socket: Debian's swtpm, installed or fetched by name with its libraries."""
    program, environment = shutil.which("swtpm"), None
    if not program:
        own = debian.Packages(packages)
        folders = [own.unpack(name) for name in ("swtpm", "swtpm-libs", "libtpms0")]
        program = folders[0] / "usr/bin/swtpm"
        libraries = [path for folder in folders
                     for path in folder.glob("usr/lib/x86_64-linux-gnu*")]
        libraries += [path / "swtpm" for path in libraries]
        environment = {"LD_LIBRARY_PATH": ":".join(map(str, libraries))}
    socket, state = room / "tpm.socket", room / "tpm"
    state.mkdir()
    complaints = room / "tpm.stderr"
    with open(complaints, "wb") as stderr:
        tpm = subprocess.Popen(
            [program, "socket", "--tpm2", "--tpmstate", f"dir={state}",
             "--ctrl", f"type=unixio,path={socket}"],
            env=environment, stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        deadline = time.monotonic() + 5
        while not socket.exists():
            if tpm.poll() is not None or time.monotonic() > deadline:
                raise debian.FetchError(f"swtpm did not start: {complaints.read_text()}")
            time.sleep(0.05)
        yield socket
    finally:
        tpm.kill()
        tpm.wait()
