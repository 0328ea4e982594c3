"""mm/ as a library of two files: other people's compilers take it, and it asks for nothing."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT

WARNINGS = ["-Wall", "-Wextra", "-Werror"]
FREESTANDING = ["-ffreestanding", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fno-stack-protector"]
# The rest of what a library needs of those who link it.
WANTED = {"memcpy", "memmove", "memset", "memcmp"}


def run(*command, cwd):
    return subprocess.run([str(word) for word in command], cwd=cwd, check=True, text=True,
                          capture_output=True).stdout


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    run("tools/release", folder, "1.2.3", cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def compiled(release, tmp_path_factory):
    """A folder with the library's object in it, as the host's compiler makes it."""
    folder = tmp_path_factory.mktemp("compiled")
    run("g++", "-std=c++20", "-O1", "-fPIC", "-fno-exceptions", *WARNINGS, "-c", release / "baton_mm.cpp", cwd=folder)
    return folder


def undefined(folder, program="nm"):
    return {line.split()[-1] for line in run(program, "-u", "baton_mm.o", cwd=folder).splitlines()}


def test_the_example_in_c_runs(release, compiled, tmp_path):
    run("gcc", "-std=c11", *WARNINGS, f"-I{release}", release / "example.c", compiled / "baton_mm.o", "-o", "example",
        cwd=tmp_path)
    said = run("./example", cwd=tmp_path)
    assert "freed again: free_pages: double free" in said
    assert "Ledger: closed, 0 bytes unaccounted for" in said
    assert undefined(compiled) <= WANTED | {"_GLOBAL_OFFSET_TABLE_"}  # the linker's own, of -fPIC


def test_another_language_binds_it(compiled, tmp_path):
    run("g++", "-shared", compiled / "baton_mm.o", "-o", "libbaton_mm.so", cwd=tmp_path)
    said = run(sys.executable, ROOT / "examples/mm.py", tmp_path / "libbaton_mm.so", cwd=tmp_path)
    assert "freed again: free_pages: double free" in said
    assert SAID_BY_THE_EXAMPLE in said


@pytest.mark.parametrize("compiler, more", [
    ("g++", ["-mno-red-zone", "-mgeneral-regs-only", "-DBATON_MM_ONE_CPU"]),
    ("aarch64-linux-gnu-g++", ["-mgeneral-regs-only", "-mno-outline-atomics", "-DBATON_MM_MASKS"]),
    ("clang++", ["-stdlib=libc++"])])
def test_a_kernel_can_have_it(release, tmp_path, compiler, more):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not here")
    shutil.copytree(release, tmp_path, dirs_exist_ok=True)
    run(compiler, "-std=c++20", "-O1", *FREESTANDING, *WARNINGS, *more, "-c", "baton_mm.cpp", cwd=tmp_path)
    masks = {"baton_mm_mask", "baton_mm_unmask"} if "-DBATON_MM_MASKS" in more else set()
    # Freestanding, clang takes no length of a literal for known, and libc++ checks its views.
    clang = {"strlen", "memchr", "abort"} if compiler == "clang++" else set()
    assert undefined(tmp_path, "nm") <= WANTED | masks | clang


SAID_BY_THE_EXAMPLE = "Ledger: closed, 0 bytes unaccounted for"


@pytest.mark.parametrize("prefix, emulator", [("i686-linux-gnu-", "qemu-i386"), ("arm-linux-gnueabihf-", "qemu-arm")])
def test_it_runs_with_32_bits(release, tmp_path, prefix, emulator):
    if shutil.which(f"{prefix}g++") is None or shutil.which(emulator) is None:
        pytest.skip(f"{prefix}g++ or {emulator} is not here")
    shutil.copytree(release, tmp_path, dirs_exist_ok=True)
    # Not optimised, which is quick to build and then calls the C++ library's errors.
    run(f"{prefix}g++", "-std=c++20", *WARNINGS, "-c", "baton_mm.cpp", cwd=tmp_path)
    run(f"{prefix}gcc", "-std=c11", *WARNINGS, "-c", "example.c", cwd=tmp_path)
    run(f"{prefix}g++", "-static", "example.o", "baton_mm.o", "-o", "example", cwd=tmp_path)
    assert SAID_BY_THE_EXAMPLE in run(emulator, "./example", cwd=tmp_path)


def test_the_example_of_huge_pages_runs(release, installed, tmp_path):
    if not pathlib.Path("/usr/include/numa.h").exists():
        pytest.skip("libnuma's header is not here (Debian's libnuma-dev has it)")
    run("gcc", "-O1", *WARNINGS, "-DROUNDS=1", f"-I{release}", ROOT / "examples/hugepages.c",
        f"{installed}/lib/libbaton_mm.a", "-lnuma", "-o", "hugepages", cwd=tmp_path)
    said = run("./hugepages", cwd=tmp_path)
    for way in ("baton_mm_alloc", "aligned_alloc", "mmap"):
        assert re.search(rf"^{way} +\d+ ns +\d+ ns$", said, re.MULTILINE), said


@pytest.fixture(scope="module")
def installed(release, compiled, tmp_path_factory):
    """Its root and prefix, as `make install-mm` leaves them."""
    root = tmp_path_factory.mktemp("root")
    (root / "lib").mkdir()
    (root / "include").mkdir()
    run("ar", "crs", root / "lib/libbaton_mm.a", compiled / "baton_mm.o", cwd=release)
    shutil.copy(release / "baton_mm.h", root / "include")
    run("tools/release", "packages", root / "lib", "1.2.3", root, cwd=ROOT)
    return root


def test_pkg_config_leads_to_it(release, installed, tmp_path):
    if shutil.which("pkg-config") is None:
        pytest.skip("pkg-config is not here")
    found = ["env", f"PKG_CONFIG_PATH={installed}/lib/pkgconfig", "pkg-config", "baton_mm"]
    assert run(*found, "--modversion", cwd=tmp_path).split() == ["1.2.3"]
    flags = run(*found, "--cflags", "--libs", cwd=tmp_path).split()
    run("gcc", release / "example.c", *flags, "-o", "example", cwd=tmp_path)
    assert SAID_BY_THE_EXAMPLE in run("./example", cwd=tmp_path)


def test_cmake_finds_it(release, installed, tmp_path):
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not here")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(user C)\nfind_package(baton_mm REQUIRED)\n"
        f'add_executable(example "{release}/example.c")\ntarget_link_libraries(example baton::mm)\n')
    run("cmake", "-S", tmp_path, "-B", tmp_path / "out", f"-DCMAKE_PREFIX_PATH={installed}", cwd=tmp_path)
    run("cmake", "--build", tmp_path / "out", cwd=tmp_path)
    assert SAID_BY_THE_EXAMPLE in run(tmp_path / "out/example", cwd=tmp_path)
