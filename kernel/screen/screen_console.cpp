#include "kernel/screen/screen_console.h"

#include "kernel/arch.h"
#include "kernel/console.h"
#include "kernel/screen/screen.h"
#include "kernel/spent.h"

namespace kernel {
namespace {

constinit Screen the_screen;

void write(std::string_view text) {
  const Spending spending(spent.screen);
  the_screen.write(text);
}

void flush() {
  const Spending spending(spent.screen);
  the_screen.flush();
}

mm::Result<> open(const loader::HandoffFramebuffer& facts, const mm::DirectMap& map) {
  const Spending spending(spent.screen);
  const mm::Phys start{facts.address};
  const auto base = reinterpret_cast<uintptr_t>(map.at(start));
  for (uint64_t at = base; at < base + facts.size;) {
    const auto mapping = arch::find_mapping(at);
    if (!mapping || !mapping->writable) {
      return mm::Error{"not mapped for writing (address {:#x}, size {})", "framebuffer",
                       facts.address, facts.size};
    }
    at = mapping->virt + mapping->size;
  }
  (void)arch::combine_writes(base, facts.size, map);
  const Framebuffer framebuffer = BATON_TRY(Framebuffer::make(facts, map.at(start)));
  the_screen.open(framebuffer, arch::microseconds);
  return {};
}

}  // namespace

Screen& screen() { return the_screen; }

mm::Result<> open_screen_console(const loader::HandoffFramebuffer& facts,
                                 const mm::DirectMap& map) {
  if (facts.address == 0) return {};
  BATON_TRY(open(facts, map));
  if (!console().add_output(write, flush)) {
    return mm::Error{"the console has too many outputs", "framebuffer"};
  }
  return {};
}

}  // namespace kernel
