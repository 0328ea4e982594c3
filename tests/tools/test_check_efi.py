"""tools/check_efi lets the built image pass and no spoilt one."""

import shutil
import struct
import subprocess

import pytest

from conftest import ROOT

SHARED_OBJECT = ROOT / "build/efi/baton.so"
IMAGE = ROOT / "build/esp/EFI/BOOT/BOOTX64.EFI"
WRITE, EXECUTE = 0x80000000, 0x20000000


@pytest.fixture
def files(tmp_path):
    """Copies of the shared object and of the image, to be spoilt."""
    return [shutil.copyfile(path, tmp_path / path.name) for path in (SHARED_OBJECT, IMAGE)]


@pytest.fixture
def aarch64_files(tmp_path, monkeypatch):
    """The same of the other architecture."""
    monkeypatch.setenv("OBJDUMP", "aarch64-linux-gnu-objdump")
    return [shutil.copyfile(ROOT / "build/aarch64" / path, tmp_path / name) for path, name in (
        ("efi/baton.so", "arm.so"), ("esp/EFI/BOOT/BOOTAA64.EFI", "BOOTAA64.EFI"))]


def optional_header(image):
    return struct.unpack_from("<I", image, 0x3C)[0] + 24


def section(image, name):
    """Offset of a section's header."""
    optional = optional_header(image)
    count, = struct.unpack_from("<H", image, optional - 18)
    size, = struct.unpack_from("<H", image, optional - 4)
    for i in range(count):
        at = optional + size + 40 * i
        if image[at:at + 8].rstrip(b"\0") == name.encode():
            return at
    raise AssertionError(f"no section {name}")


def change(path, offset, form, function):
    data = bytearray(path.read_bytes())
    at = offset(data)
    old, = struct.unpack_from(form, data, at)
    struct.pack_into(form, data, at, function(old))
    path.write_bytes(data)


def elf_section(elf, name):
    """(offset of a section's header, offset of its content)."""
    headers, = struct.unpack_from("<Q", elf, 0x28)
    _, count, names = struct.unpack_from("<HHH", elf, 0x3A)
    strings, = struct.unpack_from("<Q", elf, headers + 64 * names + 24)
    for i in range(count):
        at = headers + 64 * i
        start = strings + struct.unpack_from("<I", elf, at)[0]
        if elf[start:elf.index(b"\0", start)] == name.encode():
            return at, struct.unpack_from("<Q", elf, at + 24)[0]
    raise AssertionError(f"no section {name}")


def test_a_good_image_gets_nx_compat(bench, files):
    def characteristics(data):
        return optional_header(data) + 70
    change(files[1], characteristics, "<H", lambda old: old & ~0x100)
    said = bench.run("check_efi", *files)
    assert said.status == 0, str(said)
    assert files[1].read_bytes() == IMAGE.read_bytes()


def field(name, at):
    return lambda image: section(image, name) + at


def header(at):
    return lambda image: optional_header(image) + at


@pytest.mark.parametrize("where, form, spoil, words", [
    (field(".text", 36), "<I", lambda old: old | WRITE, "writable and executable"),
    (field(".data", 36), "<I", lambda old: old | EXECUTE, "writable and executable"),
    (field(".rodata", 36), "<I", lambda old: old | WRITE, ".rodata has rights"),
    (field(".rodata", 12), "<I", lambda old: old + 512, "not at a page"),
    (field(".data", 12), "<I", lambda old: old - 4096, "before the end"),
    (field(".sbat", 12), "<I", lambda old: 0, "before the end"),
    (field(".sbat", 8), "<I", lambda old: 1 << 20, "behind the image's end"),
    (field(".sbat", 1), "<B", lambda old: ord("x"), ".sbat is missing"),
    (field(".reloc", 1), "<B", lambda old: ord("x"), ".reloc is missing"),
    (field(".rela", 20), "<I", lambda old: 1 << 30, "of a file of"),
    (header(16), "<I", lambda old: 0xFFF000, "entry point"),
    (header(32), "<I", lambda old: 512, "less than a page"),
    (header(68), "<H", lambda old: 11, "subsystem"),
    (header(0), "<H", lambda old: 0x10B, "PE32+"),
    (lambda image: 0, "<H", lambda old: 0, "not a PE image"),
])
def test_a_spoilt_image_is_refused(bench, files, where, form, spoil, words):
    change(files[1], where, form, spoil)
    said = bench.run("check_efi", *files)
    assert said.status == 1 and words in said.err, str(said)


def test_a_relocation_nothing_applies_is_refused(bench, files):
    """GLOB_DAT, 6, in place of the first RELATIVE, 8."""
    change(files[0], lambda elf: elf_section(elf, ".rela")[1] + 8, "<I", lambda old: 6)
    said = bench.run("check_efi", *files)
    assert said.status == 1 and "relocation of type 6" in said.err, str(said)


def test_aarch64s_image_passes(bench, aarch64_files):
    before = aarch64_files[1].read_bytes()
    said = bench.run("check_efi", *aarch64_files)
    assert said.status == 0, str(said)
    assert aarch64_files[1].read_bytes() == before


def test_what_is_wrong_with_aarch64s_is_found(bench, files, aarch64_files):
    said = bench.run("check_efi", aarch64_files[0], files[1])
    assert said.status == 1 and "not an AArch64 PE32+ image" in said.err, str(said)
    elf = aarch64_files[0].read_bytes()
    text = elf_section(elf, ".text")[1]
    change(aarch64_files[0], lambda _: text, "<I", lambda old: 0x1E2703E0)
    said = bench.run("check_efi", *aarch64_files)
    assert said.status == 1 and "fmov s0, wzr" in said.err, str(said)
    aarch64_files[0].write_bytes(elf)
    change(aarch64_files[0], lambda _: elf_section(elf, ".rela")[1] + 8, "<I",
           lambda old: 1025)
    said = bench.run("check_efi", *aarch64_files)
    assert said.status == 1 and "relocation of type 1025" in said.err, str(said)


def test_a_constructor_is_refused(bench, files):
    """A section of the type INIT_ARRAY, 14."""
    change(files[0], lambda elf: elf_section(elf, ".data")[0] + 4, "<I", lambda old: 14)
    said = bench.run("check_efi", *files)
    assert said.status == 1 and "constructors" in said.err, str(said)


@pytest.mark.parametrize("code, words", [
    ("0f 28 c8", "movaps %xmm0,%xmm1"),
    ("0f 11 07", "movups %xmm0,(%rdi)"),
    ("c5 f8 77", "vzeroupper"),
    ("0f 77", "emms"),
    ("db e3", "fninit"),
    ("d9 07", "flds (%rdi)"),
    ("0f ae 17", "ldmxcsr (%rdi)"),
    ("0f ae 07", "fxsave (%rdi)"),
    ("0f ae 27", "xsave (%rdi)"),
])
def test_an_instruction_that_firmware_may_have_left_off_is_refused(bench, files, code, words):
    """In the last bytes of .text, which are padding."""
    data = bytearray(files[1].read_bytes())
    size, _, in_file, where = struct.unpack_from("<IIII", data, section(data, ".text") + 8)
    end = where + min(size, in_file)
    code = bytes.fromhex(code)
    assert data[end - 16:end] == b"\xcc" * 16
    data[end - 16:end - 16 + len(code)] = code
    files[1].write_bytes(data)
    said = bench.run("check_efi", *files)
    assert said.status == 1 and words in said.err, str(said)


def test_a_constructor_does_not_link(tmp_path):
    """The linker script refuses it before check_efi can."""
    source = tmp_path / "constructor.cpp"
    source.write_text("int f(); int value = f(); int f() { return 1; }\n"
                      "extern \"C\" int efi_main() { return value; }\n"
                      "extern \"C\" void _relocate() {}\n")
    subprocess.run(["g++", "-c", "-fpic", "-ffreestanding", "-o", tmp_path / "c.o", source],
                   check=True)
    done = subprocess.run(
        ["ld", "-shared", "-T", ROOT / "efi/x86_64/efi.lds", "-o", tmp_path / "c.so",
         tmp_path / "c.o"], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "constructor" in done.stderr
