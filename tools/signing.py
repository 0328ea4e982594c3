"""Signs Baton for Secure Boot, and writes the manifest of what else its owner covers.

sbsign (package sbsigntool) signs; the keys are the owner's own. tools/sign and tools/install stand on
this.
"""

import dataclasses
import hashlib
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile

# Where others keep a key that the firmware knows: sbctl's two places; and one that shim knows: Debian's.
FIRMWARES_KEYS = (("/var/lib/sbctl/keys/db/db.key", "/var/lib/sbctl/keys/db/db.pem"),
                  ("/usr/share/secureboot/keys/db/db.key", "/usr/share/secureboot/keys/db/db.pem"))
SHIMS_KEYS = (("/var/lib/shim-signed/mok/MOK.priv", "/var/lib/shim-signed/mok/MOK.pem"),
              ("/var/lib/shim-signed/mok/MOK.priv", "/var/lib/shim-signed/mok/MOK.der"))
KNOWN_KEYS = FIRMWARES_KEYS + SHIMS_KEYS

# By what boot files call an architecture: PE's number for it; whether it is PE32+; and the code of
# `return EFI_UNSUPPORTED`, for whoever starts a manifest.
MACHINES = {"x64": (0x8664, True, "48b80300000000000080c3"),
            "aa64": (0xAA64, True, "600080d20000f0f2c0035fd6"),
            "ia32": (0x14C, False, "b803000080c3"),
            "arm": (0x1C2, False, "0300a0e3020180e31eff2fe1")}
PAGE, IN_FILE = 4096, 512
EXECUTED, READ, CODE, DATA = 0x20000000, 0x40000000, 0x20, 0x40
SBAT = (b"sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
        b"baton,1,Baton,baton,manifest,https://github.com/rhboot/shim/blob/main/SBAT.md\n")


class SignError(Exception):
    """Something is not there, or no signature can be made."""


@dataclasses.dataclass(frozen=True)
class Keys:
    """A private key and its certificate, as files."""
    key: pathlib.Path
    cert: pathlib.Path
    is_mok: bool = False  # shim knows it, and the firmware not


def find_keys(key=None, cert=None, is_mok=False, root="/"):
    """Those that are named, or else the first of KNOWN_KEYS. Named ones are shim's when `is_mok` says so, or
    when they are where Debian keeps those."""
    if bool(key) != bool(cert):
        raise SignError("a key goes with its certificate: --key and --cert, or neither")
    if key:
        at_shims = str(pathlib.Path(cert).resolve()) in {str(pathlib.Path(known).resolve()) for _, known in SHIMS_KEYS}
        keys = Keys(pathlib.Path(key), pathlib.Path(cert), is_mok or at_shims)
        for path in (keys.key, keys.cert):
            if not path.is_file():
                raise SignError(f"{path} is no file")
        return keys
    for key, cert in KNOWN_KEYS:
        keys = Keys(pathlib.Path(root, key[1:]), pathlib.Path(root, cert[1:]), (key, cert) in SHIMS_KEYS)
        if keys.key.is_file() and keys.cert.is_file():
            return keys
    raise SignError("no keys found; --key and --cert name them. Looked for "
                    + ", ".join(dict.fromkeys(key for key, _ in KNOWN_KEYS)))


def _said_by(*command):
    if shutil.which(command[0]) is None:
        raise SignError(f"{command[0]} is not here (Debian's package "
                        f"{'openssl' if command[0] == 'openssl' else 'sbsigntool'})")
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def _as_pem(cert, folder):
    """The certificate as sbsign wants it: MOK's may be in DER."""
    if b"-----BEGIN" in cert.read_bytes():
        return cert
    pem = pathlib.Path(folder) / "cert.pem"
    done = _said_by("openssl", "x509", "-inform", "der", "-in", str(cert), "-out", str(pem))
    if done.returncode:
        raise SignError(f"{cert}: {done.stderr.decode(errors='replace').strip()}")
    return pem


def _certificates(image):
    """(offset of its entry in the data directories, offset, size) of a PE image's signatures."""
    try:
        pe, = struct.unpack_from("<I", image, 0x3C)
        magic, = struct.unpack_from("<H", image, pe + 24)
        entry = pe + 24 + {0x20B: 112, 0x10B: 96}[magic] + 8 * 4
        return (entry, *struct.unpack_from("<II", image, entry))
    except (struct.error, KeyError) as error:
        raise SignError("not a PE image") from error


def is_signed(image):
    """Whether anybody has signed a PE image."""
    return _certificates(image)[2] != 0


def unsigned(image):
    """A PE image as it was before it was signed, but for its checksum, which is 0, and zeros at its end."""
    entry, start, size = _certificates(image)
    pe, = struct.unpack_from("<I", image, 0x3C)
    plain = bytearray(image[:start] if size else image)
    plain[pe + 88:pe + 92] = bytes(4)
    plain[entry:entry + 8] = bytes(8)
    return bytes(plain).rstrip(b"\0")


def is_signed_by(image, keys):
    """Whether one of its signatures is right and by that certificate."""
    if not is_signed(image):
        return False
    with tempfile.TemporaryDirectory(prefix="baton-sign.") as folder:
        path = pathlib.Path(folder) / "image.efi"
        path.write_bytes(image)
        return _said_by("sbverify", "--cert", str(_as_pem(keys.cert, folder)), str(path)).returncode == 0


def sign(image, keys):
    """The image with a signature by these keys, and no other."""
    with tempfile.TemporaryDirectory(prefix="baton-sign.") as folder:
        plain, signed = (pathlib.Path(folder) / name for name in ("plain.efi", "signed.efi"))
        plain.write_bytes(image)
        if is_signed(image):
            done = _said_by("sbattach", "--remove", str(plain))
            if done.returncode:
                raise SignError(f"sbattach: {done.stderr.decode(errors='replace').strip()}")
        done = _said_by("sbsign", "--key", str(keys.key), "--cert", str(_as_pem(keys.cert, folder)),
                        "--output", str(signed), str(plain))
        if done.returncode or not signed.is_file():
            raise SignError(f"sbsign: {done.stderr.decode(errors='replace').strip()}")
        return signed.read_bytes()


def lines_of(files, options=()):
    """A manifest's text: `files` are {path on the ESP: bytes}, `options` words (loader/trust/manifest.h)."""
    lines = []
    for path, content in files.items():
        place = "\\" + path.replace("/", "\\").lstrip("\\")
        lines.append(f"sha256 {hashlib.sha256(content).hexdigest()} {place}")
    lines += [f"options {words}" for words in options]
    for line in lines:
        if not re.fullmatch(r"[ -~]+", line):
            raise SignError(f"a manifest is printable ASCII: {line!r}")
    return "".join(f"{line}\n" for line in lines).encode()


def _up(size, to):
    return (size + to - 1) // to * to


def manifest(arch, text):
    """A PE image for that architecture's firmware with `text` in its section .baton."""
    machine, wide, code = MACHINES[arch]
    sections = ((".text", bytes.fromhex(code), CODE | EXECUTED | READ), (".baton", text, DATA | READ),
                (".sbat", SBAT, DATA | READ))
    optional_size = 112 + 128 if wide else 96 + 128
    headers_size = _up(0x40 + 24 + optional_size + 40 * len(sections), IN_FILE)
    table, body, place = b"", b"", PAGE
    for name, content, rights in sections:
        size = _up(len(content), IN_FILE)
        table += struct.pack("<8sIIIIIIHHI", name.encode(), len(content), place, size,
                             headers_size + len(body), 0, 0, 0, 0, rights)
        body += content.ljust(size, b"\0")
        place += _up(size, PAGE)
    code_size = IN_FILE
    standard = struct.pack("<HBBIIIII", 0x20B if wide else 0x10B, 0, 0, code_size, len(body) - code_size, 0,
                           PAGE, PAGE)
    standard += struct.pack("<Q", 0) if wide else struct.pack("<II", 2 * PAGE, 0)
    nx_compat, application = 0x100, 10
    windows = struct.pack("<IIHHHHHHIIIIHH", PAGE, IN_FILE, 0, 0, 0, 0, 0, 0, 0, place, headers_size, 0,
                          application, nx_compat)
    windows += struct.pack("<QQQQ" if wide else "<IIII", 0, 0, 0, 0) + struct.pack("<II", 0, 16)
    executable, lines_stripped, needs_32_bits = 2, 4, 0x100
    coff = struct.pack("<HHIIIHH", machine, len(sections), 0, 0, 0, optional_size,
                       executable | lines_stripped | (0 if wide else needs_32_bits))
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    headers = dos + b"PE\0\0" + coff + standard + windows + bytes(128) + table
    return headers.ljust(headers_size, b"\0") + body
