// Any lines at the prompt: each is answered, none harms the allocator, and what was taken by hand comes
// back. Left out are commands whose work is theirs to choose (memtest, stress, selftest, bench).
#include "kernel/monitor/monitor.h"

#include "kernel/monitor/arguments.h"
#include "mm/audit.h"
#include "tests/fuzz/target.h"
#include "tests/support/booted.h"

namespace {

using fuzz::check;

constexpr const char* kMachine =
    "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
    "BIOS-e820: [mem 0x0000000000100000-0x0000000003ffffff] usable\n"
    "BIOS-e820: [mem 0x00000000fec00000-0x00000000fec00fff] reserved\n";

bool takes_long(std::string_view line) {
  const std::string_view command = kernel::take_word(line);
  for (const char* word : {"memtest", "stress", "selftest", "bench"}) {
    if (command == word) return true;
  }
  return false;
}

std::string answer(test::BootedMachine& machine, std::string_view line) {
  return fuzz::printed_by([&](const mm::Printer& out) {
    try {
      kernel::run_command(*machine, line, out);
    } catch (const char* end) {  // the pretended machine's, which goes on
      out.line("{}", end);
    }
  });
}

}  // namespace

FUZZ_TARGET(monitor) {
  // The same for all: it is to be after each as it was before.
  static test::BootedMachine machine(kMachine);
  const mm::PageAllocatorCore& pages = machine->relay.pages();
  const auto in_all = [&] {
    mm::ZoneCounts sum;
    for (mm::NodeId node = 0; node < pages.node_count(); ++node) sum += pages.node_counts(node);
    return sum.allocated();
  };
  const uint64_t allocated = in_all();
  fuzz::Input input(data, size);
  for (int lines = 0; lines < 16 && !input.empty(); ++lines) {
    std::string line;
    while (!input.empty() && line.size() < 255) {
      const char c = static_cast<char>(input.byte());
      if (c == '\n') break;
      line += c >= ' ' && c <= '~' ? c : '?';
    }
    if (takes_long(line)) continue;
    const std::string said = answer(machine, line);
    check(said.empty() || said.back() == '\n');
    std::string_view word = line;
    if (kernel::take_word(word).empty()) check(said.empty());
  }
  (void)answer(machine, "free all");
  check(mm::audit(pages).ok());
  check(in_all() == allocated);
}
