"""Boots Baton in QEMU, under OVMF, AAVMF or U-Boot, and follows its serial console.

tools/run and the boot tests both stand on this: they mean the same machine when they say the same
words. Sizes are in bytes.
"""

import dataclasses
import json
import math
import os
import pathlib
import re
import select
import shutil
import socket
import struct
import subprocess
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
MIB = 1 << 20
GIB = 1 << 30

# What isa-debug-exit makes of the kernel's last word, or semihosting hands on; see the table of exit
# statuses in README.md.
PASSED = 33
FAILED = 35
POWERED_OFF = 0


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A kind of machine that Baton is built for: QEMU for it, and EDK II for that."""
    name: str
    program: str  # QEMU's
    esp: str  # what is built for it, below build/
    firmware_name: str
    firmware: tuple  # of (code, variables)
    u_boot: str  # the other firmware; empty: there is none
    u_boot_id: int  # what its images call this architecture
    boot_file: str  # what a firmware looks for in \\EFI\\BOOT
    most_cpus: dict  # by QEMU's machines, of which the first is taken unless another is asked for
    least_memory: int
    screen: tuple  # QEMU's arguments
    exit: tuple  # and those by which a kernel ends QEMU with a status
    most_memory: int = 1 << 50
    cpu: str = "max"  # -cpu, unless another is asked for

    @property
    def make_name(self):
        """What `make` calls it by ARCH=."""
        return "ia32" if self.name == "mixed" else self.name


X86_64 = Architecture(
    name="x86_64", program="qemu-system-x86_64", esp="esp", firmware_name="OVMF",
    firmware=(("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
              ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd")),
    u_boot="/usr/lib/u-boot/qemu-x86_64/u-boot.rom", u_boot_id=25, boot_file="BOOTX64.EFI",
    most_cpus={"q35": 288, "pc": 255},  # QEMU's machines take no more
    # Under Debian 12's OVMF and with one processor 60 MiB do and 58 do not: the firmware starts with
    # 48, but has no room left for the kernel.
    least_memory=64 * MIB,
    screen=("-vga", "std"), exit=("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"))
AARCH64 = Architecture(
    name="aarch64", program="qemu-system-aarch64", esp="aarch64/esp", firmware_name="AAVMF",
    firmware=(("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"),),
    u_boot="/usr/lib/u-boot/qemu_arm64/u-boot.bin", u_boot_id=22, boot_file="BOOTAA64.EFI",
    most_cpus={"virt": 512}, least_memory=128 * MIB,
    screen=("-device", "ramfb"), exit=("-semihosting-config", "enable=on,target=native"))
# Debian's only firmware of 32 bits keeps its variables in system management mode, which q35 alone has.
IA32 = Architecture(
    name="ia32", program="qemu-system-i386", esp="ia32/esp", firmware_name="OVMF32",
    firmware=(("/usr/share/OVMF/OVMF32_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF32_VARS_4M.fd"),),
    u_boot="/usr/lib/u-boot/qemu-x86/u-boot.rom", u_boot_id=3, boot_file="BOOTIA32.EFI",
    most_cpus={"q35": 255}, least_memory=64 * MIB,
    screen=X86_64.screen, exit=X86_64.exit)
# The same firmware on a CPU of 64 bits, where its Baton starts the kernel of 64 bits: mixed mode.
MIXED = dataclasses.replace(IA32, name="mixed", program=X86_64.program)
# From 3 GiB on its firmware does not come to an end; a GICv2, which it has there, knows 8 CPUs.
ARM = Architecture(
    name="arm", program="qemu-system-arm", esp="arm/esp", firmware_name="AAVMF32",
    firmware=(("/usr/share/AAVMF/AAVMF32_CODE.fd", "/usr/share/AAVMF/AAVMF32_VARS.fd"),),
    u_boot="/usr/lib/u-boot/qemu_arm/u-boot.bin", u_boot_id=2, boot_file="BOOTARM.EFI",
    most_cpus={"virt": 8}, least_memory=128 * MIB, most_memory=3071 * MIB,
    screen=AARCH64.screen, exit=AARCH64.exit, cpu="cortex-a15")
ARCHITECTURES = {arch.name: arch for arch in (X86_64, AARCH64, IA32, ARM, MIXED)}

# The other firmware: shares nothing with EDK II, and is one file, which keeps no variables.
U_BOOT = ("U-Boot",)
U_BOOT_AGAIN = "u-boot: the program has come back"

# What the firmware says on the console when a boot option has come back to it: under OVMF the option
# failed, or the next one is tried, or it gave up; under U-Boot its script goes on.
FIRMWARE_AGAIN = re.compile(
    rf"^{U_BOOT_AGAIN}|"
    r"BdsDxe: failed to (?:load|start)|BdsDxe: No bootable option|starting Boot\d+ \"EFI Internal Shell\"", re.MULTILINE
)
# The kernel's first word on the console.
KERNEL_SPOKE = re.compile(r"^\[ *\d+\.\d+\] Baton version \S+ \(", re.MULTILINE)
# What OVMF says when a program under it, or it itself, has met an exception; it then stands still.
FIRMWARE_CRASH = re.compile(r"!!!! \w+ Exception Type|Synchronous Exception at 0x")
MOST_NODES = 128  # as QEMU has it
ESCAPES = re.compile(r"\x1b\[[0-9;?=]*[A-Za-z]|\x1b[()=>78DEHM][0-9A-Za-z]?|\r|\x00")


class QemuError(Exception):
    """QEMU or what it needs is not there, or it would not do as told."""


def size(text):
    """'4G', '64M', '512' (MiB when without a letter, as QEMU's own -m) in bytes."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise QemuError(f"'{text}' is not a size; say 512M, 4G or 2T")
    unit = {"": MIB, "K": 1 << 10, "M": MIB, "G": GIB, "T": 1 << 40}[match[2].upper()]
    bytes_ = float(match[1]) * unit
    if bytes_ != int(bytes_) or bytes_ == 0 or bytes_ % MIB:
        raise QemuError(f"'{text}' is not a whole number of MiB above 0")
    return int(bytes_)


def kvm_usable():
    """Whether the processor has virtualisation and we may use it: the device alone proves little,
    since it may open and then fail on firmware code."""
    try:
        flags = re.search(r"^flags\s*:(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        return False
    words = flags[1].split() if flags else []
    return ("vmx" in words or "svm" in words) and os.access("/dev/kvm", os.R_OK | os.W_OK)


def u_boot(arch=X86_64):
    """U-Boot's file, which must be installed."""
    if not os.path.exists(arch.u_boot):
        raise QemuError(f"no U-Boot found; `make setup` installs it. Looked for {arch.u_boot}")
    return arch.u_boot


def firmware(arch=X86_64):
    """(code, variables) of an EDK II that is installed."""
    for code, variables in arch.firmware:
        if os.path.exists(code) and os.path.exists(variables):
            return code, variables
    raise QemuError(f"no {arch.firmware_name} found; `make setup` installs it. Looked for "
                    + ", ".join(code for code, _ in arch.firmware))


def own_firmware(path):
    """A build of EDK II of somebody's own: (code, variables) where the file of variables stands beside it
    under EDK II's names, else one file."""
    path = pathlib.Path(path).absolute()
    if not path.is_file():
        raise QemuError(f"{path} is no file")
    variables = path.with_name(path.name.replace("CODE", "VARS"))
    return (str(path), str(variables)) if variables != path and variables.is_file() else (str(path),)


@dataclasses.dataclass(frozen=True)
class Node:
    """A NUMA node; either may be 0."""
    memory: int = 0
    cpus: int = 0


@dataclasses.dataclass(frozen=True)
class Machine:
    """A PC, or one of Arm's. With `nodes` it has an SRAT and a SLIT, and `memory` and `cpus` are
    their sums."""
    memory: int = 256 * MIB
    cpus: int = 1
    nodes: tuple = ()
    kind: str = "q35"  # or pc, the i440fx; or virt, Arm's; with -machine's options behind commas
    cpu: str = ""  # -cpu; without, all that QEMU can
    bus: str = "virtio"  # or another of DISK_ON: what the disk hangs on
    extra: tuple = ()  # further arguments for QEMU
    display: str = "none"  # where the screen is shown, as -display has it
    # (code, variables), (one file with both,), or U_BOOT; without, the first of its architecture's there is
    firmware: tuple = ()
    built_for: str = ""  # an architecture's name; without, the first that has such a board

    @staticmethod
    def of_nodes(*nodes, **others):
        return Machine(memory=sum(n.memory for n in nodes), cpus=sum(n.cpus for n in nodes),
                       nodes=nodes, **others)

    @staticmethod
    def split(memory, cpus, nodes, **others):
        """Memory and processors shared out evenly; the first nodes get what is left over."""
        if nodes < 1:
            raise QemuError("a machine has one node at least")
        if nodes == 1:
            return Machine(memory=memory, cpus=cpus, nodes=(Node(memory, cpus),), **others)
        mibs = memory // MIB
        if mibs < nodes:
            raise QemuError(f"{mibs} MiB cannot be split over {nodes} nodes")
        return Machine.of_nodes(
            *(Node((mibs // nodes + (i < mibs % nodes)) * MIB, cpus // nodes + (i < cpus % nodes))
              for i in range(nodes)), **others)

    @property
    def arch(self):
        if self.built_for:
            return ARCHITECTURES[self.built_for]
        kind = self.kind.split(",")[0]
        return next((arch for arch in ARCHITECTURES.values() if kind in arch.most_cpus), X86_64)

    def arguments(self):
        """QEMU's arguments for board, processors, memory and nodes."""
        kvm = self.arch == X86_64 and kvm_usable()
        cpu = self.cpu or ("host" if kvm else self.arch.cpu)
        # 40 address bits, the usual, reach about 900 GiB. No more than needed: OVMF maps all that
        # the processor can address.
        if self.memory > 900 * GIB and self.arch == X86_64:
            cpu += f",phys-bits={math.ceil(math.log2(self.memory)) + 1}"
        args = ["-accel", "kvm" if kvm else "tcg", "-cpu", cpu,
                "-smp", str(self.cpus), "-m", f"{self.memory // MIB}M"]
        board = self.kind
        if self.arch == AARCH64 and "gic-version" not in board:
            board += ",gic-version=3"  # the second knows no more than 8 processors
        if self.arch in (IA32, MIXED) and self.firmware != U_BOOT:
            board += ",smm=on"
            args += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
        backend = "memory-backend-ram,id={},size={}M,reserve=off"
        if self.nodes:
            first_cpu = 0
            for number, node in enumerate(self.nodes):
                numa = f"node,nodeid={number}"
                if node.memory:
                    args += ["-object", backend.format(f"ram{number}", node.memory // MIB)]
                    numa += f",memdev=ram{number}"
                if node.cpus:
                    numa += f",cpus={first_cpu}-{first_cpu + node.cpus - 1}"
                    first_cpu += node.cpus
                args += ["-numa", numa]
            for a in range(len(self.nodes)):
                for b in range(a + 1, len(self.nodes)):
                    args += ["-numa", f"dist,src={a},dst={b},val=20"]
        else:
            args += ["-object", backend.format("ram", self.memory // MIB)]
            board += ",memory-backend=ram"
        return ["-machine", board] + args


# Place 0 of the boot order belongs to -kernel, with which the referee starts its Linux on the same
# machine.
DISK_ON = {
    "virtio": ["-device", "virtio-blk-pci,drive=disk,bootindex=1"],
    "ide": ["-device", "ide-hd,drive=disk,bootindex=1"],
    "ahci": ["-device", "ide-hd,drive=disk,bus=ahci.0,bootindex=1"],
    "nvme": ["-device", "nvme,drive=disk,serial=disk,bootindex=1"],
    "cdrom": ["-device", "ide-cd,drive=disk,bootindex=1"],
    "usb": ["-device", "qemu-xhci", "-device", "usb-storage,drive=disk,bootindex=1"],
}


def firmware_arguments(machine, folder):
    """QEMU's for the firmware; what OVMF keeps goes into a copy of its own in `folder`."""
    if machine.firmware == U_BOOT:
        return ["-bios", u_boot(machine.arch)]
    if len(machine.firmware) == 1:
        return ["-bios", machine.firmware[0]]
    code, variables = machine.firmware or firmware(machine.arch)
    own_variables = pathlib.Path(folder) / "vars.fd"
    shutil.copyfile(variables, own_variables)
    return ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}",
            "-drive", f"if=pflash,unit=1,format=raw,file={own_variables}"]


def u_boot_script(program=None, options="", arch=X86_64):
    """What U-Boot finds as \\boot.scr on the disk and runs, since by itself it would give every
    program the options of a Linux of its own: a script in the form of mkimage's (legacy) images."""
    text = (f"setenv bootargs {options}\n"
            "load ${devtype} ${devnum}:${distro_bootpart} ${kernel_addr_r} "
            f"{program or 'EFI/BOOT/' + arch.boot_file}\n"
            "bootefi ${kernel_addr_r}\n"
            f"echo {U_BOOT_AGAIN}\n"
            "while true; do sleep 60; done\n").encode()  # or else it would try the next program
    data = struct.pack(">II", len(text), 0) + text
    linux, script, plain = 5, 6, 0

    def header(checksum):
        return struct.pack(">IIIIIIIBBBB32s", 0x27051956, checksum, 0, len(data), 0, 0,
                           zlib.crc32(data), linux, arch.u_boot_id, script, plain, b"Baton")
    return header(zlib.crc32(header(0))) + data


def command(machine, disk, folder, serial):
    """The whole command line. `folder` takes this machine's copy of the firmware's variables;
    `serial` is a chardev specification without its id."""
    arch = machine.arch
    if shutil.which(arch.program) is None:
        raise QemuError(f"{arch.program} is not here; `make setup` installs it")
    on_bus = DISK_ON[machine.bus]
    if machine.bus == "ahci":
        on_bus = ["-device", "ahci,id=ahci"] + on_bus
    return ([arch.program, "-nodefaults"] + machine.arguments()
            + firmware_arguments(machine, folder) + [
        "-drive", f"if=none,id=disk,format=raw,file={disk}"] + on_bus + [
        *arch.screen, "-display", machine.display,
        "-chardev", f"{serial},id=com1", "-serial", "chardev:com1",
        *arch.exit, "-no-reboot"] + list(machine.extra))


# What -display wants for a name; VNC only for this host, on port 5900.
DISPLAYS = {"none": "none", "gtk": "gtk", "sdl": "sdl", "vnc": "vnc=localhost:0"}


def displays(arch=X86_64):
    """The names of DISPLAYS that this QEMU has. It lists VNC nowhere, which is always built in
    by those who package it."""
    if shutil.which(arch.program) is None:
        raise QemuError(f"{arch.program} is not here; `make setup` installs it")
    done = subprocess.run([arch.program, "-display", "help"], capture_output=True, text=True,
                          check=False)
    return [name for name in DISPLAYS if name == "vnc" or name in done.stdout.split()]


def make_disk(out, esp=ROOT / "build/esp", options=None, change=None, machine=None):
    """A disk image from the tree `esp`. `options` replaces baton.conf's line of that name; `change`
    is called with the path of a copy of the tree and may do with it as it likes. `machine` is whose
    disk it is, which a firmware may have to be told what to start on."""
    out = pathlib.Path(out)
    tree = out.with_suffix(".esp")
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(esp, tree)
    if options is not None:
        conf = tree / "EFI/baton/baton.conf"
        # The last line of a key wins.
        conf.write_text(conf.read_text() + f"\noptions {options}\n")
    # Nobody is there to read a menu, unless `change` puts one there.
    shutil.rmtree(tree / "loader", ignore_errors=True)
    if machine is not None and machine.firmware == U_BOOT:
        (tree / "boot.scr").write_bytes(u_boot_script(arch=machine.arch))
    if change is not None:
        change(tree)
    subprocess.run([ROOT / "tools/image", tree, out], check=True)
    shutil.rmtree(tree)
    return out


class Running:
    """A machine that runs, until it ends by itself or by close(). Use with `with`."""

    def __init__(self, machine, disk, folder):
        self.folder = pathlib.Path(folder)
        self.qmp_path = self.folder / "qmp"
        self.raw = b""
        self.started = time.monotonic()
        self.stderr_path = self.folder / "qemu.stderr"
        arguments = command(machine, disk, folder, "stdio,signal=off") + [
            "-qmp", f"unix:{self.qmp_path},server=on,wait=off"]
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stderr=stderr,
                                            stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def log(self):
        """All that came from the serial port, as plain lines."""
        return ESCAPES.sub("", self.raw.decode("utf-8", "replace"))

    @property
    def complaints(self):
        """What QEMU itself had to say."""
        return self.stderr_path.read_text(errors="replace")

    def read(self, seconds):
        """Takes in what comes within `seconds`, or less: False when the port has closed."""
        readable, _, _ = select.select([self.process.stdout], [], [], max(0.0, seconds))
        if not readable:
            return True
        piece = os.read(self.process.stdout.fileno(), 1 << 16)
        self.raw += piece
        return bool(piece)

    def wait_for(self, pattern, timeout, since=0):
        """The first match of `pattern` in the log behind `since`, or None when QEMU ended or
        `timeout` seconds passed without one."""
        pattern = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout
        open_ = True
        while True:
            match = pattern.search(self.log, since)
            if match is not None or not open_ or time.monotonic() >= deadline:
                return match
            open_ = self.read(min(0.5, deadline - time.monotonic()))

    def send(self, text):
        """Types on the serial console."""
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def qmp(self, execute, **arguments):
        """One QMP command and its answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(str(self.qmp_path))
            stream = connection.makefile("rw")
            stream.readline()  # greeting
            for request in ({"execute": "qmp_capabilities"},
                            {"execute": execute, "arguments": arguments}):
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                answer = json.loads(stream.readline())
                while "event" in answer:
                    answer = json.loads(stream.readline())
            if "error" in answer:
                raise QemuError(f"{execute}: {answer['error'].get('desc')}")
            return answer["return"]

    def screendump(self, path):
        """What the screen shows, as a PPM picture."""
        self.qmp("screendump", filename=str(path))
        return path

    def close(self):
        """Ends QEMU, if it has not ended, and gives its exit status (negative: we ended it)."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.returncode


def test_under_way(log):
    """The id of the self-test that had begun when the log broke off, or None."""
    running = None
    for line in log.splitlines():
        line = line.strip()
        if match := re.fullmatch(r"# running: (\S+)", line):
            running = match[1]
        elif match := re.fullmatch(r"efi(?:\.[a-z0-9-]+)+", line):
            running = line  # on the firmware's console, its result comes behind it
        elif running and re.match(rf"(?:(?:not )?ok \d+ )?{re.escape(running)}(?: |$)", line):
            running = None
    return running


@dataclasses.dataclass(frozen=True)
class Boot:
    """How a boot went."""
    log: str
    # "exit", "firmware" (back in its hands), "crash" (an exception while it was still there), "seen"
    # (`until` matched) or "time-out"
    ended: str
    status: int  # QEMU's exit status when ended is "exit", else -1
    seconds: float
    complaints: str  # QEMU's own

    @property
    def last_line(self):
        lines = [line for line in self.log.splitlines() if line.strip()]
        return lines[-1] if lines else "(nothing was said)"

    def __str__(self):
        how = {"exit": f"QEMU ended with status {self.status}",
               "firmware": "the firmware has control again",
               "crash": "an exception under the firmware",
               "seen": "the awaited line was seen",
               "time-out": "nothing ended it: time-out"}[self.ended]
        if self.ended == "time-out" and (test := test_under_way(self.log)):
            how += f" in the self-test {test}"
        return (f"{how} after {self.seconds:.1f} s; last line: {self.last_line}"
                + (f"; QEMU says: {self.complaints.strip()}" if self.complaints.strip() else ""))


def boot(machine, disk, folder, timeout=120, until=None):
    """Boots once and reads the console to the end: QEMU's exit, the firmware's taking over again,
    an exception under it, a line that matches `until`, or `timeout` seconds."""
    ends = f"(?P<crash>{FIRMWARE_CRASH.pattern})|{FIRMWARE_AGAIN.pattern}"
    if until:
        ends += f"|(?P<until>{until})"
    with Running(machine, disk, folder) as running:
        match = running.wait_for(ends, timeout)
        if match is not None:
            if match["crash"] is not None:
                ended = "crash"
                running.wait_for(r"!!!! (?:Find|Can't find) image", 2, since=match.end())
            elif until and match["until"] is not None:
                ended = "seen"
            else:
                ended = "firmware"
                running.wait_for(r"\n", 0.5, since=match.end())  # the rest of its line
        else:
            try:
                running.process.wait(timeout=2)
                ended = "exit"
            except subprocess.TimeoutExpired:
                ended = "time-out"
        status = running.process.returncode if ended == "exit" else -1
        seconds = time.monotonic() - running.started
        running.close()
        return Boot(running.log, ended, status, seconds, running.complaints)
