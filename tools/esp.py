"""An EFI System Partition as a set of files: a mounted directory, or a FAT file system in an image.

What is written to it arrives whole or not at all. Paths within it are written with '/', and compared
as FAT does, without regard to case.
"""

import contextlib
import fcntl
import glob
import os
import pathlib
import shutil
import struct
import subprocess
import uuid

ESP_TYPE = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
SECTOR = 512


class EspError(Exception):
    """Something about the ESP; the text says what and where."""


def gpt_partitions(disk):
    """[(number, type, unique id, first byte, size in bytes)] of a disk or its image; empty when
    there is no GPT."""
    with open(disk, "rb") as file:
        file.seek(SECTOR)
        header = file.read(92)
        if len(header) < 92 or header[:8] != b"EFI PART":
            return []
        table, count, size = struct.unpack_from("<QII", header, 72)
        if size < 128 or count > 4096:
            raise EspError(f"{disk}: its GPT claims {count} entries of {size} bytes")
        file.seek(table * SECTOR)
        entries = file.read(count * size)
    found = []
    for number in range(count):
        entry = entries[number * size:(number + 1) * size]
        if len(entry) < 48 or not any(entry[:16]):
            continue
        first, last = struct.unpack_from("<QQ", entry, 32)
        found.append((number + 1, uuid.UUID(bytes_le=entry[:16]), uuid.UUID(bytes_le=entry[16:32]),
                      first * SECTOR, (last - first + 1) * SECTOR))
    return found


def is_fat(disk, offset=0):
    with open(disk, "rb") as file:
        file.seek(offset)
        boot = file.read(SECTOR)
    return len(boot) == SECTOR and boot[510:] == b"\x55\xaa" and (
        boot[54:57] == b"FAT" or boot[82:87] == b"FAT32")


class Change:
    """What is to become of the ESP, in this order: remains of earlier changes that were cut short to
    be swept away, files to write, directories to make, files to delete, directories to delete when they
    end up empty.

    A change that is cut short by a kill or a power cut has been carried out up to some file, which
    is whole; so files are named in an order in which every beginning of it makes sense."""

    def __init__(self):
        self.sweep = []
        self.write = {}  # path -> bytes
        self.make = []   # that are not there
        self.delete = []
        self.prune = []

    def __bool__(self):
        return bool(self.sweep or self.write or self.make or self.delete)


def staging_name(name):
    """Where a file is written before it takes its place."""
    return name + ".new"


@contextlib.contextmanager
def locked(path):
    """Two who change one ESP at a time would take away what the other is writing."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EspError(f"{path}: somebody else is changing it; nothing was changed") from error
        yield
    finally:
        os.close(handle)


def sync(path):
    """A file's bytes, or a directory's names, onto the medium."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path, content):
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        at = 0
        while at < len(content):
            at += os.write(handle, content[at:])
        os.fsync(handle)
    finally:
        os.close(handle)


class Directory:
    """A mounted ESP, or any directory that stands for one."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def __str__(self):
        return str(self.path)

    def _find(self, path):
        """Where the path is, or would be; what exists decides the spelling."""
        at = self.path
        for part in path.split("/"):
            spelled = at / part
            if not spelled.exists() and at.is_dir():
                for name in os.listdir(at):
                    if name.lower() == part.lower():
                        spelled = at / name
                        break
            at = spelled
        return at

    def read(self, path):
        """The file's bytes; None when there is no such file."""
        try:
            return self._find(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def has(self, path):
        """Whether there is a file or a directory."""
        return self._find(path).exists()

    def names(self, path):
        """What is in a directory; empty when there is none."""
        at = self._find(path)
        return sorted(os.listdir(at)) if at.is_dir() else []

    def _check_room(self, change):
        room = os.statvfs(self.path)
        unit = room.f_frsize
        # Old and new stand side by side until the last moment; a few directories more.
        needed = sum(-(-len(content) // unit) * unit for content in change.write.values())
        needed += 8 * unit if change.write else 0
        free = room.f_bavail * unit
        if needed > free:
            raise EspError(f"{self}: {needed >> 10} KiB are needed and {free >> 10} KiB are free; "
                           "nothing was changed")

    def apply(self, change):
        """All of it, or, where something fails, nothing: new files are written beside the old ones
        and take their places one by one in the end. Each step is on the medium before the next."""
        with locked(self.path):
            undo = []  # (what, its arguments), newest last
            try:
                for path in change.sweep:
                    self._find(path).unlink(missing_ok=True)
                self._check_room(change)
                staged = [self._stage(path, content, undo)
                          for path, content in change.write.items()]
                for temporary, final in staged:
                    self._place(temporary, final, undo)
                for path in change.make:
                    self._make_folder(self._find(path), undo)
                for path in change.delete:
                    final = self._find(path)
                    if final.exists():
                        undo.append((self._restore, final, final.read_bytes()))
                        os.unlink(final)
                        sync(final.parent)
            except BaseException as error:
                self._undo(undo, error)
                if isinstance(error, OSError):
                    raise EspError(f"{self}: {error.strerror} ({error.filename or 'writing'}); "
                                   "nothing was changed") from error
                raise
            for path in change.prune:
                folder = self._find(path)
                if folder.is_dir() and not os.listdir(folder):
                    os.rmdir(folder)
                    sync(folder.parent)

    def _stage(self, path, content, undo):
        """Writes a new file beside where it belongs: (where it is, where it belongs)."""
        final = self._find(path)
        for parent in reversed(final.relative_to(self.path).parents):
            self._make_folder(self.path / parent, undo)
        temporary = final.with_name(staging_name(final.name))
        undo.append((self._drop, temporary))
        write_file(temporary, content)
        sync(final.parent)
        return temporary, final

    def _make_folder(self, folder, undo):
        if not folder.exists():
            undo.append((self._drop_folder, folder))
            os.mkdir(folder)
            sync(folder.parent)

    def _place(self, temporary, final, undo):
        undo.append((self._restore, final, final.read_bytes()) if final.exists()
                    else (self._drop, final))
        os.replace(temporary, final)
        sync(final.parent)

    @staticmethod
    def _drop(path):
        path.unlink(missing_ok=True)
        sync(path.parent)

    @staticmethod
    def _drop_folder(path):
        if path.exists():
            os.rmdir(path)
            sync(path.parent)

    @staticmethod
    def _restore(final, content):
        if final.exists() and final.read_bytes() == content:
            return
        temporary = final.with_name(staging_name(final.name))
        write_file(temporary, content)
        os.replace(temporary, final)
        sync(final.parent)

    def _undo(self, undo, cause):
        try:
            for back, *arguments in reversed(undo):
                back(*arguments)
        except OSError as error:
            raise EspError(f"{self}: {cause}; and then {error}, so that some of it is changed and "
                           "some is not. What starts is whole; the same command again finishes it"
                           ) from cause


class Image:
    """A FAT file system in an image file, alone or as the ESP of a GPT. Changes are made in a copy,
    which takes the image's place when all went well."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        if shutil.which("mcopy") is None:
            raise EspError("mtools, which write FAT images, are not here; `make setup` installs them")
        esps = [part for part in gpt_partitions(path) if part[1] == ESP_TYPE]
        if len(esps) > 1:
            raise EspError(f"{path}: its GPT has {len(esps)} EFI System Partitions, not one")
        self.offset = esps[0][3] if esps else 0
        if not is_fat(path, self.offset):
            raise EspError(f"{path}: " + ("its EFI System Partition is not FAT" if esps else
                                          "neither a FAT file system nor a GPT disk with an ESP"))

    def __str__(self):
        return str(self.path)

    def _mtools(self, command, *arguments, image=None, stdin=None):
        return subprocess.run(
            [command, "-i", f"{image or self.path}@@{self.offset}", *arguments], input=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
            env={**os.environ, "MTOOLS_SKIP_CHECK": "1"})

    def read(self, path):
        done = self._mtools("mtype", f"::/{path}")
        return done.stdout if done.returncode == 0 else None

    def names(self, path):
        done = self._mtools("mdir", "-b", f"::/{path}")
        if done.returncode:
            return []
        return sorted(line.rstrip("/").rsplit("/", 1)[-1]
                      for line in done.stdout.decode(errors="replace").splitlines() if line)

    def has(self, path):
        return self._exists(self.path, path)

    def _exists(self, copy, path):
        parent, _, name = path.rpartition("/")
        done = self._mtools("mdir", "-b", f"::/{parent}", image=copy)
        names = done.stdout.decode(errors="replace").lower().splitlines()
        return any(line.rstrip("/").endswith("/" + name.lower()) for line in names)

    def _change(self, copy, change):
        def must(command, *arguments, stdin=None):
            done = self._mtools(command, *arguments, image=copy, stdin=stdin)
            if done.returncode:
                said = done.stderr.decode(errors="replace").strip().splitlines() or ["failed"]
                raise EspError(f"{self}: {said[-1]}; nothing was changed")
        for path in change.sweep:
            must("mdel", f"::/{path}")
        for path, content in change.write.items():
            parts = path.split("/")
            for depth in range(1, len(parts)):
                folder = "/".join(parts[:depth])
                if not self._exists(copy, folder):
                    must("mmd", f"::/{folder}")
            if self._exists(copy, path):
                must("mdel", f"::/{path}")
            must("mcopy", "-", f"::/{path}", stdin=content)
        for path in change.make:
            must("mmd", f"::/{path}")
        for path in change.delete:
            if self._exists(copy, path):
                must("mdel", f"::/{path}")
        for path in change.prune:
            if self._exists(copy, path):
                done = self._mtools("mdir", "-b", f"::/{path}", image=copy)
                if not done.stdout.strip():
                    must("mrd", f"::/{path}")

    def apply(self, change):
        if not os.access(self.path, os.W_OK):
            raise EspError(f"{self}: Permission denied; nothing was changed")
        with locked(self.path):
            for remains in self.path.parent.glob(f".{glob.escape(self.path.name)}.*.new"):
                remains.unlink()
            copy = self.path.with_name(f".{self.path.name}.{os.getpid()}.new")
            try:
                subprocess.run(["cp", "--sparse=always", "--preserve=mode", self.path, copy],
                               check=True, stderr=subprocess.PIPE)
                self._change(copy, change)
                sync(copy)
                os.replace(copy, self.path)
                sync(self.path.parent)
            except subprocess.CalledProcessError as error:
                raise EspError(f"{self}: {error.stderr.decode(errors='replace').strip()}; "
                               "nothing was changed") from error
            except OSError as error:
                raise EspError(f"{self}: {error.strerror}; nothing was changed") from error
            finally:
                copy.unlink(missing_ok=True)


def open_esp(path):
    path = pathlib.Path(path)
    if path.is_dir():
        return Directory(path)
    if path.is_file():
        return Image(path)
    if path.is_block_device():
        raise EspError(f"{path} is a device: mount it and name the directory, since two who write "
                       "to one file system at a time destroy it")
    raise EspError(f"{path}: there is no such directory or image")
