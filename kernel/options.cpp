#include "kernel/options.h"

#include <algorithm>
#include <array>

#include "kernel/nearest.h"

namespace kernel {
namespace {

using enum OptionRow::Value;

constexpr std::array kKnown{
    OptionRow{"mem", Needed, "mem=SIZE: use no RAM above SIZE (K, M, G, T)"},
    OptionRow{"memmap", Needed,
              "memmap=SIZE@START, #, $ or !: RAM, ACPI data, reserved or persistent"},
    OptionRow{"mem_map", Needed,
              "mem_map=pieces: as where no stretch of RAM is long enough for it"},
    OptionRow{"mtrr_trim", Needed, "mtrr_trim=off: use RAM that MTRRs leave uncached, too"},
    OptionRow{"disable_mtrr_trim", None, "disable_mtrr_trim: mtrr_trim=off, as Linux calls it"},
    OptionRow{"early", Needed,
              "early=bootmem|memblock: which road leads from reservations to buddy"},
    OptionRow{"kernelcore", Needed,
              "kernelcore=SIZE|N%|mirror: how much memory is not movable, or which"},
    OptionRow{"movablecore", Needed, "movablecore=SIZE|N%: how much memory is movable"},
    OptionRow{"movable_node", None, "movable_node: memory that can be unplugged is movable"},
    OptionRow{"node_order", Needed, "node_order=distance|ring: where else to look for memory"},
    OptionRow{"numa", Needed, "numa=off: one node, whatever the SRAT says"},
    OptionRow{"nosmp", None, "nosmp: start no CPU but the one that booted"},
    OptionRow{"maxcpus", Needed, "maxcpus=N: start N CPUs at most; 0 is nosmp"},
    OptionRow{"possible_cpus", Needed, "possible_cpus=N: keep page sets for N CPUs at most"},
    OptionRow{
        "page_poison", Needed,
        "page_poison=1: free memory holds 0xaa, is looked at when it is handed out, and faults "
        "when it is touched"},
    OptionRow{
        "debug_pagealloc", Needed,
        "debug_pagealloc=on: free memory faults when it is touched; off: not for page_poison"},
    OptionRow{"init_on_alloc", Needed, "init_on_alloc=1: memory is zeroed when it is handed out"},
    OptionRow{"init_on_free", Needed, "init_on_free=1: memory is zeroed when it is freed"},
    OptionRow{"keepinitrd", None,
              "keepinitrd: the memory of ramdisk and modules is not given back"},
    OptionRow{"nokaslr", None, "nokaslr: the kernel is where it is linked to (64 bits)"},
    OptionRow{"nopae", None, "nopae: page tables without physical address extension (32-bit PCs)"},
    OptionRow{"selftest", Optional, "selftest[=PATTERN|full|list]: run the checks"},
    OptionRow{"memtest", Optional,
              "memtest[=quick|full|N|overnight|node:N|plain|sse2|avx2|neon,...]: test the RAM, N "
              "times or until a key is pressed, of one node"},
    OptionRow{"stress", Needed,
              "stress=N: all CPUs allocate and free, N times together, and nothing is lost"},
    OptionRow{"bench", Optional,
              "bench[=half]: what the way to buddy and allocations cost (of half of memory, too)"},
    OptionRow{"noefi", None,
              "noefi: never call the firmware; variables stay, ACPI alone ends the machine"},
    OptionRow{"nomixed", None,
              "nomixed: a firmware of 32 bits starts a kernel of 32 bits, whatever the CPU has"},
    OptionRow{"guard", None,
              "guard: bad pages are kept from another system, which is started in Baton's place"},
    OptionRow{"nousb", None, "nousb: no USB keyboards; their controllers are left alone"},
    OptionRow{"show", Needed, "show=summary|map: what the monitor shows before its prompt"},
    OptionRow{"poweroff", None, "poweroff: switch the machine off at the end"},
    OptionRow{"monitor", None, "monitor: end in the monitor (also without this word)"},
    OptionRow{"panic", Optional,
              "panic[=fault|stack|ud|ub|smash|free][@CPU|@all]: break on purpose, to see how that "
              "is told"},
};

const OptionRow* known(std::string_view name) {
  const auto* row = std::find_if(kKnown.begin(), kKnown.end(),
                                 [&](const OptionRow& r) { return r.name == name; });
  return row == kKnown.end() ? nullptr : row;
}

}  // namespace

std::span<const OptionRow> known_options() { return kKnown; }

std::optional<Option> Options::find(std::string_view name) const {
  std::optional<Option> last;
  for_each([&](const Option& option) {
    if (option.name == name) last = option;
  });
  return last;
}

size_t Options::complain(const mm::Printer& out) const {
  size_t faults = 0;
  for_each([&](const Option& option) {
    const OptionRow* row = known(option.name);
    if (option.open) {
      out.line("A quote is never closed: all from here on is one word: {}", option.text);
      ++faults;
    }
    if (row == nullptr) {
      Nearest nearest(option.name);
      for (const OptionRow& each : kKnown) nearest.offer(each.name);
      out.part("Unknown option \"{}{}{}\": ignored", option.name, option.value.empty() ? "" : "=",
               option.value);
      nearest.print(out);
      out.text("\n");
    } else if (row->value == Needed && option.value.empty()) {
      out.line("Option \"{}\" needs a value: {}", option.name, row->help);
    } else if (row->value == None && !option.value.empty()) {
      out.line("Option \"{}\" takes no value: \"{}\" is ignored", option.name, option.value);
    } else {
      return;
    }
    ++faults;
  });
  return faults;
}

void refuse(const Option& option, const mm::Error& error, const mm::Printer& out) {
  out.part("Option \"{}\" ", option.text);
  out.error("refused", error);
  if (option.text.find('\\') != std::string_view::npos) {
    out.line(
        "  (a backslash before $ is GRUB's escape, for its own files only: leave it out here)");
  }
}

}  // namespace kernel
