"""Debian's own kernel and busybox, fetched by package name and unpacked, never installed."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import subprocess

# Debian's architecture -> the packages that always depend on its current kernel: Debian's name, then
# Ubuntu's.
KERNEL_META_PACKAGES = {"amd64": ("linux-image-amd64", "linux-image-generic"),
                        "arm64": ("linux-image-arm64", "linux-image-generic"),
                        "i386": ("linux-image-686-pae",),
                        "armhf": ("linux-image-armmp",)}


class FetchError(Exception):
    """A package could not be found, downloaded or understood."""


def _run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise FetchError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


class Packages:
    """Packages of one architecture, and the folder in which they are unpacked.

    Those of the host's own architecture come by the person's apt as it is. For another, apt is given
    a root below `cache`: sources are the person's, lists and state are not.
    """

    def __init__(self, cache, architecture="amd64"):
        self.architecture = architecture
        own = _run(["dpkg", "--print-architecture"]).strip()
        self.folder = cache if architecture == own else cache / architecture
        self._options, self._updated = [], True
        if architecture != own:
            root = self.folder / "apt"
            self._options = ["-o", f"Dir::State={root}/state", "-o", f"Dir::State::status={root}/status",
                             "-o", f"Dir::Cache={root}/cache", "-o", f"APT::Architecture={architecture}",
                             "-o", f"APT::Architectures={architecture}"]
            self._updated = False
        if os.geteuid() == 0:  # apt's own sandbox user may not enter these folders
            self._options += ["-o", "APT::Sandbox::User=root"]

    def _apt(self, *command, **options):
        return _run([command[0], *self._options, *command[1:]], **options)

    def _update(self):
        """The lists of another architecture, new once a run. One list that fails need not matter: what
        is asked for may stand in the others."""
        if self._updated:
            return
        root = self.folder / "apt"
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "status").touch()
        self._updated = True
        with contextlib.suppress(FetchError):
            self._apt("apt-get", "update")

    def kernel_package(self, metas):
        """The name of the kernel package that the first known of the `metas` packages depends on."""
        with _alone(self.folder):
            self._update()
        for meta in metas:
            with contextlib.suppress(FetchError):
                for line in self._apt("apt-cache", "depends", meta).splitlines():
                    key, _, value = line.strip().partition(": ")
                    if key == "Depends" and value.startswith("linux-image-"):
                        return value
        raise FetchError(f"no package of {', '.join(metas)} for {self.architecture} is known to apt (is "
                         "the package list empty? `apt-get update`)")

    def unpack(self, package):
        """Downloads `package` and unpacks it to its own folder, which is returned. Done once."""
        folder = self.folder / package
        with _alone(self.folder):
            if not (folder / ".complete").exists():
                self._update()
                self._unpack(package, folder, self.folder / "download")
        return folder

    def _unpack(self, package, folder, downloads):
        downloads.mkdir(exist_ok=True)
        for old in downloads.glob(f"{package}_*.deb"):
            old.unlink()
        self._apt("apt-get", "download", package, cwd=downloads)
        archives = list(downloads.glob(f"{package}_*.deb"))
        if len(archives) != 1:
            raise FetchError(f"apt-get download {package} left {len(archives)} files, expected one")
        folder.mkdir(exist_ok=True)
        _run(["dpkg-deb", "-x", archives[0], folder])
        version = _run(["dpkg-deb", "-f", archives[0], "Version"]).strip()
        archives[0].unlink()
        (folder / ".complete").write_text(version + "\n")


@contextlib.contextmanager
def _alone(cache):
    """Nobody else changes the cache meanwhile: tests run side by side."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Kernel:
    """An unpacked kernel: its image, and a version that names the package and its revision.

    `meta` names the package whose kernel is wanted; None: the distribution's own choice. The choice
    is remembered, so that a new kernel in the archive does not make every earlier boot worthless.
    """

    def __init__(self, packages, meta=None):
        chosen = packages.folder / f"kernel-of-{meta or 'distribution'}"
        if not chosen.exists():
            metas = (meta,) if meta else KERNEL_META_PACKAGES[packages.architecture]
            found = packages.kernel_package(metas)
            chosen.write_text(found + "\n")
        self.package = chosen.read_text().strip()
        folder = packages.unpack(self.package)
        images = sorted((folder / "boot").glob("vmlinuz-*"))
        if len(images) != 1:
            raise FetchError(f"{self.package}: {len(images)} kernel images, expected one")
        self.image = images[0]
        self.modules = folder
        self.version = f"{self.package} {(folder / '.complete').read_text().strip()}"


def initramfs(packages):
    """Packs busybox and our init into a cpio archive; returns (path, digest of its content)."""
    unpacked = packages.unpack("busybox-static")
    busybox = unpacked / "bin" / "busybox"
    if not busybox.exists():
        busybox = unpacked / "usr" / "bin" / "busybox"
    init = pathlib.Path(__file__).with_name("init")
    members = [("bin", 0o040755, b""), ("dev", 0o040755, b""),
               ("dev/console", 0o020600, (5, 1)),
               ("bin/busybox", 0o100755, busybox.read_bytes()),
               ("init", 0o100755, init.read_bytes())]
    archive = cpio(members)
    digest = hashlib.sha256(archive).hexdigest()
    path = packages.folder / f"initramfs-{digest[:16]}.cpio"
    if not path.exists():
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(archive)
        temporary.replace(path)
    return path, digest


def cpio(members):
    """An archive of them: (name, mode, content). Linux takes several, one behind the other, and of a
    file that is in more than one the last."""
    archive = b"".join(_cpio_member(i + 1, *member) for i, member in enumerate(members))
    return archive + _cpio_member(0, "TRAILER!!!", 0, b"")


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
