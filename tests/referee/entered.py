"""A boot stopped where the kernel is entered, and the handoff as it lies there in memory.

The kernel gives the handoff's memory back as soon as it has taken it, so that the bytes can only be
had at the jump. QEMU's gdb server stops the machine there; QMP reads the memory.
"""

import ctypes
import select
import socket
import struct
import time

from machine import Machine, qemu

RDI, RIP = 5, 16  # their places among the registers that gdb's `g` answers with


class EnteredError(Exception):
    """The kernel was not entered, or not with a handoff."""


class Watched(Machine):
    """A machine of machines.txt with a gdb server at `gdb`."""

    gdb = None

    @property
    def extra(self):
        return [*super().extra, "-gdb", f"unix:{self.gdb},server=on,wait=off"]


def entry_point(kernel):
    """Where an ELF64 file is entered."""
    return struct.unpack_from("<Q", kernel.read_bytes(), 24)[0]


class _Gdb:
    """gdb's remote protocol, as much of it as is needed."""

    def __init__(self, path):
        deadline = time.monotonic() + 30
        self.connection = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.connection.connect(str(path))
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self.seen = b""

    def send(self, text):
        self.connection.sendall(f"+${text}#{sum(text.encode()) % 256:02x}".encode())

    def answer(self, seconds):
        """The next packet, or None when there is none within `seconds`."""
        while b"#" not in self.seen or len(self.seen) < self.seen.index(b"#") + 3:
            if not select.select([self.connection], [], [], seconds)[0]:
                return None
            piece = self.connection.recv(1 << 16)
            if not piece:
                raise EnteredError("QEMU ended before the kernel was entered")
            self.seen += piece
        packet, _, rest = self.seen.partition(b"#")
        self.seen = rest[2:]
        return packet.partition(b"$")[2].decode()

    def ask(self, text):
        """The answer to `text`; that the machine has stopped, as it does for whoever connects, may be
        said at any time before."""
        self.send(text)
        while (answer := self.answer(30)) is not None and answer[:1] in "TS":
            pass
        if answer is None or answer.startswith("E"):
            raise EnteredError(f"QEMU's gdb server answers {answer} to {text}")
        return answer


def handoff(running, gdb_path, entry, timeout):
    """[(name, bytes)] of the handoff with which the kernel is entered at `entry`. The machine runs on
    behind it."""
    gdb = _Gdb(gdb_path)
    with gdb.connection:
        gdb.ask(f"Z1,{entry:x},1")
        registers = _run_to(gdb, running, entry, time.monotonic() + timeout)
        address, = struct.unpack_from("<Q", registers, RDI * 8)
        found = _pieces(lambda start, size: _memory(running, start, size), address)
        gdb.ask(f"z1,{entry:x},1")
        gdb.ask("D")
    return found


def _run_to(gdb, running, entry, deadline):
    """The registers at `entry`, where a breakpoint is."""
    while True:
        gdb.send("c")
        while (stop := gdb.answer(0.1)) is None:
            running.read(0)
            if qemu.FIRMWARE_AGAIN.search(running.log) or time.monotonic() > deadline:
                raise EnteredError("the kernel was not entered; the last that was said:\n"
                                   + "\n".join(running.log.splitlines()[-5:]))
        if stop[:1] not in "TS":
            raise EnteredError(f"QEMU's gdb server says {stop}")
        registers = bytes.fromhex(gdb.ask("g"))
        if struct.unpack_from("<Q", registers, RIP * 8)[0] == entry:
            return registers


def _memory(running, start, size):
    """`size` bytes at a physical address."""
    if size == 0:
        return b""
    saved = running.folder / "memory"
    running.qmp("pmemsave", val=start, size=size, filename=str(saved))
    return saved.read_bytes()


class _Array(ctypes.LittleEndianStructure):
    _fields_ = [("address", ctypes.c_uint64), ("count", ctypes.c_uint32),
                ("element_size", ctypes.c_uint32)]


class _Handoff(ctypes.LittleEndianStructure):
    """loader::Handoff, versions 2 and 3: only what results[].number says is another."""
    _fields_ = [
        ("magic", ctypes.c_uint64),
        *[(name, ctypes.c_uint32) for name in ("version", "size", "checksum", "flags")],
        *[(name, _Array) for name in ("e820", "reservations", "acpi_tables", "results", "segments")],
        *[(name, ctypes.c_uint64) for name in ("efi_map", "efi_map_size", "efi_descriptor_size")],
        ("efi_descriptor_version", ctypes.c_uint32), ("firmware_revision", ctypes.c_uint32),
        ("efi_system_table", ctypes.c_uint64),
        ("efi_revision", ctypes.c_uint32), ("smbios_version", ctypes.c_uint32),
        *[(name, ctypes.c_uint64) for name in ("smbios", "rsdp", "runtime_root", "page_tables",
                                               "direct_map")],
        ("paging_levels", ctypes.c_uint32), ("processor_id", ctypes.c_uint32),
        *[(name, ctypes.c_uint64) for name in ("kernel_physical", "kernel_size", "initrd",
                                               "initrd_size")],
        ("framebuffer", ctypes.c_uint8 * 48),
        *[(name, ctypes.c_uint64) for name in ("tsc_entry", "tsc_handoff", "ap_trampoline",
                                               "options")],
        ("options_length", ctypes.c_uint32), ("zero", ctypes.c_uint32),
        ("loader_name", ctypes.c_uint8 * 16), ("loader_version", ctypes.c_uint8 * 16),
        ("loader_build", ctypes.c_uint8 * 48), ("firmware_vendor", ctypes.c_uint8 * 64),
    ]


def _pieces(memory, address):
    """The struct field by field, each array element by element, the firmware's map by descriptors."""
    raw = memory(address, ctypes.sizeof(_Handoff))
    struct_ = _Handoff.from_buffer_copy(raw)
    if raw[:8] != b"BATONOFF" or struct_.size != len(raw):
        raise EnteredError(f"at {address:#x} there is no handoff of {len(raw)} bytes: "
                           f"{raw[:16].hex(' ')}. Its struct has changed: so must entered.py")
    # All words sum to 0: so says the struct itself, and the sum holds the time.
    words = sum(struct.unpack(f"<{len(raw) // 4}I", raw)) % (1 << 32)
    pieces = [("address", address.to_bytes(8, "little")), ("sum", words.to_bytes(4, "little"))]
    for name, *_ in _Handoff._fields_:
        place = getattr(_Handoff, name)
        pieces.append((name, raw[place.offset:place.offset + place.size]))
    for name, kind in _Handoff._fields_:
        if kind is _Array:
            array = getattr(struct_, name)
            elements = _elements(name, memory(array.address, array.count * array.element_size),
                                 array.element_size)
            if name == "results":
                elements = [(f"{which}{part}", piece) for which, content in elements
                            for part, piece in ((".number", content[:4]), ("", content[4:]))]
            pieces += elements
    pieces += _elements("efi_map", memory(struct_.efi_map, struct_.efi_map_size),
                        struct_.efi_descriptor_size)
    pieces.append(("options text", memory(struct_.options, struct_.options_length + 1)))
    return pieces


def _elements(name, content, size):
    return [(f"{name}[{start // size}]", content[start:start + size])
            for start in range(0, len(content), size)]
