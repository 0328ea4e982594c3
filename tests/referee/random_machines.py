"""Machines nobody thought of: any seed makes one, as a line of machines.txt called random-SEED, or
arm64-random-SEED and so on for those of other architectures."""

import random
import re

NODES = (0, 0, 1, 2, 3, 4, 8)
CPU_MODELS = ("max", "max", "max,la57=off", "max,pdpe1gb=off", "qemu64")
# Below this, Debian's kernel and its initramfs do not fit beside OVMF.
LEAST = 300
MOST = 8192  # MiB


# What their names begin with, of which reviewed.py asks; those with nodes have them in the name, too.
PREFIXES = {"x86_64": "", "aarch64": "arm64-", "ia32": "ia32-", "arm": "arm-"}
_NAME = re.compile(rf"({'|'.join(PREFIXES.values())})(?:numa-)?random-(\d+)")


def named(name):
    """The machine called so, as a line; None: it is none of these."""
    match = _NAME.fullmatch(name)
    arch = match and next(arch for arch, prefix in PREFIXES.items() if prefix == match[1])
    return match and line(int(match[2]), arch)


def line(seed, arch="x86_64"):
    """The machine of a seed; always the same one."""
    dice = random.Random(seed)
    return {"x86_64": _of_pc, "aarch64": _of_aarch64, "ia32": _of_ia32, "arm": _of_arm}[arch](seed, dice)


def _of_ia32(seed, dice):
    """Debian's kernel has no nodes, and what lies behind 4 GiB is ia32-6g's to tell."""
    return (f"ia32-random-{seed} q35 fw=ovmf32 mem={dice.randrange(LEAST, 2049)}M "
            f"smp={dice.choice((1, 2, 5))} # made by chance")


def _of_arm(seed, dice):
    """No nodes either; what lies behind 2 GiB is arm-most's to tell."""
    return (f"arm-random-{seed} virt fw=aavmf32 mem={dice.randrange(LEAST, 2049)}M "
            f"smp={dice.choice((1, 2, 5, 8))} baton=early={dice.choice(('bootmem', 'memblock'))} "
            "# made by chance")


def _of_aarch64(seed, dice):
    nodes = _nodes(dice)
    if nodes and sum(nodes) < LEAST:
        nodes[0] += LEAST
    memory = sum(nodes) or LEAST + _some_memory(dice)
    words = [f"arm64-{'numa-' if nodes else ''}random-{seed}", "virt", f"mem={memory}M",
             f"gic-version={dice.choice((2, 3))}", f"smp={len(nodes) or dice.choice((1, 2, 5))}"]
    words += [f"node={_mib(ram)},cpus={number}" for number, ram in enumerate(nodes)]
    return " ".join([*words, "# made by chance"])


def _of_pc(seed, dice):
    nodes = _nodes(dice)
    memory = sum(nodes) if nodes else _some_memory(dice)
    if memory < LEAST:
        memory += LEAST
        if nodes:
            nodes[0] += LEAST
    words = [f"random-{seed}", dice.choice(("q35", "q35", "pc")), f"mem={memory}M",
             f"smp={len(nodes) or dice.choice((1, 2, 5))}", f"cpu={dice.choice(CPU_MODELS)}"]
    for number, ram in enumerate(nodes):
        cpus = f",cpus={number}" if number == 0 or dice.random() < 0.8 else ""
        words.append(f"node={_mib(ram)}{cpus}")
    if nodes and dice.random() < 0.5:
        words += ["maxmem=64G", "slots=4", *_plugged(dice, len(nodes))]
    if 1 < len(nodes) and dice.random() < 0.4:
        words += [f"dist={a}-{b}:{dice.randrange(11, 255)}"
                  for a in range(len(nodes)) for b in range(a + 1, len(nodes))]
    return " ".join([*words, "# made by chance"])


def _mib(size):
    return f"{size}M" if size else "0"


def _some_memory(dice):
    """MiB: any, few, or whole pageblocks and sections."""
    return dice.choice((dice.randrange(64, 512), dice.randrange(64, 4096),
                        dice.randrange(16, 64) * 64))


def _nodes(dice):
    nodes = [dice.choice((_some_memory(dice), _some_memory(dice), 0))
             for _ in range(dice.choice(NODES))]
    while sum(nodes) > MOST:
        nodes[nodes.index(max(nodes))] //= 2
    return nodes


def _plugged(dice, nodes):
    """Modules present at power-on. QEMU says that its window for more is the last node's: persistent
    memory, which keeps its SRAT entry, would contradict that on another."""
    words = []
    if dice.random() < 0.7:
        words.append(f"dimm={dice.choice((128, 256, 896, 1024))}M@{dice.randrange(nodes)}")
    if dice.random() < 0.4:
        words.append(f"nvdimm={dice.choice((128, 512))}M@{nodes - 1}")
    return words
