"""Debian's own kernel and busybox, fetched by package name and unpacked, never installed."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import subprocess

# The package that always depends on the current kernel: Debian's name, then Ubuntu's.
KERNEL_META_PACKAGES = ("linux-image-amd64", "linux-image-generic")


class FetchError(Exception):
    """A package could not be found, downloaded or understood."""


def _run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise FetchError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def kernel_package(metas=KERNEL_META_PACKAGES):
    """The name of the kernel package that the first known of the `metas` packages depends on."""
    for meta in metas:
        shown = subprocess.run(["apt-cache", "depends", meta], capture_output=True, text=True,
                               check=False)
        for line in shown.stdout.splitlines():
            key, _, value = line.strip().partition(": ")
            if key == "Depends" and value.startswith("linux-image-"):
                return value
    raise FetchError("no package of " + ", ".join(metas)
                     + " is known to apt (is the package list empty? `apt-get update`)")


@contextlib.contextmanager
def _alone(cache):
    """Nobody else changes the cache meanwhile: tests run side by side."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def unpack(package, cache):
    """Downloads `package` and unpacks it to cache/<package>; returns that folder. Done once."""
    folder = cache / package
    with _alone(cache):
        if not (folder / ".complete").exists():
            _unpack(package, folder, cache / "download")
    return folder


def _unpack(package, folder, downloads):
    downloads.mkdir(exist_ok=True)
    for old in downloads.glob(f"{package}_*.deb"):
        old.unlink()
    command = ["apt-get", "download", package]
    if os.geteuid() == 0:  # apt's own sandbox user may not enter this folder
        command[1:1] = ["-o", "APT::Sandbox::User=root"]
    _run(command, cwd=downloads)
    archives = list(downloads.glob(f"{package}_*.deb"))
    if len(archives) != 1:
        raise FetchError(f"apt-get download {package} left {len(archives)} files, expected one")
    folder.mkdir(exist_ok=True)
    _run(["dpkg-deb", "-x", archives[0], folder])
    version = _run(["dpkg-deb", "-f", archives[0], "Version"]).strip()
    archives[0].unlink()
    (folder / ".complete").write_text(version + "\n")


class Kernel:
    """An unpacked kernel: its image, and a version that names the package and its revision.

    `meta` names the package whose kernel is wanted; None: the distribution's own choice. The choice
    is remembered, so that a new kernel in the archive does not make every earlier boot worthless.
    """

    def __init__(self, cache, meta=None):
        chosen = cache / f"kernel-of-{meta or 'distribution'}"
        if not chosen.exists():
            cache.mkdir(parents=True, exist_ok=True)
            chosen.write_text(kernel_package((meta,) if meta else KERNEL_META_PACKAGES) + "\n")
        self.package = chosen.read_text().strip()
        folder = unpack(self.package, cache)
        images = sorted((folder / "boot").glob("vmlinuz-*"))
        if len(images) != 1:
            raise FetchError(f"{self.package}: {len(images)} kernel images, expected one")
        self.image = images[0]
        self.version = f"{self.package} {(folder / '.complete').read_text().strip()}"


def initramfs(cache):
    """Packs busybox and our init into a cpio archive; returns (path, digest of its content)."""
    busybox = unpack("busybox-static", cache) / "bin" / "busybox"
    if not busybox.exists():
        busybox = unpack("busybox-static", cache) / "usr" / "bin" / "busybox"
    init = pathlib.Path(__file__).with_name("init")
    members = [("bin", 0o040755, b""), ("dev", 0o040755, b""),
               ("dev/console", 0o020600, (5, 1)),
               ("bin/busybox", 0o100755, busybox.read_bytes()),
               ("init", 0o100755, init.read_bytes())]
    archive = b"".join(_cpio_member(i + 1, *member) for i, member in enumerate(members))
    archive += _cpio_member(0, "TRAILER!!!", 0, b"")
    digest = hashlib.sha256(archive).hexdigest()
    path = cache / f"initramfs-{digest[:16]}.cpio"
    if not path.exists():
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(archive)
        temporary.replace(path)
    return path, digest


def _cpio_member(inode, name, mode, content):
    """One entry of a "newc" archive. `content` is bytes, or (major, minor) of a device node."""
    major, minor = content if isinstance(content, tuple) else (0, 0)
    data = b"" if isinstance(content, tuple) else content
    raw_name = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(raw_name), 0)
    entry = b"070701" + b"".join(b"%08X" % field for field in fields) + raw_name
    return _pad4(entry) + _pad4(data)


def _pad4(data):
    return data + b"\0" * (-len(data) % 4)
