"""machines.txt read, and a machine turned into QEMU's arguments.

Both sides of the comparison take their machine from here, so that the board, the CPUs, the memory
and every device are the same for Linux and for Baton. tools/qemu.py, which boots for `make run` and
the boot tests too, takes a Machine of this file as it takes its own.
"""

import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
sys.path.insert(0, str(ROOT / "tools"))
import qemu  # noqa: E402

MACHINES = pathlib.Path(__file__).with_name("machines.txt")
OVMF = pathlib.Path("/usr/share/OVMF")
# Word of machines.txt -> what tools/qemu.py takes for the firmware. secboot runs with no keys
# enrolled: setup mode.
FIRMWARE = {
    "4m": (str(OVMF / "OVMF_CODE_4M.fd"), str(OVMF / "OVMF_VARS_4M.fd")),
    "2m": (str(OVMF / "OVMF_CODE.fd"), str(OVMF / "OVMF_VARS.fd")),
    "secboot": (str(OVMF / "OVMF_CODE_4M.secboot.fd"), str(OVMF / "OVMF_VARS_4M.fd")),
    "u-boot": qemu.U_BOOT,
    "aavmf": qemu.AARCH64.firmware[0],
    "ovmf32": qemu.IA32.firmware[0],
    "aavmf32": qemu.ARM.firmware[0],
    "mixed": qemu.MIXED.firmware[0],
}
# Whose firmware it is, where not x86-64's.
BUILT_FOR = {"aavmf": qemu.AARCH64, "ovmf32": qemu.IA32, "aavmf32": qemu.ARM, "mixed": qemu.MIXED}
# Debian's for IA-32 with page tables of two levels.
KERNEL_WITHOUT_PAE = "linux-image-686"


class MachineError(Exception):
    """machines.txt holds something that cannot be meant."""


def size(text):
    """Bytes of "512M"; "0" stands for nothing at all."""
    return 0 if text == "0" else qemu.size(text)


class Machine:
    """One line of machines.txt."""

    def __init__(self, line):
        self.line = " ".join(line.split())
        body, _, self.why = line.partition("#")
        self.why = self.why.strip()
        self.name, *words = body.split()
        self.board, self.board_words = None, []
        self.memory = self.maxmem = self.slots = None
        self.cpu, self.smp, self.bus = None, 2, "virtio"
        self.arch = qemu.X86_64
        self.firmware = FIRMWARE["4m"]
        self.nodes, self.distances, self.plugged, self.devices = [], {}, [], []
        self.tpm_socket = "TPM"  # where a boot has one listening
        self.linux_refused = None
        self.append, self.baton = [], []
        self.kernel = None  # the package of Linux's, where it is not the architecture's usual one
        self.faults = set()  # self-tests that this firmware is known to fail
        self.small = self.secure = False
        for word in words:
            try:
                self._take(word)
            except (MachineError, qemu.QemuError, ValueError) as error:
                raise MachineError(f"machine {self.name}: '{word}': {error}") from error
        self._check()

    def _take(self, word):
        key, _, value = word.partition("=")
        if word in ("q35", "pc"):
            self.board = word
        elif word == "virt":
            self.board, self.arch, self.firmware = word, qemu.AARCH64, FIRMWARE["aavmf"]
        elif word == "hpet=off" or key == "gic-version":
            self.board_words.append(word)
        elif word == "small":
            self.small = True
        elif word == "nopae":
            self.kernel = KERNEL_WITHOUT_PAE
            self.baton.append(word)
        elif key == "mem":
            self.memory = size(value)
        elif key == "maxmem":
            self.maxmem = size(value)
        elif key in ("smp", "slots"):
            setattr(self, key, int(value))
        elif key == "cpu":
            self.cpu = value
        elif key == "fw" and value in FIRMWARE:
            self.firmware = FIRMWARE[value]
            self.secure = value in ("secboot", "ovmf32", "mixed")  # builds that want SMM
            self.arch = BUILT_FOR.get(value, qemu.X86_64)
        elif key == "disk" and value in qemu.DISK_ON:
            self.bus = value
        elif key == "with" and value in ("rng", "tpm"):
            self.devices.append(value)
        elif key == "node":
            ram, _, cpus = value.partition(",cpus=")
            self.nodes.append((size(ram), cpus))
        elif key == "dist":
            source, target, distance = re.fullmatch(r"(\d+)-(\d+):(\d+)", value).groups()
            self.distances[int(source), int(target)] = int(distance)
        elif key in ("dimm", "nvdimm", "virtio-mem"):
            place, _, requested = value.partition(",requested=")
            ram, _, node = place.partition("@")
            self.plugged.append((key, size(ram), node or "0", requested and size(requested)))
        elif word == "vga=norom":
            self.devices.append("vga-without-rom")
        elif key == "linux" and value.startswith("no:"):
            self.linux_refused = value[3:].replace("-", " ")
        elif key == "faults":
            self.faults = set(value.split(","))
        elif key in ("append", "baton"):
            getattr(self, key).append(value)
        else:
            raise MachineError("not a word of machines.txt")

    def _check(self):
        if self.board is None or self.memory is None:
            raise MachineError(f"machine {self.name}: needs a board (q35, pc or virt) and mem=")
        if self.board not in self.arch.most_cpus:
            raise MachineError(f"machine {self.name}: {self.board} is no board of {self.arch.name}'s "
                               "firmware")
        # Linux on all that QEMU's Arm CPUs can spends its time on signing pointers.
        self.cpu = self.cpu or ("cortex-a57" if self.arch == qemu.AARCH64 else self.arch.cpu)
        if self.kernel and self.arch != qemu.IA32:
            raise MachineError(f"machine {self.name}: nopae is IA-32's")
        if self.nodes and sum(ram for ram, _ in self.nodes) != self.memory:
            raise MachineError(f"machine {self.name}: the nodes' RAM is not mem=")
        if self.plugged and not (self.maxmem and self.slots):
            raise MachineError(f"machine {self.name}: plugged memory needs maxmem= and slots=")
        if not self.why:
            raise MachineError(f"machine {self.name}: says not what it is there for")

    # -- What tools/qemu.py asks of a machine: these, `arch`, `bus`, `firmware` and `display` -------

    display = "none"

    def arguments(self):
        """Board, CPUs, memory and nodes."""
        accelerator = "kvm" if self.arch == qemu.X86_64 and qemu.kvm_usable() else "tcg"
        if accelerator == "tcg" and self.smp > 64:
            # A thread a CPU means that all of them stop for each change of one's translations.
            accelerator += ",thread=single"
        board = ",".join([self.board, *self.board_words])
        if self.arch == qemu.AARCH64 and "gic-version" not in board:
            board += ",gic-version=3"
        if any(kind == "nvdimm" for kind, *_ in self.plugged):
            board += ",nvdimm=on"
        if self.secure:
            board += ",smm=on"
        return ["-accel", accelerator, "-cpu", self.cpu, "-smp", str(self.smp),
                *self._memory(board)]

    @property
    def extra(self):
        """Devices beside the usual ones."""
        arguments = []
        if self.secure:
            arguments += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
        if "vga-without-rom" in self.devices:
            arguments += ["-global", "VGA.rombar=0"]
        if "rng" in self.devices:
            arguments += ["-device", "virtio-rng-pci"]
        if "tpm" in self.devices:
            arguments += ["-chardev", f"socket,id=tpm,path={self.tpm_socket}",
                          "-tpmdev", "emulator,id=tpm0,chardev=tpm",
                          "-device", "tpm-crb,tpmdev=tpm0"]
        return arguments

    def _memory(self, board):
        total = _mebibytes(self.memory)
        if self.maxmem:
            total += f",maxmem={_mebibytes(self.maxmem)},slots={self.slots}"
        arguments = ["-m", total]
        if not self.nodes:
            board += ",memory-backend=ram"
            arguments += ["-object", _backend("ram", self.memory)]
        for node, (ram, cpus) in enumerate(self.nodes):
            words = f"node,nodeid={node}"
            if ram:
                arguments += ["-object", _backend(f"ram{node}", ram)]
                words += f",memdev=ram{node}"
            words += "".join(f",cpus={span}" for span in cpus.split("+") if span)
            arguments += ["-numa", words]
        for (source, target), distance in sorted(self.distances.items()):
            arguments += ["-numa", f"dist,src={source},dst={target},val={distance}"]
        for number, (kind, ram, node, requested) in enumerate(self.plugged):
            arguments += ["-object", _backend(f"plug{number}", ram)]
            device = {"dimm": "pc-dimm", "nvdimm": "nvdimm", "virtio-mem": "virtio-mem-pci"}[kind]
            words = f"{device},id=mem{number},memdev=plug{number},node={node}"
            if requested:
                words += f",requested-size={_mebibytes(requested)}"
            arguments += ["-device", words]
        return ["-machine", board] + arguments


def _mebibytes(number):
    """QEMU's spelling of a size; qemu.size() lets only whole MiB pass."""
    return f"{number >> 20}M"


def _backend(name, bytes_):
    """RAM that the host need not promise ahead, so that a guest may be larger than its host."""
    return f"memory-backend-ram,id={name},size={_mebibytes(bytes_)},reserve=off"


def load(path=MACHINES):
    """All machines of the file, in its order."""
    machines = [Machine(line) for line in path.read_text().splitlines()
                if line.split("#")[0].strip()]
    names = [machine.name for machine in machines]
    for name in names:
        if names.count(name) > 1:
            raise MachineError(f"machine {name} is there twice")
    return machines
