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
COMMAND_LINE = "console={} efi=debug log_buf_len=4M panic=-1 no_timer_check"
TIMEOUT = 400  # s; and more for many CPUs
DONE = "=== DONE ==="


class LinuxError(Exception):
    """Linux did not come to the end of its report."""


# Debian's name for an architecture, and the console of its machines.
DEBIAN = {"x86_64": ("amd64", "ttyS0"), "aarch64": ("arm64", "ttyAMA0"), "ia32": ("i386", "ttyS0"),
          "arm": ("armhf", "ttyAMA0"), "mixed": ("amd64", "ttyS0")}


class Linux:
    """The referee: kernels and their initramfs, and a folder of reports given earlier."""

    def __init__(self, build, meta=None):
        self._meta = meta
        self._unpacked = build / "debian"
        self._reports = build / "linux"
        self._reports.mkdir(parents=True, exist_ok=True)
        self._kernels, self._initramfs, self._digests = {}, {}, {}

    def fetch(self, machine):
        """Has what this machine boots at hand: to be called before report(), and by one thread."""
        name, _ = DEBIAN[machine.arch.name]
        wanted = self._wanted(machine)
        if wanted not in self._kernels:
            packages = debian.Packages(self._unpacked, name)
            self._initramfs[wanted] = debian.initramfs(packages)
            self._kernels[wanted] = debian.Kernel(packages, wanted[1])

    def _wanted(self, machine):
        """(Debian's architecture, the package that is asked for by name or None)."""
        name, _ = DEBIAN[machine.arch.name]
        return name, self._meta or machine.kernel

    def _booted(self, machine):
        """(kernel, initramfs, its digest) for a machine."""
        wanted = self._wanted(machine)
        return self._kernels[wanted], *self._initramfs[wanted]

    @property
    def versions(self):
        """Packages and revisions of the kernels that were fetched."""
        return ", ".join(kernel.version for kernel in self._kernels.values())

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
        kernel, initramfs, _ = self._booted(machine)
        if machine.firmware == qemu.U_BOOT:  # QEMU's -kernel means nothing to it
            # The firmware's services are not called there, and so nothing ends the machine.
            return boot.from_disk(machine, self._put_on_disk(machine), DONE, timeout,
                                  self._unpacked)
        arguments = ["-kernel", str(kernel.image), "-initrd", str(initramfs),
                     "-append", self._command_line(machine)]
        return boot.boot(machine, arguments, timeout, self._unpacked)

    def _put_on_disk(self, machine):
        """A change of a disk's tree: the kernel, which its EFI stub starts, and what that loads."""
        kernel, initramfs, _ = self._booted(machine)

        def change(tree):
            shutil.copyfile(kernel.image, tree / "vmlinuz")
            shutil.copyfile(initramfs, tree / "initrd")
            options = f"initrd=\\\\initrd {self._command_line(machine)}"
            (tree / "boot.scr").write_bytes(qemu.u_boot_script("vmlinuz", options))
        return change

    @staticmethod
    def _command_line(machine):
        _, console = DEBIAN[machine.arch.name]
        return " ".join([COMMAND_LINE.format(console), *machine.append])

    def _key(self, machine):
        """All that can change what Linux says, with this host's paths taken out."""
        kernel, _, initramfs = self._booted(machine)
        files = [qemu.u_boot()] if machine.firmware == qemu.U_BOOT else machine.firmware
        return {"kernel": kernel.version, "initramfs": initramfs,
                "firmware": [self._digest(path) for path in files],
                "qemu": boot.qemu_version(machine.arch.program), "command line": self._command_line(machine),
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
