// Graphics outputs that say anything: the one that is chosen was offered, can be drawn on to its last
// pixel, and belongs to the console where such a one was offered.
#include "loader/framebuffer_choice.h"

#include "tests/fuzz/target.h"

using fuzz::check;

FUZZ_TARGET(framebuffer) {
  fuzz::Input input(data, size);
  loader::FramebufferChoice choice;
  std::vector<loader::HandoffFramebuffer> good, of_console;
  while (!input.empty()) {
    const bool console = (input.byte() & 1) != 0;
    auto offered = input.number<loader::HandoffFramebuffer>();
    choice.offer(offered, console);
    if (loader::why_not_drawn_on(offered) != nullptr) continue;
    (console ? of_console : good).push_back(offered);
  }
  const loader::HandoffFramebuffer& chosen = choice.chosen();
  const auto& among = of_console.empty() ? good : of_console;
  check((chosen.address == 0) == among.empty());
  if (among.empty()) {
    check(choice.why_none() != nullptr);
    return;
  }
  check(std::memcmp(&chosen, among.data(), sizeof chosen) == 0);
  const auto last =
      static_cast<unsigned __int128>(chosen.height - 1) * chosen.pixels_per_line + chosen.width;
  check(last * loader::bytes_per_pixel(chosen) <= chosen.size);
}
