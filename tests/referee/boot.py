"""One boot of one machine in QEMU to its end: the serial log, how it ended, how long it took."""

import contextlib
import dataclasses
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
        ended = ("the time ran out" if self.status is None
                 else f"QEMU ended with status {self.status}")
        return f"{ended} after {self.seconds:.0f} s; the last it said:\n" + "\n".join(
            "    " + line for line in self.log.splitlines()[-8:])


def qemu_version():
    """First line of `qemu-system-x86_64 --version`."""
    done = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True,
                          check=True)
    return done.stdout.splitlines()[0]


def boot(machine, esp, options, arguments, timeout, packages):
    """Boots `machine` until it ends by itself, or for `timeout` seconds.

    Its disk is made from the tree `esp` (None: an empty one) with `options` in baton.conf (None: as
    it is); `arguments` are added to QEMU's; `packages` is where packages are unpacked.
    """
    with tempfile.TemporaryDirectory(prefix="baton-referee.") as folder, \
            contextlib.ExitStack() as stack:
        room = pathlib.Path(folder)
        if esp is None:
            esp = room / "empty"
            esp.mkdir()
        disk = qemu.make_disk(room / "disk.img", esp=esp, options=options)
        if "tpm" in machine.devices:
            socket = stack.enter_context(_tpm(room, packages))
            arguments = ["-chardev", f"socket,id=tpm,path={socket}", *arguments]
        serial = room / "serial"
        command = qemu.command(machine, disk, room, f"file,path={serial}") + arguments
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


@contextlib.contextmanager
def _tpm(room, packages):
    """A software TPM's socket: Debian's swtpm, installed or fetched by name with its libraries."""
    program, environment = shutil.which("swtpm"), None
    if not program:
        folders = [debian.unpack(name, packages) for name in ("swtpm", "swtpm-libs", "libtpms0")]
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
