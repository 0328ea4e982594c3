"""ESPs to install on, trees to install from, and what comes of both."""

import hashlib
import shutil
import subprocess

from conftest import ROOT

PROGRAM = "EFI/baton/batonx64.efi"
ESP_TYPE = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
PARTUUID = "11111111-2222-4333-8444-555555555555"
KERNEL = b"kernel" * 1000
ENTRIES = {f"loader/entries/{name}.conf" for name in ("baton", "baton-selftest", "baton-memtest", "baton-guard")}


def kernel_path(kernel):
    return f"EFI/baton/kernel-{hashlib.sha256(kernel).hexdigest()[:16]}.elf"


def expected(kernel=KERNEL):
    """What `install` brings."""
    return {PROGRAM, kernel_path(kernel), "EFI/baton/baton.conf"} | ENTRIES


def built(folder, version="0.1.0", kernel=KERNEL, arch="x64", wide=None):
    """A tree as `make` builds it; `wide` is the kernel of 64 bits for an application of 32."""
    tree = folder / f"tree-{version}-{hashlib.sha256(kernel + (wide or b'')).hexdigest()[:4]}-{arch}"
    boot_file = f"BOOT{arch.upper()}.EFI"
    shutil.copytree(ROOT / "esp", tree)
    (tree / "EFI/BOOT").mkdir(parents=True)
    kernel_id = hashlib.sha256(kernel).hexdigest()[:16]
    for entry in (tree / "loader/entries").iterdir():
        entry.write_text(entry.read_text().replace("BOOTX64.EFI", boot_file)
                         .replace(" x64\n", f" {arch}\n"))
    (tree / "EFI/BOOT" / boot_file).write_bytes(
        f"MZ\nsbat,1,...\nbaton,1,Baton,baton,{version},{boot_file}\n"
        f"#### BatonKernel: {kernel_id} ####".encode() + bytes(5000))
    (tree / "EFI/baton/kernel.elf").write_bytes(kernel)
    if wide is not None:
        (tree / "EFI/baton/kernel64.elf").write_bytes(wide)
        with open(tree / "EFI/BOOT" / boot_file, "ab") as program:
            program.write(f"#### BatonKernel64: {hashlib.sha256(wide).hexdigest()[:16]} ####".encode())
    return tree


class OnDirectory:
    def __init__(self, folder):
        self.path = folder / "esp"
        self.path.mkdir()

    def put(self, path, content):
        (self.path / path).parent.mkdir(parents=True, exist_ok=True)
        (self.path / path).write_bytes(content)

    def files(self):
        return {str(p.relative_to(self.path)): p.read_bytes()
                for p in self.path.rglob("*") if p.is_file()}

    def folders(self):
        return {str(p.relative_to(self.path)) for p in self.path.rglob("*") if p.is_dir()}


class OnImage:
    offset = 0

    def __init__(self, folder, kib=4096):
        self.path = folder / "esp.img"
        self.folder = folder
        self.create(kib)

    def create(self, kib):
        subprocess.run(["mformat", "-C", "-i", self.path, "-T", str(kib * 2), "::"], check=True)

    @property
    def at(self):
        return f"{self.path}@@{self.offset}"

    def put(self, path, content):
        parts = path.split("/")
        for depth in range(1, len(parts)):
            subprocess.run(["mmd", "-D", "s", "-i", self.at, "::/" + "/".join(parts[:depth])],
                           stderr=subprocess.DEVNULL, check=False)
        source = self.folder / "put"
        source.write_bytes(content)
        subprocess.run(["mcopy", "-o", "-i", self.at, source, f"::/{path}"], check=True)

    def tree(self):
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        subprocess.run(["mcopy", "-s", "-n", "-i", self.at, "::/", copy], check=True,
                       capture_output=True)
        return copy

    def files(self):
        copy = self.tree()
        return {str(p.relative_to(copy)): p.read_bytes() for p in copy.rglob("*") if p.is_file()}

    def folders(self):
        copy = self.tree()
        return {str(p.relative_to(copy)) for p in copy.rglob("*") if p.is_dir()}


class OnDisk(OnImage):
    """A GPT disk whose second partition is the ESP."""
    offset = 2 << 20

    def create(self, kib):
        with open(self.path, "wb") as file:
            file.truncate((kib << 10) + (4 << 20))
        subprocess.run(["/usr/sbin/sfdisk", "-q", self.path], text=True, check=True, input=(
            "label: gpt\nstart=2048, size=2048, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4\n"
            f"start=4096, size={kib * 2}, type={ESP_TYPE}\n"))
        subprocess.run(["mformat", "-i", self.at, "-T", str(kib * 2), "::"], check=True)
