"""mm/ as a library of two files: other people's compilers take it, and it asks for nothing."""

import shutil
import subprocess

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


def undefined(folder, program="nm"):
    return {line.split()[-1] for line in run(program, "-u", "baton_mm.o", cwd=folder).splitlines()}


def test_the_example_in_c_runs(release, tmp_path):
    shutil.copytree(release, tmp_path, dirs_exist_ok=True)
    run("g++", "-std=c++20", "-O1", *WARNINGS, "-c", "baton_mm.cpp", cwd=tmp_path)
    run("gcc", "-std=c11", *WARNINGS, "example.c", "baton_mm.o", "-o", "example", cwd=tmp_path)
    said = run("./example", cwd=tmp_path)
    assert "freed again: free_pages: double free" in said
    assert "Ledger: closed, 0 bytes unaccounted for" in said
    assert undefined(tmp_path) <= WANTED


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


def test_pkg_config_finds_it(tmp_path):
    run("tools/release", "packages", tmp_path / "lib", "1.2.3", tmp_path, cwd=ROOT)
    said = run("env", f"PKG_CONFIG_PATH={tmp_path}/lib/pkgconfig", "pkg-config", "--modversion",
               "baton_mm", cwd=tmp_path) if shutil.which("pkg-config") else None
    if said is None:
        pytest.skip("pkg-config is not here")
    assert said.split() == ["1.2.3"]
