"""Machines nobody thought of: any seed makes one, as a line of machines.txt called random-SEED."""

import random

PREFIX = "random-"
NODES = (0, 0, 1, 2, 3, 4, 8)
CPU_MODELS = ("max", "max", "max,la57=off", "max,pdpe1gb=off", "qemu64")
# Below this, Debian's kernel and its initramfs do not fit beside OVMF.
LEAST = 300
MOST = 8192  # MiB


def line(seed):
    """The machine of a seed; always the same one."""
    dice = random.Random(seed)
    nodes = _nodes(dice)
    memory = sum(nodes) if nodes else _some_memory(dice)
    if memory < LEAST:
        memory += LEAST
        if nodes:
            nodes[0] += LEAST
    words = [f"{PREFIX}{seed}", dice.choice(("q35", "q35", "pc")), f"mem={memory}M",
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
