"""ACPI tables made for the occasion: QEMU's -acpitable adds them to a machine's own."""

import struct

SELF, OTHER = 10, 20


def table(signature, body, revision=1):
    """A whole table, its checksum right."""
    head = signature.encode() + struct.pack("<IBB6s8sI4sI", 36 + len(body), revision, 0, b"BATON ",
                                            b"BROKEN  ", 1, b"TEST", 1)
    data = bytearray(head + body)
    data[9] = -sum(data) & 0xFF
    return bytes(data)


def cpu(domain, apic_id, flags=1):
    return struct.pack("<BBBBIIBBBB", 0, 16, domain, apic_id, flags, 0, 0, 0, 0, 0)[:16]


def memory(domain, start, end, flags=1):
    return struct.pack("<BBIHQQIIQ", 1, 40, domain, 0, start, end - start, 0, flags, 0)


def srat(*entries):
    return table("SRAT", struct.pack("<IQ", 1, 0) + b"".join(entries), 3)


def slit(*rows):
    return table("SLIT", struct.pack("<Q", len(rows)) + b"".join(map(bytes, rows)))


def cedt(*windows):
    return table("CEDT", b"".join(
        struct.pack("<BBHIQQBBHIHHI", 1, 0, 40, 0, start, size, 0, 0, 0, 0, 0, 0, 0)
        for start, size in windows))


def arguments(folder, *tables):
    """QEMU's arguments that add the tables."""
    words = []
    for number, data in enumerate(tables):
        path = folder / f"table{number}.aml"
        path.write_bytes(data)
        words += ["-acpitable", f"file={path}"]
    return tuple(words)
