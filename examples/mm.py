#!/usr/bin/python3
"""Baton's page allocator in a program in Python, by ctypes: the C ABI is all that another language binds.

    make release && c++ -std=c++20 -O2 -fPIC -shared -o libbaton_mm.so build/release/baton_mm.cpp
    examples/mm.py ./libbaton_mm.so
"""

import ctypes
import mmap
import sys
from ctypes import POINTER, Structure, byref, c_char, c_int, c_size_t, c_uint32, c_uint64, c_void_p

GIB = 1 << 30
MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)
OK, BAD_FREE = 0, 4
ZERO = 16
PRINT = ctypes.CFUNCTYPE(None, c_void_p, POINTER(c_char), c_size_t)


class Entry(Structure):  # baton_e820_entry
    _fields_ = [("start", c_uint64), ("end", c_uint64), ("type", c_uint32), ("zero", c_uint32)]


class Reservation(Structure):  # baton_reservation
    _fields_ = [("start", c_uint64), ("end", c_uint64), ("name", c_char * 15), ("overlap_ok", ctypes.c_uint8)]


class Error(Structure):  # baton_mm_error
    _fields_ = [("code", c_int), ("text", c_char * 200)]


class Setup(Structure):  # baton_mm_setup
    _fields_ = [("size", c_uint32), ("machine", c_uint32), ("e820", POINTER(Entry)), ("e820_count", c_size_t),
                ("efi_map", c_void_p), ("efi_map_size", c_size_t), ("efi_descriptor_size", c_size_t),
                ("reservations", POINTER(Reservation)), ("reservation_count", c_size_t),
                ("affinities", c_void_p), ("affinity_count", c_size_t),
                ("direct_map", c_uint64), ("end_of_low", c_uint64), ("cpus", c_uint32), ("zero", c_uint32),
                ("print", PRINT), ("print_context", c_void_p)]


def bound(path):
    library = ctypes.CDLL(path)
    for name, result, *arguments in (
            ("defaults", None, POINTER(Setup), c_size_t),
            ("size", c_size_t, POINTER(Setup)),
            ("open", c_int, c_void_p, c_size_t, POINTER(Setup), POINTER(c_void_p), POINTER(Error)),
            ("alloc", c_int, c_void_p, c_uint32, c_uint32, c_uint32, c_uint32, POINTER(c_uint64)),
            ("free", c_int, c_void_p, c_uint32, c_uint64, c_uint32, POINTER(Error)),
            ("word", POINTER(c_uint64), c_void_p, c_uint64),
            ("explain", c_size_t, c_void_p, c_uint64, c_char * 100, c_size_t),
            ("audit", c_int, c_void_p, POINTER(Error)),
            ("ledger", c_int, c_void_p, POINTER(Error))):
        function = getattr(library, f"baton_mm_{name}")
        function.restype, function.argtypes = result, arguments
    return library


def address(memory):
    return ctypes.addressof(c_char.from_buffer(memory))


def must(code, error=None):
    if code != OK:
        sys.exit(f"code {code}: {error.text.decode() if error else 'no memory'}")


def main(path):
    library = bound(path)
    ram = mmap.mmap(-1, GIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
    e820 = (Entry * 2)(Entry(0, 0xA0000, 1), Entry(0x100000, GIB, 1))
    used = Reservation(0x100000, 0x400000, b"MY KERNEL")
    setup, error, mm, block = Setup(), Error(), c_void_p(), c_uint64()
    library.baton_mm_defaults(byref(setup), ctypes.sizeof(setup))
    setup.e820, setup.e820_count = e820, len(e820)
    setup.reservations, setup.reservation_count = ctypes.pointer(used), 1
    setup.direct_map = address(ram)
    setup.print = PRINT(lambda _, text, length: sys.stdout.write(ctypes.string_at(text, length).decode()))
    place = mmap.mmap(-1, library.baton_mm_size(byref(setup)))  # begins a page
    must(library.baton_mm_open(address(place), len(place), byref(setup), byref(mm), byref(error)), error)

    must(library.baton_mm_alloc(mm, 0, 3, 0, ZERO, byref(block)))
    library.baton_mm_word(mm, block)[0] = 42  # the owner's
    text = (c_char * 100)()
    library.baton_mm_explain(mm, block.value + 5000, text, len(text))
    print(f"{block.value + 5000:#x}: {text.value.decode()}")
    must(library.baton_mm_free(mm, 0, block, 3, byref(error)), error)
    if library.baton_mm_free(mm, 0, block, 3, byref(error)) != BAD_FREE:
        sys.exit("a double free went unseen")
    print(f"freed again: {error.text.decode()}")
    must(library.baton_mm_audit(mm, byref(error)), error)
    must(library.baton_mm_ledger(mm, byref(error)), error)


if len(sys.argv) != 2:
    sys.exit(__doc__)
main(sys.argv[1])
