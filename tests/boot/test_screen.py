"""The screen, by what QEMU sees on it: text in the console's font, and the picture of memory."""

import re

import pytest

import log as read
from conftest import BUILD
from elf import symbol
from qemu import MIB, Machine, Node
from screenshot import shot, text_of, wait_for_screen
from test_ends import Monitor

PROMPT = r"^baton> $"
TWO_NODES = Machine.of_nodes(Node(96 * MIB, 1), Node(128 * MIB, 1))


def test_screen_and_serial_show_the_same(bench):
    with bench.start(TWO_NODES) as running:
        assert running.wait_for(PROMPT, 90), running.log[-2000:]
        since = len(running.log)
        running.send("buddyinfo\r")
        assert running.wait_for(PROMPT, 60, since)
        serial = [line.rstrip() for line in running.log.splitlines()]
        picture = wait_for_screen(bench, running, lambda p: "baton> buddyinfo" in text_of(p)
                                  and "baton>" in text_of(p))
        # Long lines go on in the next row of the screen, behind blanks.
        words = " ".join(text_of(picture)).split()
        assert "\N{REPLACEMENT CHARACTER}" not in "".join(words)
        for line in serial[-20:]:
            assert f" {' '.join(line.split())} " in f" {' '.join(words)} ", \
                f"{line!r} is not on the screen:\n" + "\n".join(text_of(picture))


def test_colour_for_what_matters(bench):
    with bench.start(TWO_NODES) as running:
        assert running.wait_for(PROMPT, 90), running.log[-2000:]
        # Faint stamps and plain text, and nothing has been tested yet.
        picture = wait_for_screen(bench, running, lambda p: any("baton>" in line
                                                                for line in text_of(p)))
        colours = picture.colours()
        assert (112, 122, 140) in colours and (208, 212, 220) in colours
        assert (120, 214, 130) not in colours
        running.send("selftest mm.*\r")
        assert running.wait_for(r"^ok 1", 120), running.log[-2000:]
        wait_for_screen(bench, running, lambda p: (120, 214, 130) in p.colours())


def test_map(bench):
    with bench.start(TWO_NODES) as running:
        assert running.wait_for(PROMPT, 90), running.log[-2000:]
        running.send("map\r")
        assert running.wait_for(r"any key", 90)
        picture = wait_for_screen(
            bench, running, lambda p: p.colours().get((22, 26, 36), 0) > p.width * 50)
        colours = picture.colours()
        # e820's usable, the zones' DMA32, free memory, and a reservation's colour.
        for colour in ((74, 122, 96), (232, 96, 160)):
            assert colours.get(colour, 0) > 20, (colour, sorted(colours.items(), key=lambda c: -c[1]))
        greens = sum(count for (red, green, _), count in colours.items()
                     if green > 100 and green > red + 40)
        assert greens > picture.width * picture.height // 10
        running.send(" ")
        wait_for_screen(bench, running, lambda p: any("baton>" in line for line in text_of(p)))


@pytest.mark.parametrize("width, height", [(640, 480), (1920, 1080), (3840, 2160)])
def test_resolutions(bench, width, height):
    """Text and picture at other sizes than the usual."""
    # At a higher rate 4K is beyond what an EDID's timings, by which OVMF chooses, can say.
    display = ("-vga", "none", "-device", f"VGA,edid=on,xres={width},yres={height},"
               "vgamem_mb=64,refresh_rate=30000")
    machine = Machine(memory=256 * MIB, extra=display)
    with bench.start(machine) as running:
        assert running.wait_for(PROMPT, 120), running.log[-2000:]
        picture = shot(bench, running)
        if (picture.width, picture.height) != (width, height):
            pytest.skip(f"the firmware chose {picture.width}x{picture.height}")
        wait_for_screen(bench, running, lambda p: any("baton>" in line for line in text_of(p)))
        running.send("map\r")
        assert running.wait_for(r"any key", 90)
        wait_for_screen(bench, running, lambda p: p.colours().get((22, 26, 36), 0) > width * 50)


def test_stores_to_the_screen_are_combined(bench):
    with bench.start(TWO_NODES) as running:
        monitor = Monitor(running)
        devices = running.qmp("human-monitor-command", **{"command-line": "info pci"})
        vga = re.search(r"VGA controller.*?prefetchable memory at (0x[0-9a-f]+)", devices, re.DOTALL)
        assert vga, devices
        image, _, direct_map = read.kaslr(running.log)
        answer = monitor.ask(f"pt {direct_map + int(vga[1], 16):x}")
        assert f" -> {int(vga[1], 16):#x} " in answer, answer
        assert "writable, not executable, write-combining" in answer
        # The kernel's own code, for comparison.
        code = image + symbol(BUILD / "kernel.elf", "kernel::kernel_main") - 0xffff_ffff_8020_0000
        assert "read-only, executable, write-back" in monitor.ask(f"pt {code:x}")


def test_no_screen_at_all(bench):
    with bench.start(Machine(memory=128 * MIB, extra=("-vga", "none"))) as running:
        assert running.wait_for(PROMPT, 90), running.log[-2000:]
        running.send("map\r")
        assert running.wait_for(r"map: this machine has no screen, so as text", 20), running.log[-500:]
        assert running.wait_for(r"^node 0 DMA +0x000000001000 [#+R.-]{64} 0x", 20), running.log[-2000:]
        assert running.wait_for(r"^# free  \+ some reserved", 20)
        running.send("qr\r")
        assert running.wait_for(r"^(█{30,})\n(?:[█▀▄ ]+\n){15,}", 20), running.log[-2000:]


def test_two_adapters(bench):
    """The console's own graphics output then stands for both, and has no framebuffer."""
    machine = Machine(memory=256 * MIB, extra=("-device", "bochs-display"))
    with bench.start(machine) as running:
        assert running.wait_for(PROMPT, 120), running.log[-2000:]
        assert "no screen after the firmware" not in running.log
        wait_for_screen(bench, running, lambda p: any("baton>" in line for line in text_of(p)))


@pytest.mark.parametrize("bits", [15, 16, 24])
def test_pixels_of_other_sizes(bench, faulty, bits):
    with bench.start(TWO_NODES, change=faulty(f"pixels_{bits}")) as running:
        assert running.wait_for(PROMPT, 90), running.log[-2000:]
        picture = wait_for_screen(bench, running, lambda p: any("baton>" in line
                                                                for line in text_of(p)))
        assert "Ledger: closed, 0 bytes unaccounted for" in "\n".join(text_of(picture))
        # The log's plain text, as near as the pixels come to it.
        tolerance = 0 if bits == 24 else 8
        assert any(max(abs(a - b) for a, b in zip(colour, (208, 212, 220))) <= tolerance
                   for colour in picture.colours())


def test_screen_that_only_the_firmware_draws_on(bench, faulty):
    with bench.start(TWO_NODES, change=faulty("blt_only")) as running:
        assert running.wait_for(PROMPT, 90), running.log[-2000:]
        assert "serial port only: the graphics output can only be drawn on by the firmware" \
            in running.log
        running.send("map\r")
        assert running.wait_for(r"map: .*screen", 20), running.log[-500:]
