"""A machine that is booted again and again: its firmware keeps its variables, and its disk stays."""

import contextlib
import dataclasses
import subprocess

import qemu
from conftest import BUILD


class Persistent:
    """On `disk`, or on one with what is in build/esp."""

    def __init__(self, bench, machine, disk=None):
        self.folder = bench.folder
        self.disk = disk or qemu.make_disk(bench.folder / "disk.img", BUILD / "esp", "")
        self.variables = bench.folder / "kept.fd"
        code, empty = qemu.firmware()
        self.variables.write_bytes(open(empty, "rb").read())
        self.machine = dataclasses.replace(machine, firmware=(code, self.variables))

    def configure(self, options):
        """What the ESP holds besides baton.conf stays."""
        conf = self.folder / "baton.conf"
        conf.write_text(f"options {options}\n")
        subprocess.run(["mcopy", "-o", "-i", f"{self.disk}@@1048576", conf,
                        "::/EFI/baton/baton.conf"], check=True)

    def _keep(self):
        # What the firmware wrote is in the machine's own copy.
        self.variables.write_bytes((self.folder / "vars.fd").read_bytes())

    def boot(self, options=None, **how):
        if options is not None:
            self.configure(options)
        done = qemu.boot(self.machine, self.disk, self.folder, **{"timeout": 180, **how})
        print(done.log, done)
        self._keep()
        return done

    @contextlib.contextmanager
    def running(self, options=None):
        """A machine to be talked to."""
        if options is not None:
            self.configure(options)
        with qemu.Running(self.machine, self.disk, self.folder) as running:
            yield running
        self._keep()
