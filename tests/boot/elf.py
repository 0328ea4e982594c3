"""Takes an ELF64 file apart far enough to damage it on purpose."""

import dataclasses
import struct
import subprocess

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM = struct.Struct("<IIQQQQQQ")
PT_LOAD = 1


@dataclasses.dataclass
class Segment:
    type: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    align: int


class Elf:
    """A file's bytes, its header's fields that tests change, and its segments; bytes() puts them
    back together."""

    def __init__(self, data):
        self.data = bytearray(data)
        (self.ident, self.type, self.machine, self.version, self.entry, self.phoff, self.shoff,
         self.flags, self.ehsize, self.phentsize, self.phnum, self.shentsize, self.shnum,
         self.shstrndx) = HEADER.unpack_from(data)
        self.segments = [Segment(*PROGRAM.unpack_from(data, self.phoff + i * self.phentsize))
                         for i in range(self.phnum)]

    @property
    def loads(self):
        return [segment for segment in self.segments if segment.type == PT_LOAD]

    def bytes(self):
        HEADER.pack_into(self.data, 0, self.ident, self.type, self.machine, self.version,
                         self.entry, self.phoff, self.shoff, self.flags, self.ehsize,
                         self.phentsize, self.phnum, self.shentsize, self.shnum, self.shstrndx)
        for i, segment in enumerate(self.segments):
            PROGRAM.pack_into(self.data, self.phoff + i * self.phentsize,
                              *dataclasses.astuple(segment))
        return bytes(self.data)

    def plant(self, address, code):
        """Puts `code` where the program has `address`."""
        for segment in self.loads:
            if segment.vaddr <= address and address + len(code) <= segment.vaddr + segment.filesz:
                at = segment.offset + address - segment.vaddr
                self.data[at:at + len(code)] = code
                return
        raise ValueError(f"{address:#x} is in no segment of the file")


def symbol(path, name):
    """The address of the one function whose demangled name, without parameters, is `name`; one that
    only its own file sees is called as if it stood outside."""
    listing = subprocess.run(["nm", "--demangle", "--defined-only", path], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    found = {line.split()[0] for line in listing.splitlines()
             if line.split(maxsplit=2)[2].replace("(anonymous namespace)::", "").split("(")[0] == name}
    if len(found) != 1:
        raise ValueError(f"{len(found)} symbols called {name} in {path}")
    return int(found.pop(), 16)
