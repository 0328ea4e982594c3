"""Firmware that is wrong, or worse: what each case bends, and the end that its boot must come to.

A case is a line of words for tests/boot/faulty/chosen. There are three ends, and no others: Baton boots
with its ledger closed (and with nearly all of the memory), it goes back to the firmware with an
error, or, once the firmware has been told to let go, it says what is wrong and resets the machine. What a
case says must be named is, in words that no start has where nothing is bent. A hang, a CPU exception, silence are failures.
"""

import dataclasses
import re
import shutil

import log as read
import qemu
from conftest import BUILD, ROOT
from qemu import AARCH64, ARM, GIB, IA32, MIB, X86_64, Machine

BOOTS, REFUSES, RESETS = "boots", "refuses", "resets"
CLOSED = r"Ledger: closed, 0 bytes unaccounted for$"
EVERYWHERE = (X86_64, AARCH64, IA32, ARM)
PCS = (X86_64, IA32)
WIDE = (X86_64, AARCH64)  # addresses of 64 bits
ACPI = (X86_64, AARCH64, IA32)  # Debian's firmware for 32-bit Arm gives a device tree only
KEPT = {IA32.name: 16 * MIB}  # by the firmware, for system management mode
NOWHERE = "0x700000000000"  # not mapped by any of these firmwares


@dataclasses.dataclass(frozen=True)
class Case:
    """`says` are patterns of which each must match a line; `options` replace `poweroff`. `daily`: it is
    in `make test`, one of its kind."""
    name: str
    bends: str
    end: str = BOOTS
    says: tuple = ()
    options: str = "poweroff"
    archs: tuple = EVERYWHERE
    memory: int = 0
    most_lost: int = 24 * MIB  # of RAM; a bend may take some
    menu: str = ""  # loader.conf's text, with the entries that are shipped
    program: str = "chosen"
    daily: bool = False
    finds: bool = False  # a self-test fails, as it should


def refused(name, bends, *says, **more):
    return Case(name, bends, REFUSES, says, **more)


def named(name, bends, *says, **more):
    return Case(name, bends, BOOTS, says, **more)


NO_MULTIPLE = r"baton: EFI memory map: size is not a multiple of the descriptor size"
NO_MAP = r"baton: GetMemoryMap: the firmware gives no map to leave with, "
NO_PLACE = r"baton: .*: the firmware gives a place (where no memory is|beyond what was asked for) "
NO_MEMORY = r"baton: .*: too little memory: the firmware has none for it .*Out of Resources"
OF_KERNEL = r"baton: \\EFI\\baton\\kernel\.elf: "
NO_ENTRY = r"boot menu: left out: directory: an entry cannot be what the firmware says"
ODD_SIZE = r"ignored: load options: no NUL and an odd size"
NOT_LOADED = r"baton: loaded image protocol: the firmware does not say how Baton was loaded"
NO_SCREEN = r"no screen after the firmware, the serial port only: "
UNFIT = "its mode does not fit into its framebuffer"
NO_LIST = r"configuration tables: their list cannot be read"
NO_RSDP = r"ACPI tables ignored: RSDP: "
RSDT_TAKEN = r"ACPI: RSDT 0x"
LEFT_OUT = r"ACPI: 1 table\(s\) left out; the first: ACPI: .*"
LISTED_ALREADY = r"ACPI: \d+ pointers lead to a table that is listed already"
NO_OPTIONS = r"ignored: load options: cannot be read"

MENU = "default baton\ntimeout 1\n"
AT_ONCE = "default baton\ntimeout 0\n"

CASES = (
    # --- The memory map: its form ---
    named("map-plain", ""),
    *(named(f"map-stride-{n}", f"stride={n}") for n in (40, 44, 48, 56, 96, 256, 512)),
    named("map-stride-odd", "stride=41"),
    refused("map-stride-39", "stride=39", r"baton: EFI memory map: descriptor size is too small \(given 39,"),
    refused("map-stride-0", "stride=0", r"baton: EFI memory map: descriptor size is too small \(given 0,"),
    named("map-stride-8192", "stride=8192"),
    named("map-stride-changes", "stride-grows=8"),
    refused("map-size-no-multiple", "map-size-more=7", NO_MULTIPLE),
    named("map-version", "map-version=0xffffffff"),
    refused("map-only-success", "map-silent", NO_MULTIPLE),
    refused("map-fails", "map-fails=7", r"baton: the firmware's memory map: cannot be fetched .*Device Error"),
    refused("map-fails-oddly", "map-fails=12345", r"baton: the firmware's memory map: .*status 0x80*3039$"),
    refused("map-of-nothing", "map-of-nothing", NO_MULTIPLE + r" \(size 0,"),
    # --- and its entries ---
    named("map-reversed", "map-reversed"),
    named("map-shuffled", "map-shuffled"),
    named("map-overlapping", "map-overlaps", r"Ledger: +said twice +\d"),
    named("map-covered", "map-covered=0x8000000", r"Ledger: +said twice +\d", archs=PCS),
    named("map-wrapping", "map-wraps", r"efi: mem\d+: skipped: .*ends above the", r"efi: mem\d+: kept to the end"),
    named("map-empty-entries", "map-empty-entries", r"efi: mem\d+: skipped: .*no pages"),
    named("map-unaligned-entries", "map-unaligned", r"Ledger: +sub-page edges +[1-9]"),
    named("map-no-attributes", "map-attributes=0x8000000000000000"),
    named("map-2000-entries", "map-pieces=2000"),
    named("map-20000-entries", "map-pieces=20000", memory=256 * MIB),
    named("map-2000-islands", "map-islands=2000"),
    named("map-20000-islands", "map-islands=20000 map-shuffled", memory=256 * MIB, most_lost=80 * MIB),
    named("map-grows-slowly", "map-grows=4"),
    refused("map-grows-fast", "map-grows=200", NO_MAP + "Buffer Too Small"),
    named("map-unknown-types", "map-unknown-types"),
    named("map-odd-in-many-ways", "stride=512 map-unknown-types map-overlaps map-wraps map-shuffled",
          r"efi: mem\d+: skipped: .*", daily=True),
    named("map-nothing-conventional", "map-free-is=0", most_lost=256 * MIB),
    refused("map-all-reserved", "map-all-is=0", r"baton: the kernel: .*the firmware's map does not call usable"),
    named("map-all-unaccepted", "map-free-is=15", most_lost=256 * MIB),
    Case("map-without-what-is-loaded", "map-without-loaded", RESETS,
         (r"baton: TEXT DATA BSS: .*the final map does not call usable",)),
    # --- Leaving ---
    named("exit-refuses-once", "exit-stale=1"),
    named("exit-refuses-seven-times", "exit-stale=7", daily=True),
    Case("exit-refuses-for-ever", "exit-stale", RESETS,
         (r"baton: ExitBootServices: the firmware does not let go \(tries 16\), Invalid",)),
    Case("exit-fails-oddly", "exit-fails=7", RESETS,
         (r"baton: ExitBootServices: the firmware does not let go .*Device Error",)),
    Case("exit-loses-the-map", "exit-loses-map", RESETS,
         (r"baton: GetMemoryMap: the firmware does not let go .*Device Error",)),
    refused("exit-without-map", "map-fails-from=3", NO_MAP + "Device Error"),
    # --- Memory ---
    named("pages-above-4g", "pages-above-4g", memory=5 * GIB, most_lost=128 * MIB, archs=WIDE),
    named("pages-below-1m", "pages-below-1m", archs=PCS),
    refused("pages-at-0", "pages-at=0", NO_PLACE + r"\(address 0x0,"),
    refused("pages-at-the-last", "pages-at=0xfffffffffffff000",
            NO_PLACE + r"\(address 0xfffffffffffff000,", archs=WIDE),
    refused("pages-nowhere", f"pages-at={NOWHERE}", NO_PLACE + rf"\(address {NOWHERE},", archs=WIDE, daily=True),
    refused("pages-in-no-entry", "pages-at=0xfed40000", NO_PLACE + r"\(address 0xfed40000,", archs=PCS),
    refused("pages-unaligned", "pages-unaligned", NO_PLACE + r"\(address 0x[0-9a-f]+[1-9a-f]0,"),
    refused("pages-twice", "pages-again"),  # what is said then may be written over, too
    refused("pages-none", "pages-none-from=1", NO_MEMORY),
    refused("pages-none-from-9", "pages-none-from=9", NO_MEMORY),
    refused("pages-none-at-2", "pages-none-at=2", NO_MEMORY),
    named("pool-none", "pool-none"),
    named("pool-null", "pool-null"),
    named("free-fails", "free-fails"),
    # --- Files ---
    named("read-halves", "read-halves"),
    refused("read-more-than-asked", "read-more=1", OF_KERNEL + "more was read than was asked for"),
    refused("read-nothing", "read-nothing=1", OF_KERNEL + "ends before its size says"),
    refused("read-only-said", "read-only-said=1", OF_KERNEL + "not an ELF file"),
    refused("read-fails", "read-fails=1", OF_KERNEL + "reading failed .*Device Error"),
    refused("read-all-fail", "read-fails", r"baton: .*baton\.conf: reading failed .*Device Error"),
    *(refused(f"size-{what}", f"size-is={size}", OF_KERNEL + f"({why})") for what, size, why in (
        ("0", 0, "not an ELF file"), ("100", 100, "truncated"),
        ("1T", 1 << 40, "too little memory|cannot be that large"), ("most", (1 << 64) - 1, "cannot be that large"))),
    refused("size-more", f"size-is={3 * MIB}", OF_KERNEL + "ends before its size says"),
    refused("info-only-said", "info-only-said", OF_KERNEL + "the firmware says nothing of its size"),
    refused("info-fails", "info-fails", OF_KERNEL + "its size cannot be found out"),
    refused("open-null", "open-null", r"baton: .*baton\.conf: cannot be opened", daily=True),
    refused("open-denied", "open-fails=15", r"baton: .*baton\.conf: cannot be opened, Access Denied"),
    refused("open-finds-nothing", "open-fails=14", r".*baton\.conf: not there",
            OF_KERNEL + "cannot be opened, Not Found"),
    refused("volume-null", "volume-null", r"baton: the volume Baton was started from: cannot be opened"),
    named("list-endless", "list-endless", r"boot menu: left out: directory: has no end", menu=MENU, daily=True),
    named("list-too-small", "list-too-small", r"boot menu: left out: directory: has no end", menu=MENU),
    named("list-only-said", "list-only-said", NO_ENTRY, menu=MENU),
    named("list-larger", "list-larger", NO_ENTRY, menu=MENU),
    named("list-sizes-nothing", "list-sizes-nothing", r"\S+\.conf: ignored: it grew", menu=MENU),
    named("list-fails", "list-fails", r"boot menu: left out: directory: cannot be listed, Device Error", menu=MENU),
    named("file-changes", "", program="swapped_kernel"),
    # --- Load options ---
    named("options-odd-size", "options-odd-size", ODD_SIZE),
    named("options-odd-address", "options-odd-address", r"Unknown option \"from-load-options\""),
    refused("options-64k", "options-letters=65536", r"baton: options: more than a kernel takes"),
    named("options-one-byte", "options-letters=1", ODD_SIZE),
    named("options-binary", "options-binary", r"ignored: load options: not printable", daily=True),
    named("options-nuls", "options-nuls"),
    named("options-null", "options-null=64"),
    named("options-huge", "options-size=0xfffffff0", NO_OPTIONS),
    named("options-nowhere", f"options-at={NOWHERE}", NO_OPTIONS, archs=WIDE),
    # --- Console, keyboard, screen ---
    named("out-fails", "out-fails"),
    named("out-null", "out-null", daily=True),
    named("out-mode-null", "out-mode-null", menu=MENU),
    named("out-screen-fails", "out-screen-fails", menu=MENU),
    named("out-null-menu", "out-null", menu=MENU),
    named("in-null", "in-null", menu=MENU),
    named("in-fails", "in-fails", menu=MENU),
    named("console-handles-null", "console-handles-null", menu=MENU),
    *(named(f"screen-{name}", f"screen-{bend}", NO_SCREEN + why) for name, bend, why in (
        ("mode-null", "mode-null", "there is no graphics output"),
        ("info-null", "info-null", "there is no graphics output"),
        ("at-0", "base=0", "the graphics output can only be drawn on by the firmware"),
        ("size-small", "size=4096", UNFIT), ("width-0", "width=0", UNFIT), ("width-most", "width=0xffffffff", UNFIT),
        ("height-most", "height=0xffffffff", UNFIT), ("line-short", "line=1", UNFIT),
        ("format-unknown", "format=77", "its pixels have no format"),
        ("masks-0", "masks=0", "its pixels have no format"))),
    named("screen-masks-all", "screen-masks=1"),
    named("screen-beyond", f"screen-base={NOWHERE}",
          rf"framebuffer: .mem 0x0*{NOWHERE[2:]}-.*out of reach", archs=WIDE),
    named("screen-size-most", "screen-size=0xffffffffffffffff", r"framebuffer: .*out of reach"),
    named("screen-unaligned", "screen-base=0x80000001"),
    # --- Tables ---
    named("tables-count", "tables-count=0xffffffff",
          r"configuration tables: of \d+ the first 256 are looked at", daily=True),
    # (Without any tables an Arm machine's serial port is not known, and nothing can be seen.)
    named("tables-null", "tables-at=0", NO_LIST, archs=PCS),
    named("tables-nowhere", f"tables-at={NOWHERE}", NO_LIST, archs=(X86_64,)),
    *(named(f"rsdp-{name}", f"rsdp-{bend}", NO_RSDP + why, archs=PCS) for name, bend, why in (
        ("unaligned", "at=0x1001", "signature is not"), ("nowhere", "at=0x6ffffff0", "address cannot be read"),
        ("in-mmio", "at=0xfec00000", "address cannot be read"), ("sum", "sum", "checksum of the first 20 bytes"))),
    named("rsdp-null", "rsdp-at=0", r"ACPI: no usable tables", archs=PCS),
    # Without a table of 64-bit pointers that can be had, the one of 32 bits is taken.
    *(named(f"rsdp-length-{n}", f"rsdp-length={length}", RSDT_TAKEN, archs=PCS)
      for n, length in (("0", 0), ("most", 0xffffffff))),
    named("xsdt-at-0", "xsdt-at=0", RSDT_TAKEN, archs=PCS),
    *(named(f"xsdt-{name}", f"xsdt-{bend}", LEFT_OUT + why, RSDT_TAKEN, archs=PCS) for name, bend, why in (
        ("unaligned", "at=0x3", "shorter than its header"), ("nowhere", f"at={NOWHERE}", "address cannot be read"),
        ("length-0", "length=0", "shorter than its header"),
        ("length-most", "length=0xffffffff", "longer than any"))),
    named("xsdt-length-odd", "xsdt-length=47", r"ACPI: XSDT 0x\S+ 00002F ", archs=PCS),
    named("xsdt-cyclic", "xsdt-cyclic", LISTED_ALREADY, archs=PCS, daily=True),
    named("xsdt-many", "xsdt-many=3000", r"ACPI: XSDT 0x\S+ 005DE4 ", LISTED_ALREADY, archs=PCS),
    *(named(f"xsdt-entry-{where}", f"xsdt-entry={at}", LEFT_OUT + why, archs=PCS) for where, at, why in (
        ("0", "0", "address cannot be read"), ("1", "1", "shorter than its header"),
        ("nowhere", NOWHERE, "address cannot be read"))),
    *(named(f"madt-{name}", f"madt-{bend}", why, archs=ACPI) for name, bend, why in (
        ("length-0", "length=0", LEFT_OUT + r"shorter than its header .*length 0\)"),
        ("length-10", "length=10", LEFT_OUT + r"shorter than its header .*length 10\)"),
        ("length-most", "length=0xffffffff", LEFT_OUT + "longer than any"),
        ("cut", "length=50", r"ACPI: APIC: entry of bad length \(offset 44,"),
        ("entry-0", "entry=0", r"ACPI: APIC: entry of bad length \(offset 44, length 0\)"),
        ("entry-255", "entry=255", r"ACPI: APIC: entry of bad length \(offset 44, length 255\)"))),
    named("dsdt-nowhere", f"dsdt-at={NOWHERE}", LEFT_OUT + "address cannot be read", archs=ACPI),
    named("dsdt-unaligned", "dsdt-at=0x1003", LEFT_OUT, archs=ACPI),
    *(named(f"srat-{name}", f"srat={n}", *says, archs=ACPI) for n, (name, *says) in enumerate((
        ("entry-0", r"ACPI: SRAT: entry of bad length \(offset 48, length 0\)"),
        ("wraps", r"Warning: invalid memblk node 0 \[mem 0xfffffffffffff000-"),
        ("cut", r"ACPI: SRAT: entry of bad length \(offset 88, length 40\)"),
        ("100-domains", r"ACPI: SRAT: Node 99 PXM 1099 "),
        ("nowhere", r"NUMA: nodes only cover 0MB")))),
    *(named(f"slit-{n}", f"slit={n}", *says, archs=ACPI) for n, *says in (
        ("0",), ("2", r"ACPI: SLIT table looks invalid"),
        ("0xffffffffffffffff", r"ACPI: SLIT: shorter than its count of domains"))),
    *(named(f"hmat-{n}", f"hmat={n}", archs=ACPI) for n in ("0", "8", "0xffffffff")),
    *(named(f"smbios-{name}", f"smbios-{bend}", r"SMBIOS ignored: _SM3?_: entry point " + why)
      for name, bend, why in (("unaligned", "at=0x3", "(has another anchor|cannot be read)"),
                              ("nowhere", "at=0x6ffffff0", "cannot be read"))),
    *(named(f"smbios-{name}", f"smbios={n}", *says) for n, (name, *says) in enumerate((
        ("length-0",), ("endless-strings",),
        ("size-most", r"SMBIOS ignored: _SM3_: structures (are longer than any|cannot be read)"),
        ("structures-nowhere", r"SMBIOS ignored: _SM3_: structures cannot be read")))),
    *(named(f"tree-{name}", f"tree-{bend}", r"device tree ignored: .*" + why, archs=ACPI) for name, bend, why in (
        ("unaligned", "at=0x1001", "not aligned"), ("nowhere", "at=0x6ffffff0", "cannot be read"),
        ("of-0", "of=0", r"a size that it cannot have \(totalsize 0,"),
        ("of-most", "of=0xffffffff", r"a size that it cannot have \(totalsize 4294967295,"),
        ("of-words", "of=64", "reaches beyond the tree"))),
    # --- Protocols ---
    refused("handle-null", "handle-null", NOT_LOADED),
    refused("handle-null-2", "handle-null=2", r"baton: the volume Baton was started from: has no file system"),
    named("handle-null-4", "handle-null=4", r".*: no file system the firmware can read"),
    refused("handle-fails", "handle-fails", NOT_LOADED),
    named("locate-null", "locate-null", options="selftest=efi poweroff"),
    named("handles-null", "handles-null=5", daily=True),
    named("handles-null-most", "handles-null=0xffffffff"),
    named("handles-of-null", "handles-of-null"),
    named("handles-none", "handles-count=0"),
    named("tpm-says-nothing", "tpm-lies=0"),
    named("tpm-measures-nothing", "tpm-lies=1", r"TPM: poweroff: cannot be measured \(register 12\), Device Error"),
    named("tpm-logs-nowhere", "tpm-lies=2", r"TPM: the event log: cannot be read"),
    named("random-says-nothing", "random-lies=0", archs=WIDE),
    named("random-fails", "random-lies=1", archs=WIDE),
    named("random-null", "random-lies=2", r" *not ok \d+ efi\.rng", r".*GetRNG is null",
          options="selftest=efi.rng poweroff", archs=WIDE, finds=True),
    named("time-silent", "time-silent"),
    # --- Services ---
    named("variable-size", "variable-size=100000",
          r"last report: BatonReport: .*is larger than there was room for \(bytes 100000,", daily=True),
    named("variable-silent", "variable-silent", r"last report: thrown away: .*magic 0x0\)"),
    named("variable-fails", "variable-fails", r"last report: BatonReport: cannot be read, Device Error"),
    named("variable-unwritable", "variable-unwritable", r"the run's mark: .*cannot be written, Device Error",
          menu=AT_ONCE, options="selftest=efi.map poweroff"),
    named("time-fails", "time-fails"),
    named("time-garbage", "time-garbage"),
    named("watchdog-fails", "watchdog-fails"),
    named("stall-nothing", "stall-nothing", menu=MENU),
    named("event-fails", "event-fails", menu=MENU, daily=True),
    named("timer-fails", "timer-fails", menu=MENU),
    named("timer-always", "timer-always", menu=MENU),
    named("wait-fails", "wait-fails", menu=MENU),
    named("wait-odd", "wait-odd", menu=MENU),
    named("time-and-all", "event-fails timer-fails wait-fails stall-nothing time-fails watchdog-fails"),
    *(named(f"revision-{n}", f"revision={n}") for n in ("0", "0xffffffff")),
    named("system-sum", "system-sum"),
    refused("runtime-null", "runtime-null", r"baton: runtime services table: is not there"),
    named("vendor-null", "vendor"),
    named("vendor-endless", "vendor=2000"),
    # --- Much at once ---
    named("much-at-once", "stride=56 map-overlaps map-wraps map-shuffled exit-stale=2 options-binary "
          "screen-size=4096 xsdt-entry=1 smbios=0 handles-of-null variable-silent time-garbage "
          "watchdog-fails out-fails", archs=ACPI),
)


def machine_of(case, arch):
    memory = case.memory or max(128 * MIB, arch.least_memory * (1 if arch in (X86_64, IA32) else 2))
    return Machine(memory=memory, kind=next(iter(arch.most_cpus)), built_for=arch.name)


def change_of(case, arch):
    """Puts the faulty program, and what it is to bend, in front of Baton."""
    def change(tree):
        boot = tree / "EFI/BOOT"
        (boot / arch.boot_file).rename(boot / "BATON.EFI")
        program = (BUILD / arch.esp).parent / "faulty" / f"{case.program}.efi"
        shutil.copyfile(program, boot / arch.boot_file)
        (boot / "BENDS.TXT").write_text(case.bends + "\n")
        if case.menu:
            shutil.copytree((BUILD / arch.esp) / "loader", tree / "loader")
            for entry in (tree / "loader/entries").iterdir():
                entry.write_text(entry.read_text().replace(arch.boot_file, "BATON.EFI"))
            (tree / "loader/loader.conf").write_text(case.menu)
    return change


def run(case, arch, folder, timeout=300):
    """(the boot, None or what is wrong with its end)."""
    machine = machine_of(case, arch)
    disk = qemu.make_disk(folder / "disk.img", BUILD / arch.esp, case.options, change_of(case, arch), machine)
    boot = qemu.boot(machine, disk, folder, timeout)
    return boot, wrong_end(case, machine, boot)


def plain(case):
    """The same start where nothing is bent."""
    return Case("plain", "", options=case.options, memory=case.memory, menu=case.menu)


def says_nothing(case, log):
    """None, or which of the case's patterns that log of a plain start has, too: it shows nothing."""
    return next((f"an ordinary start has a line that matches '{words}', too"
                 for words in case.says if read.find(log, words)), None)


def wrong_end(case, machine, boot):
    """None, or a sentence."""
    if boot.ended == "crash" or re.search(r"CPU Exception|panic:", boot.log):
        return f"a CPU exception or a panic: {boot}"
    if "faulty: called after" in boot.log:
        return "firmware was called after ExitBootServices, which had failed"
    if (why := {BOOTS: wrong_boot, REFUSES: wrong_refusal, RESETS: wrong_reset}[case.end](case, machine, boot)):
        return why
    return next((f"no line matches '{words}'" for words in case.says if not read.find(boot.log, words)), None)


def wrong_boot(case, machine, boot):
    status = qemu.PASSED if "selftest" in case.options else qemu.POWERED_OFF
    ends = (qemu.FAILED,) if case.finds else (status, qemu.POWERED_OFF)
    if boot.ended != "exit" or boot.status not in ends:
        return f"it did not boot: {boot}"
    if not read.find(boot.log, CLOSED):
        return "the ledger is not closed"
    memory = read.find(boot.log, r"Memory: (\d+)K/(\d+)K available")
    lost = machine.memory - KEPT.get(machine.arch.name, 0) - int(memory[2]) * 1024
    return f"{lost >> 10} KiB of RAM are lost" if lost > case.most_lost else None


def wrong_refusal(_case, _machine, boot):
    if boot.ended != "firmware":
        return f"the firmware did not get the machine back: {boot}"
    back = read.find(boot.log, r"faulty: Baton came back: (.*)")
    if not back or back[1].strip() == "Success":
        return "Baton did not come back with an error"
    return None if read.find(boot.log, r"baton: \S") else "it does not say why"


def wrong_reset(_case, _machine, boot):
    if (boot.ended, boot.status) != ("exit", 0):
        return f"the machine was not reset: {boot}"
    if read.find(boot.log, r"BIOS-e820"):
        return "it went on"
    return None if read.find(boot.log, r"baton: resetting the machine") else "it does not say so"
