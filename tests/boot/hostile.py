"""Firmware that is wrong, or worse: what each case bends, and the end that its boot must come to.

A case is a line of words for tests/boot/faulty/chosen. There are three ends, and no others: Baton boots
with its ledger closed (and with nearly all of the memory), it goes back to the firmware with an
error, or, once the firmware has been told to let go, it says what is wrong and resets the machine. In each
case what was wrong is named. A hang, a CPU exception, silence are failures.
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


def refused(name, bends, *says, **more):
    return Case(name, bends, REFUSES, says, **more)


def named(name, bends, *says, **more):
    return Case(name, bends, BOOTS, says, **more)


MENU = "default baton\ntimeout 1\n"
AT_ONCE = "default baton\ntimeout 0\n"

CASES = (
    # --- The memory map: its form ---
    named("map-plain", ""),
    *(named(f"map-stride-{n}", f"stride={n}") for n in (40, 44, 48, 56, 96, 256, 512)),
    named("map-stride-odd", "stride=41"),
    refused("map-stride-39", "stride=39", r".*memory map"),
    refused("map-stride-0", "stride=0", r".*memory map"),
    named("map-stride-8192", "stride=8192"),
    named("map-stride-changes", "stride-grows=8"),
    refused("map-size-no-multiple", "map-size-more=7", r".*memory map"),
    named("map-version", "map-version=0xffffffff"),
    refused("map-only-success", "map-silent", r".*memory map"),
    refused("map-fails", "map-fails=7", r".*memory map.*Device Error"),
    refused("map-fails-oddly", "map-fails=12345", r".*memory map.*status 0x"),
    refused("map-of-nothing", "map-of-nothing", r".*memory map"),
    # --- and its entries ---
    named("map-reversed", "map-reversed"),
    named("map-shuffled", "map-shuffled"),
    named("map-overlapping", "map-overlaps"),
    named("map-covered", "map-covered=0x8000000", archs=PCS),
    named("map-wrapping", "map-wraps", r"efi: mem\d+: skipped: .*", r"efi: mem\d+: kept to the end"),
    named("map-empty-entries", "map-empty-entries", r".*no pages|.*empty"),
    named("map-unaligned-entries", "map-unaligned"),
    named("map-no-attributes", "map-attributes=0x8000000000000000"),
    named("map-2000-entries", "map-pieces=2000"),
    named("map-20000-entries", "map-pieces=20000", memory=256 * MIB),
    named("map-2000-islands", "map-islands=2000"),
    named("map-20000-islands", "map-islands=20000 map-shuffled", memory=256 * MIB, most_lost=80 * MIB),
    named("map-grows-slowly", "map-grows=4"),
    refused("map-grows-fast", "map-grows=200", r".*map"),
    named("map-unknown-types", "map-unknown-types"),
    named("map-odd-in-many-ways", "stride=512 map-unknown-types map-overlaps map-wraps map-shuffled",
          r"efi: mem\d+: skipped: .*", daily=True),
    named("map-nothing-conventional", "map-free-is=0", most_lost=256 * MIB),
    refused("map-all-reserved", "map-all-is=0", r".*does not call usable"),
    named("map-all-unaccepted", "map-free-is=15", most_lost=256 * MIB),
    refused("map-without-what-is-loaded", "map-without-loaded", r".*does not call usable"),
    # --- Leaving ---
    named("exit-refuses-once", "exit-stale=1"),
    named("exit-refuses-seven-times", "exit-stale=7", daily=True),
    Case("exit-refuses-for-ever", "exit-stale", RESETS, (r".*ExitBootServices",)),
    Case("exit-fails-oddly", "exit-fails=7", RESETS, (r".*ExitBootServices.*Device Error|.*Device Error",)),
    Case("exit-loses-the-map", "exit-loses-map", RESETS, (r".*GetMemoryMap",)),
    refused("exit-without-map", "map-fails-from=3", r".*map"),
    # --- Memory ---
    named("pages-above-4g", "pages-above-4g", memory=5 * GIB, most_lost=128 * MIB, archs=WIDE),
    named("pages-below-1m", "pages-below-1m", archs=PCS),
    refused("pages-at-0", "pages-at=0", r".*address 0x0"),
    refused("pages-at-the-last", "pages-at=0xfffffffffffff000", r".*address 0xfffffffffffff000", archs=WIDE),
    refused("pages-nowhere", f"pages-at={NOWHERE}", rf".*address {NOWHERE}", archs=WIDE, daily=True),
    refused("pages-in-no-entry", "pages-at=0xfed40000", r".*address 0xfed40000", archs=PCS),
    refused("pages-unaligned", "pages-unaligned", r".*address 0x"),
    refused("pages-twice", "pages-again", r".*"),
    refused("pages-none", "pages-none-from=1", r".*Out of Resources"),
    refused("pages-none-from-9", "pages-none-from=9", r".*Out of Resources"),
    refused("pages-none-at-2", "pages-none-at=2", r".*Out of Resources"),
    named("pool-none", "pool-none"),
    named("pool-null", "pool-null"),
    named("free-fails", "free-fails"),
    # --- Files ---
    named("read-halves", "read-halves"),
    refused("read-more-than-asked", "read-more=1", r".*kernel\.elf"),
    refused("read-nothing", "read-nothing=1", r".*kernel\.elf.*ends before"),
    refused("read-only-said", "read-only-said=1", r".*kernel\.elf"),
    refused("read-fails", "read-fails=1", r".*kernel\.elf.*Device Error"),
    refused("read-all-fail", "read-fails", r".*Device Error"),
    *(refused(f"size-{what}", f"size-is={size}", r".*kernel\.elf")
      for what, size in (("0", 0), ("100", 100), ("1T", 1 << 40), ("most", (1 << 64) - 1))),
    refused("size-more", f"size-is={3 * MIB}", r".*kernel\.elf.*ends before"),
    refused("info-only-said", "info-only-said", r".*kernel\.elf"),
    refused("info-fails", "info-fails", r".*kernel\.elf.*size"),
    refused("open-null", "open-null", r".*kernel\.elf|.*baton\.conf", daily=True),
    refused("open-denied", "open-fails=15", r".*Access Denied"),
    refused("open-finds-nothing", "open-fails=14", r".*kernel\.elf.*Not Found"),
    refused("volume-null", "volume-null", r".*volume"),
    named("list-endless", "list-endless", r".*boot menu.*no end", menu=MENU, daily=True),
    named("list-too-small", "list-too-small", r".*boot menu.*no end", menu=MENU),
    named("list-only-said", "list-only-said", r".*boot menu", menu=MENU),
    named("list-larger", "list-larger", r".*boot menu", menu=MENU),
    named("list-sizes-nothing", "list-sizes-nothing", r".*grew", menu=MENU),
    named("list-fails", "list-fails", r".*boot menu.*Device Error", menu=MENU),
    named("file-changes", "", program="swapped_kernel"),
    # --- Load options ---
    named("options-odd-size", "options-odd-size", r"ignored: load options: .*odd size"),
    named("options-odd-address", "options-odd-address", r".*from-load-options"),
    refused("options-64k", "options-letters=65536", r".*options: more than"),
    named("options-one-byte", "options-letters=1"),
    named("options-binary", "options-binary", r".*ignored", daily=True),
    named("options-nuls", "options-nuls"),
    named("options-null", "options-null=64"),
    named("options-huge", "options-size=0xfffffff0", r".*load options"),
    named("options-nowhere", f"options-at={NOWHERE}", r".*load options", archs=WIDE),
    # --- Console, keyboard, screen ---
    named("out-fails", "out-fails"),
    named("out-null", "out-null", daily=True),
    named("out-mode-null", "out-mode-null", menu=MENU),
    named("out-screen-fails", "out-screen-fails", menu=MENU),
    named("out-null-menu", "out-null", menu=MENU),
    named("in-null", "in-null", menu=MENU),
    named("in-fails", "in-fails", menu=MENU),
    named("console-handles-null", "console-handles-null", menu=MENU),
    *(named(f"screen-{name}", f"screen-{bend}", r".*no screen after the firmware|.*framebuffer")
      for name, bend in (
          ("mode-null", "mode-null"), ("info-null", "info-null"), ("at-0", "base=0"), ("size-small", "size=4096"),
          ("width-0", "width=0"), ("width-most", "width=0xffffffff"), ("height-most", "height=0xffffffff"),
          ("line-short", "line=1"), ("format-unknown", "format=77"), ("masks-0", "masks=0"))),
    named("screen-masks-all", "screen-masks=1"),
    named("screen-beyond", f"screen-base={NOWHERE}", r".*framebuffer", archs=WIDE),
    named("screen-size-most", "screen-size=0xffffffffffffffff", r".*framebuffer"),
    named("screen-unaligned", "screen-base=0x80000001"),
    # --- Tables ---
    named("tables-count", "tables-count=0xffffffff", r".*tables", daily=True),
    # (Without any tables an Arm machine's serial port is not known, and nothing can be seen.)
    named("tables-null", "tables-at=0", r".*tables", archs=PCS),
    named("tables-nowhere", f"tables-at={NOWHERE}", r".*tables", archs=(X86_64,)),
    *(named(f"rsdp-{name}", f"rsdp-{bend}", r".*ACPI", archs=PCS) for name, bend in (
        ("null", "at=0"), ("unaligned", "at=0x1001"), ("nowhere", "at=0x6ffffff0"), ("sum", "sum"),
        ("length-0", "length=0"), ("length-most", "length=0xffffffff"))),
    named("rsdp-in-mmio", "rsdp-at=0xfec00000", r".*ACPI", archs=PCS),
    *(named(f"xsdt-{name}", f"xsdt-{bend}", r".*ACPI", archs=PCS, daily=name == "cyclic") for name, bend in (
        ("at-0", "at=0"), ("unaligned", "at=0x3"), ("nowhere", f"at={NOWHERE}"), ("length-0", "length=0"),
        ("length-odd", "length=47"), ("length-most", "length=0xffffffff"), ("cyclic", "cyclic"),
        ("entry-0", "entry=0"), ("entry-1", "entry=1"), ("entry-nowhere", f"entry={NOWHERE}"),
        ("many", "many=3000"))),
    *(named(f"madt-{name}", f"madt-{bend}", archs=ACPI) for name, bend in (
        ("length-0", "length=0"), ("length-10", "length=10"), ("length-most", "length=0xffffffff"),
        ("cut", "length=50"), ("entry-0", "entry=0"), ("entry-255", "entry=255"))),
    named("dsdt-nowhere", f"dsdt-at={NOWHERE}", archs=ACPI),
    named("dsdt-unaligned", "dsdt-at=0x1003", archs=ACPI),
    *(named(f"srat-{name}", f"srat={n}", archs=ACPI) for n, name in enumerate(
        ("entry-0", "wraps", "cut", "100-domains", "nowhere"))),
    *(named(f"slit-{n}", f"slit={n}", archs=ACPI) for n in ("0", "2", "0xffffffffffffffff")),
    *(named(f"hmat-{n}", f"hmat={n}", archs=ACPI) for n in ("0", "8", "0xffffffff")),
    *(named(f"smbios-{name}", f"smbios-{bend}", r".*SMBIOS") for name, bend in (
        ("unaligned", "at=0x3"), ("nowhere", "at=0x6ffffff0"))),
    *(named(f"smbios-{name}", f"smbios={n}", *([r".*SMBIOS"] if n > 1 else [])) for n, name in enumerate(
        ("length-0", "endless-strings", "size-most", "structures-nowhere"))),
    *(named(f"tree-{name}", f"tree-{bend}", r".*device tree", archs=ACPI) for name, bend in (
        ("unaligned", "at=0x1001"), ("nowhere", "at=0x6ffffff0"), ("of-0", "of=0"), ("of-most", "of=0xffffffff"),
        ("of-words", "of=64"))),
    # --- Protocols ---
    refused("handle-null", "handle-null", r".*loaded"),
    refused("handle-null-2", "handle-null=2", r".*volume|.*file system"),
    named("handle-null-4", "handle-null=4"),
    refused("handle-fails", "handle-fails", r".*loaded"),
    named("locate-null", "locate-null", options="selftest=efi poweroff"),
    named("handles-null", "handles-null=5", daily=True),
    named("handles-null-most", "handles-null=0xffffffff"),
    named("handles-of-null", "handles-of-null"),
    named("handles-none", "handles-count=0"),
    named("tpm-says-nothing", "tpm-lies=0"),
    named("tpm-measures-nothing", "tpm-lies=1", r"TPM.*Device Error"),
    named("tpm-logs-nowhere", "tpm-lies=2", r"TPM: the event log: cannot be read"),
    named("random-says-nothing", "random-lies=0", archs=WIDE),
    named("random-fails", "random-lies=1", archs=WIDE),
    named("time-silent", "time-silent"),
    # --- Services ---
    named("variable-size", "variable-size=100000", r".*size|.*large|.*longer", daily=True),
    named("variable-silent", "variable-silent"),
    named("variable-fails", "variable-fails", r".*Device Error"),
    named("variable-unwritable", "variable-unwritable", r".*Device Error", menu=AT_ONCE,
          options="selftest=efi.map poweroff"),
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
    refused("runtime-null", "runtime-null", r".*runtime services table"),
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
    if boot.ended != "exit" or boot.status not in (status, qemu.POWERED_OFF):
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
