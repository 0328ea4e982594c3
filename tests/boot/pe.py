"""Takes a PE32+ image apart far enough to damage it on purpose."""

import struct


def plant(data, rva, code):
    """The image's bytes with `code` where it has the relative address `rva`."""
    data = bytearray(data)
    header = struct.unpack_from("<I", data, 0x3c)[0]
    count, optional_size = struct.unpack_from("<2xH12xH", data, header + 4)
    for number in range(count):
        at = header + 24 + optional_size + 40 * number
        _, address, size, offset = struct.unpack_from("<IIII", data, at + 8)
        if address <= rva and rva + len(code) <= address + size:
            place = offset + rva - address
            data[place:place + len(code)] = code
            return bytes(data)
    raise ValueError(f"{rva:#x} is in no section of the file")
