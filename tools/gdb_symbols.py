"""For gdb: has the kernel's symbols follow where KASLR put its image.

    gdb build/kernel.elf -x tools/gdb_symbols.py -ex 'target remote :1234'

Whenever the machine stops in the kernel, its image is looked for at every place that it could have, by
the first bytes of its text; `baton-symbols` does so at once, `baton-symbols OFFSET` believes the
`Kernel Offset:` of a panic. Before the kernel runs there is nothing to find: set breakpoints then by an
address, or boot with `nokaslr`, as `make run GDB=1` does.
"""

import gdb

FIRST, END, STEP = 0xffff_ffff_8000_0000, 0xffff_ffff_c000_0000, 2 << 20  # loader/kaslr.h
COMPARED = 64


class Symbols(gdb.Command):
    """Moves the kernel's symbols to where its image is: baton-symbols [OFFSET]."""

    def __init__(self):
        super().__init__("baton-symbols", gdb.COMMAND_FILES)
        self.offset = 0
        self.path = self.text = self.start = None

    def know_file(self):
        """What the file says, before its symbols have been moved."""
        if self.path is not None:
            return
        self.path = gdb.current_progspace().filename
        if self.path is None:
            raise gdb.GdbError("baton-symbols: no file: start gdb with build/kernel.elf")
        self.start = int(gdb.parse_and_eval("(unsigned long)&kernel_start_address"))
        with open(self.path, "rb") as file:
            content = file.read(1 << 16)
        # ELF64: the first loadable segment is the text (kernel/<arch>/kernel.lds).
        headers, size = int.from_bytes(content[32:40], "little"), int.from_bytes(content[54:56], "little")
        for at in range(headers, headers + size * int.from_bytes(content[56:58], "little"), size):
            if int.from_bytes(content[at:at + 4], "little") == 1:
                offset = int.from_bytes(content[at + 8:at + 16], "little")
                self.text = content[offset:offset + COMPARED]
                return

    def find(self):
        for start in range(FIRST + self.start % STEP, END, STEP):
            try:
                if bytes(gdb.selected_inferior().read_memory(start, COMPARED)) == self.text:
                    return start - self.start
            except gdb.MemoryError:
                continue
        return None

    def move(self, offset):
        if offset == self.offset:
            return
        gdb.execute("symbol-file", to_string=True)
        gdb.execute(f"symbol-file {self.path} -o {offset:#x}", to_string=True)
        self.offset = offset
        print(f"baton-symbols: the kernel's image is {offset:#x} behind where it is linked to")

    def invoke(self, argument, _from_tty):
        self.know_file()
        offset = int(argument, 0) if argument else self.find()
        if offset is None:
            raise gdb.GdbError("baton-symbols: the kernel is at none of its places: it does not run yet")
        self.move(offset)

    def stopped(self, _event):
        pc = int(gdb.parse_and_eval("(unsigned long)$pc"))
        if not FIRST <= pc < END:
            return
        self.know_file()
        if self.offset is not None and gdb.block_for_pc(pc) is not None:
            return  # they fit
        offset = self.find()
        if offset is not None:
            self.move(offset)


SYMBOLS = Symbols()
gdb.events.stop.connect(SYMBOLS.stopped)
