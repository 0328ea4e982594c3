"""Machines with Secure Boot on: OVMF with keys enrolled that everybody has (Debian's snakeoil), other
variables laid into its store, and the real shim in front of Baton."""

import pathlib
import struct
import subprocess
import sys
import uuid

import qemu
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import signing  # noqa: E402

CODE = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd"
SHIM = "/usr/lib/shim/shimx64.efi"  # Debian's, as it is before Microsoft signs it
SHIM_LOCK = uuid.UUID("605dab50-e046-4300-abb6-3dd810dd8b23")
BOOT_ONLY = 3  # kept, and read by boot services only: UEFI 2.10 section 8.2


def pc(variables=VARIABLES, **how):
    """A PC of that kind. Only system management mode may write its variables."""
    return qemu.Machine(**{
        "memory": 256 * qemu.MIB, "kind": "q35,smm=on", "firmware": (CODE, str(variables)),
        "extra": ("-global", "driver=cfi.pflash01,property=secure,value=on"), **how})


def aarch64(**how):
    """One of Arm's; the same keys."""
    code = "/usr/share/AAVMF/AAVMF_CODE.secboot.fd"  # since Debian 13; before, all of them could do it
    if not pathlib.Path(code).exists():
        code = "/usr/share/AAVMF/AAVMF_CODE.fd"
    return qemu.Machine(**{
        "memory": 256 * qemu.MIB, "kind": "virt", "built_for": "aarch64",
        "firmware": (code, "/usr/share/AAVMF/AAVMF_VARS.snakeoil.fd"), **how})


def snakeoil(folder):
    """The keys that these firmwares know; sbsign wants them without a passphrase."""
    key = pathlib.Path(folder) / "snakeoil.key"
    if not key.exists():
        subprocess.run(["openssl", "rsa", "-in", "/usr/share/ovmf/PkKek-1-snakeoil.key", "-passin",
                        "pass:snakeoil", "-out", key], check=True, capture_output=True)
    return signing.Keys(key, pathlib.Path("/usr/share/ovmf/PkKek-1-snakeoil.pem"))


def own_keys(folder, name="Owner"):
    """A new pair that no firmware knows."""
    key, cert = (pathlib.Path(folder) / f"{name}.{end}" for end in ("key", "pem"))
    if not key.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj",
                        f"/CN={name}", "-addext", "keyUsage=digitalSignature", "-keyout", key, "-out", cert],
                       check=True, capture_output=True)
    return signing.Keys(key, cert)


def der_of(cert):
    return subprocess.run(["openssl", "x509", "-in", cert, "-outform", "der"], check=True,
                          capture_output=True).stdout


def sign(path, keys):
    path.write_bytes(signing.sign(path.read_bytes(), keys))


def cover(tree, keys, files, options=(), arch="x64"):
    """The manifest of these files of the tree, and words."""
    text = signing.lines_of({name: (tree / name).read_bytes() for name in files}, options)
    image = signing.manifest(arch, text)
    path = tree / f"EFI/baton/manifest{arch}.efi"
    path.write_bytes(signing.sign(image, keys) if keys else image)
    return path


def signed(keys, *more):
    """A change of the ESP: Baton signed; then `more` changes."""
    def change(tree):
        sign(tree / "EFI/BOOT/BOOTX64.EFI", keys)
        for each in more:
            each(tree)
    return change


def under_shim(tree, keys, mok):
    """What the firmware starts is shim, and what that starts is Baton, signed by the machine's owner."""
    boot = tree / "EFI/BOOT"
    (boot / "BOOTX64.EFI").rename(boot / "grubx64.efi")
    sign(boot / "grubx64.efi", mok)
    (boot / "BOOTX64.EFI").write_bytes(pathlib.Path(SHIM).read_bytes())
    sign(boot / "BOOTX64.EFI", keys)


def certificate_list(der):
    """An EFI_SIGNATURE_LIST of one X.509 certificate (UEFI 2.10 section 32.4.1)."""
    x509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
    return (x509.bytes_le + struct.pack("<III", 28 + 16 + len(der), 0, 16 + len(der))
            + SHIM_LOCK.bytes_le + der)


def lay_variables(out, variables, store=VARIABLES):
    """A copy of EDK II's store of variables with further ones, {(name, vendor): (attributes, content)}:
    MdeModulePkg's AuthenticatedVariableFormat.h."""
    data = bytearray(pathlib.Path(store).read_bytes())
    header = struct.Struct("<HBBIQ16sIII16s")
    at, = struct.unpack_from("<H", data, 0x30)  # behind the volume's header
    at += 28
    while struct.unpack_from("<H", data, at)[0] == 0x55AA:
        *_, name_size, size, _ = header.unpack_from(data, at)
        at = (at + header.size + name_size + size + 3) & ~3
    for (name, vendor), (attributes, content) in variables.items():
        name = name.encode("utf-16-le") + b"\0\0"
        entry = header.pack(0x55AA, 0x3F, 0, attributes, 0, bytes(16), 0, len(name), len(content),
                            vendor.bytes_le) + name + content
        data[at:at + len(entry)] = entry
        at = (at + len(entry) + 3) & ~3
    out = pathlib.Path(out)
    out.write_bytes(data)
    return out


def with_owner(folder, mok, revoked=None):
    """The variables of a machine whose shim knows the owner's certificate, and what SBAT has revoked."""
    variables = {("MokList", SHIM_LOCK): (BOOT_ONLY, certificate_list(der_of(mok.cert)))}
    if revoked:
        variables[("SbatLevel", SHIM_LOCK)] = (BOOT_ONLY, revoked.encode())
    return lay_variables(folder / "owner.fd", variables)
