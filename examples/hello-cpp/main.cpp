// The same in C++20, freestanding: memory by type, and the largest piece that nobody uses.
//
//     make run KERNEL=examples/hello-cpp
#include <span>

#include "examples/glyphs.h"
#include "examples/machine.h"

BATON_NOTE(65536);

namespace {

class Handoff {
 public:
  explicit Handoff(const baton_handoff& given) : given_(given) {}

  template <class T>
  std::span<const T> elements(const baton_array& array) const {
    return {static_cast<const T*>(baton_at(&given_, array.address)), array.count};
  }
  const baton_handoff& operator*() const { return given_; }
  const baton_handoff* operator->() const { return &given_; }

 private:
  const baton_handoff& given_;
};

// Two dots wide, downwards, and what does not fit is not seen.
class Screen {
 public:
  explicit Screen(const Handoff& handoff)
      : facts_(handoff->framebuffer),
        pixels_(static_cast<uint32_t*>(baton_at(&*handoff, facts_.address))) {}

  void draw(char c) {
    if (c == '\n') x_ = 8, y_ += 14;
    if (facts_.address == 0 || facts_.format > BATON_PIXEL_BGRX || c == '\n') return;
    for (unsigned at = 0; at < 60; ++at) {
      const unsigned x = at % 6, y = at / 6;
      const bool on = (glyph_of(c) >> (y / 2 * GLYPH_WIDTH + x / 2) & 1) != 0;
      if (x_ + x >= facts_.width || y_ + y >= facts_.height) continue;
      pixels_[uint64_t{y_ + y} * facts_.pixels_per_line + x_ + x] = on ? 0xffffffff : 0;
    }
    x_ += 8;
  }

 private:
  const baton_framebuffer& facts_;
  uint32_t* pixels_;
  uint32_t x_ = 8, y_ = 8;
};

class Out {
 public:
  explicit Out(const Handoff& handoff) : handoff_(handoff), screen_(handoff) {}
  Out& operator<<(char c) {
    if (c == '\n') machine_put(&*handoff_, '\r');
    machine_put(&*handoff_, c);
    screen_.draw(c);
    return *this;
  }
  Out& operator<<(const char* text) {
    while (*text != '\0') *this << *text++;
    return *this;
  }
  Out& operator<<(uint64_t value) {
    for (int shift = 60; shift >= 0; shift -= 4) *this << "0123456789abcdef"[value >> shift & 15];
    return *this;
  }

 private:
  const Handoff& handoff_;
  Screen screen_;
};

}  // namespace

extern "C" BATON_ENTRY void kernel_entry(void* argument) {
  const Handoff handoff(*BATON_HANDOFF_AT(argument));
  if (baton_is_good(&*handoff) == 0) machine_halt();
  Out out(handoff);
  out << "hello from C++, started by " << handoff->names.loader << "\n";
  uint64_t largest = 0;
  for (const baton_e820_entry& entry : handoff.elements<baton_e820_entry>(handoff->e820)) {
    out << entry.start << "-" << entry.end - 1
        << (entry.type == BATON_E820_RAM ? " usable\n" : "\n");
    if (entry.type != BATON_E820_RAM) continue;
    uint64_t from = entry.start;
    for (const baton_reservation& used :
         handoff.elements<baton_reservation>(handoff->reservations)) {
      if (used.end <= from || used.start >= entry.end) continue;
      if (used.start > from && used.start - from > largest) largest = used.start - from;
      from = used.end;
    }
    if (entry.end > from && entry.end - from > largest) largest = entry.end - from;
  }
  out << "largest free: " << largest << "\n";
  if (is_asked_for(&*handoff, "poweroff") != 0) machine_power_off(&*handoff);
  machine_halt();
}
