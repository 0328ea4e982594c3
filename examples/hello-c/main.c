/* A kernel for Baton, in C: prints the memory that it was given, on the serial port and the screen.
 *
 *     make run KERNEL=examples/hello-c */
#include "examples/glyphs.h"
#include "examples/machine.h"

BATON_NOTE(65536);

enum { DOT = 2, LEFT = 8 };

static const struct baton_handoff* handoff;
static uint32_t column = LEFT, line = LEFT;

static void dot(uint32_t x, uint32_t y, int on) {
  const struct baton_framebuffer* screen = &handoff->framebuffer;
  uint32_t* pixels = (uint32_t*)baton_at(handoff, screen->address);
  if (x < screen->width && y < screen->height) {
    pixels[(uint64_t)y * screen->pixels_per_line + x] = on ? 0xffffffffu : 0;
  }
}

static void draw(char c) {
  uint32_t x, y;
  if (c == '\n') {
    column = LEFT;
    line += (GLYPH_HEIGHT + 2) * DOT;
    return;
  }
  for (y = 0; y < GLYPH_HEIGHT * DOT; ++y) {
    for (x = 0; x < GLYPH_WIDTH * DOT; ++x) {
      dot(column + x, line + y, glyph_of(c) >> (y / DOT * GLYPH_WIDTH + x / DOT) & 1);
    }
  }
  column += (GLYPH_WIDTH + 1) * DOT;
}

static void put(const char* text) {
  for (; *text != '\0'; ++text) {
    if (*text == '\n') machine_put(handoff, '\r');
    machine_put(handoff, *text);
    if (handoff->framebuffer.address != 0 && handoff->framebuffer.format <= BATON_PIXEL_BGRX) {
      draw(*text);
    }
  }
}

static void put_hex(uint64_t value) {
  char text[17] = {0};
  int i;
  for (i = 0; i < 16; ++i) text[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
  put(text);
}

static const char* name_of(uint32_t type) {
  static const char* const names[] = {"nothing",   "usable",   "reserved",
                                      "ACPI data", "ACPI NVS", "unusable"};
  return type < sizeof(names) / sizeof(names[0]) ? names[type] : "reserved";
}

BATON_ENTRY void kernel_entry(void* argument) {
  const struct baton_e820_entry* entries;
  uint32_t i;
  handoff = BATON_HANDOFF_AT(argument);
  if (!baton_is_good(handoff)) machine_halt(); /* nothing of it can be believed, not even a port */
  put("hello from C, started by ");
  put(handoff->names.loader);
  put("\n");
  entries = (const struct baton_e820_entry*)baton_at(handoff, handoff->e820.address);
  for (i = 0; i < handoff->e820.count; ++i) {
    put_hex(entries[i].start);
    put("-");
    put_hex(entries[i].end - 1);
    put(" ");
    put(name_of(entries[i].type));
    put("\n");
  }
  if (is_asked_for(handoff, "poweroff")) machine_power_off(handoff);
  put("hello: nothing more to do\n");
  machine_halt();
}
