"""Formats that are wrong do not compile; mm/format.h says what they are."""

import os
import shutil
import subprocess

import pytest

from conftest import ROOT

COMPILERS = [name for name in ("g++", "clang++") if shutil.which(name)]

# What is wrong, and the words by which the compiler says so.
WRONG = [
    ('"{} {}", 1', "more_places_than_values"),
    ('"{}"', "more_places_than_values"),
    ('"", 1', "more_values_than_places"),
    ('"{}", 1, 2', "more_values_than_places"),
    ('"{{}}", 1', "more_values_than_places"),
    ('"{", 1', "a_brace_without_its_other"),
    ('"}", 1', "a_brace_without_its_other"),
    ('"{} }", 1', "a_brace_without_its_other"),
    ('"{:", 1', "a_spec_that_is_not_known"),
    ('"{:d}", 1', "a_spec_that_is_not_known"),
    ('"{0}", 1', "a_spec_that_is_not_known"),
    ('"{:x8}", 1', "a_spec_that_is_not_known"),
    ('"{:100}", 1', "a_spec_that_is_not_known"),
    ('"{:#}", 1', "a_spec_that_does_not_fit_its_value"),
    ('"{:0}", 1', "a_spec_that_does_not_fit_its_value"),
    ('"{:<}", 1', "a_spec_that_does_not_fit_its_value"),
    ('"{:<08}", 1', "a_spec_that_does_not_fit_its_value"),
    ('"{:x}", "text"', "a_spec_that_does_not_fit_its_value"),
    ('"{:08}", "text"', "a_spec_that_does_not_fit_its_value"),
    ('"{:x}", std::string_view("text")', "a_spec_that_does_not_fit_its_value"),
    ('"{:x}", \'c\'', "a_spec_that_does_not_fit_its_value"),
    ('"{:8x}", mem(Range{})', "a_spec_that_does_not_fit_its_value"),
    ('"{:8}", Range{}', "a_spec_that_does_not_fit_its_value"),
    ('"{}", true', "a bool is printed as the word that is meant"),
    ('"{}", 1.5', "no printed() says how this type is printed"),
    ('"{}", Unknown{}', "no printed() says how this type is printed"),
    ('variable, 1', "constant expression"),
]
RIGHT = '"{} {:x} {:>8} {:08x} {}", 1, Phys{}, "text", mem(Range{}), Range{}'

PROGRAM = """
#include "mm/print.h"
#include "mm/types.h"
using namespace mm;
struct Unknown {};
constexpr Printer out;
const char* variable = "{}";
"""


def compiled(compiler, calls, *how):
    # One function each, so that what is wrong in one is not the end of the others.
    text = PROGRAM + "".join(f"void f{i}() {{ out.line({call}); }}\n" for i, call in enumerate(calls))
    return subprocess.run([compiler, "-std=c++20", *how, f"-I{ROOT}", "-xc++", "-"],
                          input=text, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", params=COMPILERS)
def said(request):
    """What the compiler says of all wrong calls: one run of it for all of them."""
    run = compiled(request.param, [call for call, _ in WRONG], "-fsyntax-only",
                   "-ferror-limit=0" if request.param == "clang++" else "-fmax-errors=0")
    assert run.returncode != 0
    return run.stderr


def errors_at(stderr, line):
    """The errors about a line, or with it beside them: g++ names a call before the error inside a
    header, clang++ after it."""
    parts = stderr.split(" error: ")
    return "".join(part for before, part in zip(parts, parts[1:])
                   if f"<stdin>:{line}:" in before + part)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_right_format_compiles(compiler):
    run = compiled(compiler, [RIGHT], "-O2", "-c", "-o", os.devnull)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("index", range(len(WRONG)), ids=[call for call, _ in WRONG])
def test_a_wrong_format_does_not(said, index):
    assert WRONG[index][1] in errors_at(said, 1 + PROGRAM.count("\n") + index)
