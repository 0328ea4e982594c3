"""What Debian's Linux says about a machine; boots it, or remembers an earlier boot."""

import hashlib
import json
import pathlib
import shutil
import tempfile

import boot
import debian
from machine import qemu

# efi=debug prints the firmware's descriptors; the log is larger than the default buffer; on a busy host
# the emulated timer is too late for the check whether it works at all.
COMMAND_LINE = "console=ttyS0 efi=debug log_buf_len=4M panic=-1 no_timer_check"
TIMEOUT = 400  # s; and more for many CPUs
DONE = "=== DONE ==="


class LinuxError(Exception):
    """Linux did not come to the end of its report."""


class Linux:
    """The referee: a kernel, its initramfs, and a folder of reports given earlier."""

    def __init__(self, build, meta=None):
        self._packages = build / "debian"
        self._reports = build / "linux"
        self._reports.mkdir(parents=True, exist_ok=True)
        self._kernel = debian.Kernel(self._packages, meta)
        self._initramfs, self._initramfs_digest = debian.initramfs(self._packages)
        self._qemu_version = boot.qemu_version()
        self._digests = {}

    @property
    def version(self):
        """Package and revision of the kernel."""
        return self._kernel.version

    def report(self, machine):
        """The serial log of a finished boot, and the seconds it took (None: remembered)."""
        key = json.dumps(self._key(machine), indent=1, sort_keys=True)
        name = f"{machine.name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        log = self._reports / f"{name}.log"
        if log.exists():
            return log.read_text(), None
        done = self._boot(machine)
        if DONE not in done.log:
            failed = self._reports / f"{machine.name}.failed"
            failed.write_text(done.log)
            raise LinuxError(f"Linux did not finish on {machine.name} (all of it: {failed}): {done}")
        (self._reports / f"{name}.key").write_text(key + "\n")
        log.write_text(done.log)
        return done.log, done.seconds

    def _boot(self, machine):
        timeout = TIMEOUT + 4 * machine.smp
        if machine.firmware == qemu.U_BOOT:  # QEMU's -kernel means nothing to it
            # The firmware's services are not called there, and so nothing ends the machine.
            return boot.from_disk(machine, self._put_on_disk(machine), DONE, timeout,
                                  self._packages)
        arguments = ["-kernel", str(self._kernel.image), "-initrd", str(self._initramfs),
                     "-append", self._command_line(machine)]
        return boot.boot(machine, arguments, timeout, self._packages)

    def _put_on_disk(self, machine):
        """A change of a disk's tree: the kernel, which its EFI stub starts, and what that loads."""
        def change(tree):
            shutil.copyfile(self._kernel.image, tree / "vmlinuz")
            shutil.copyfile(self._initramfs, tree / "initrd")
            options = f"initrd=\\\\initrd {self._command_line(machine)}"
            (tree / "boot.scr").write_bytes(qemu.u_boot_script("vmlinuz", options))
        return change

    @staticmethod
    def _command_line(machine):
        return " ".join([COMMAND_LINE, *machine.append])

    def _key(self, machine):
        """All that can change what Linux says, with this host's paths taken out."""
        files = [qemu.u_boot()] if machine.firmware == qemu.U_BOOT else machine.firmware
        return {"kernel": self._kernel.version, "initramfs": self._initramfs_digest,
                "firmware": [self._digest(path) for path in files],
                "qemu": self._qemu_version, "command line": self._command_line(machine),
                "arguments": self._arguments(machine)}

    @staticmethod
    def _arguments(machine):
        """QEMU's arguments without the names of files that are made anew for each boot."""
        with tempfile.TemporaryDirectory() as folder:
            arguments = qemu.command(machine, "DISK", folder, "SERIAL")
            return [argument.replace(folder, "ROOM") for argument in arguments]

    def _digest(self, path):
        path = pathlib.Path(path)
        if path not in self._digests:
            self._digests[path] = hashlib.sha256(path.read_bytes()).hexdigest()
        return self._digests[path]
