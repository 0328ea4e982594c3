"""Screendumps read by a program: the text on them, by the glyphs of the console's own font, and the
colours at places."""

import gzip
import pathlib
import re

import pytest

FONTS = pathlib.Path("/usr/share/consolefonts")


class Picture:
    """A PPM picture (P6, 8 bits a channel)."""

    def __init__(self, path):
        data = pathlib.Path(path).read_bytes()
        match = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
        assert match, data[:40]
        self.width, self.height = int(match[1]), int(match[2])
        self.pixels = data[match.end():]

    def at(self, x, y):
        start = 3 * (y * self.width + x)
        return tuple(self.pixels[start:start + 3])

    def reduced(self, by):
        """Every by-th pixel, either way."""
        if by == 1:
            return self
        small = object.__new__(Picture)
        small.width, small.height = self.width // by, self.height // by
        rows = (self.pixels[3 * y * by * self.width:3 * (y * by + 1) * self.width]
                for y in range(small.height))
        small.pixels = b"".join(bytes(value for x in range(small.width)
                                      for value in row[3 * x * by:3 * x * by + 3]) for row in rows)
        return small

    def colours(self):
        """{colour: pixels}"""
        counted = {}
        for start in range(0, len(self.pixels), 3):
            colour = self.pixels[start:start + 3]
            counted[colour] = counted.get(colour, 0) + 1
        return {tuple(colour): count for colour, count in counted.items()}


def glyphs(name):
    """(width, height, {rows as one number: character}) of a PSF 2 font with a Unicode table, or of
    PSF 1."""
    data = gzip.open(FONTS / f"{name}.psf.gz").read()
    if data[:2] == b"\x36\x04":
        count, height, width, start = 512 if data[2] & 1 else 256, data[3], 8, 4
        table = [entry.split("\ufffe")[0] for entry in
                 data[start + count * height:].decode("utf-16-le").split("\uffff")]
    else:
        start, _, count, size, height, width = (
            int.from_bytes(data[at:at + 4], "little") for at in (8, 12, 16, 20, 24, 28))
        table = [entry.split(b"\xfe")[0].decode() for entry in
                 data[start + count * size:].split(b"\xff")]
    pitch = (width + 7) // 8
    found = {}
    for glyph in range(count):
        rows = data[start + glyph * height * pitch:start + (glyph + 1) * height * pitch]
        for character in table[glyph]:
            if " " <= character <= "~":
                # The lowest rows are left out: the cursor may lie there.
                found.setdefault(bits_of(rows, pitch, width, height - height // 8), character)
    return width, height, found


def bits_of(rows, pitch, width, height):
    value = 0
    for y in range(height):
        row = int.from_bytes(rows[y * pitch:(y + 1) * pitch], "big") >> (pitch * 8 - width)
        value = value << width | row
    return value


def fonts_of(width, height):
    """(names, pixels of the screen to one of the font, either way): what kernel/screen/font.h chooses."""
    for cell, size, scale in ((24, "24x12", 2), (16, "32x16", 1), (12, "24x12", 1)):
        if width // cell >= 160 and height // (2 * cell) >= 40:
            return [f"Uni2-Terminus{size}", f"Uni2-TerminusBold{size}"], scale
    return ["Uni2-Terminus16", "Uni2-TerminusBold16"], 1


def text_of(picture, fonts=None):
    """The screen's lines. Whatever is not the paper's colour, the upper left pixel's, is ink."""
    if fonts is None:
        fonts, scale = fonts_of(picture.width, picture.height)
        picture = picture.reduced(scale)
    known = [glyphs(name) for name in fonts]
    width, height, _ = known[0]
    characters = {bits: c for _, _, found in reversed(known) for bits, c in found.items()}
    paper = picture.at(picture.width - 1, picture.height - 1)
    lines = []
    for top in range(0, picture.height - height + 1, height):
        line = ""
        for left in range(0, picture.width - width + 1, width):
            value = 0
            for y in range(top, top + height - height // 8):
                start = 3 * (y * picture.width + left)
                row = picture.pixels[start:start + 3 * width]
                if row == bytes(paper) * width:
                    value <<= width
                    continue
                for x in range(width):
                    value = value << 1 | (tuple(row[3 * x:3 * x + 3]) != paper)
            line += characters.get(value, "\N{REPLACEMENT CHARACTER}")
        lines.append(line.rstrip())
    return lines


def shot(bench, running):
    return Picture(running.screendump(bench.folder / "screen.ppm"))


def wait_for_screen(bench, running, there, seconds=30):
    """The first screendump of which `there` is true."""
    for _ in range(seconds * 2):
        picture = shot(bench, running)
        if there(picture):
            return picture
        running.read(0.5)
    pytest.fail(f"not seen; the screen: {text_of(picture)}")
