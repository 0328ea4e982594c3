"""A machine that is booted again and again: its firmware keeps its variables, and its disk stays."""

import contextlib
import dataclasses
import pathlib
import subprocess

import qemu


class KeptMachine:
    """What belongs to it is in `folder`; started from `disk`, or from one with what is in `esp`."""

    def __init__(self, folder, machine, esp, disk=None):
        self.folder = pathlib.Path(folder)
        self.disk = disk or qemu.make_disk(self.folder / "disk.img", esp, "")
        self.variables = self.folder / "kept.fd"
        code, empty = qemu.firmware(machine.arch)
        self.variables.write_bytes(pathlib.Path(empty).read_bytes())
        self.machine = dataclasses.replace(machine, firmware=(code, self.variables))

    def on_esp(self, command, *arguments, **how):
        """One of mtools', on the disk's ESP."""
        return subprocess.run([command, "-i", f"{self.disk}@@1048576", *arguments], check=True,
                              **{"capture_output": True, **how}).stdout

    def configure(self, options):
        """What the ESP holds besides baton.conf stays."""
        conf = self.folder / "baton.conf"
        conf.write_text(f"options {options}\n")
        self.on_esp("mcopy", "-o", conf, "::/EFI/baton/baton.conf")

    def _keep(self):
        # What the firmware wrote is in the machine's own copy.
        self.variables.write_bytes((self.folder / "vars.fd").read_bytes())

    def boot(self, options=None, **how):
        if options is not None:
            self.configure(options)
        done = qemu.boot(self.machine, self.disk, self.folder, **{"timeout": 180, **how})
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
