#include "kernel/memory_options.h"

#include "kernel/nearest.h"

namespace kernel {
namespace {

struct Word {
  std::string_view text;
  int value;
};

// Linux's kstrtobool(): 1, y, on and their opposites.
constexpr Word kSwitch[] = {{"1", 1}, {"0", 0}, {"on", 1}, {"off", 0}, {"y", 1}, {"n", 0}};

// The value of the option among `words`; nothing, and a line, when it is none of them.
std::optional<int> one_of(const Option& option, std::span<const Word> words,
                          const mm::Printer& out) {
  for (const Word& word : words) {
    if (word.text == option.value) return word.value;
  }
  out.part("{}={}: not one of", option.name, option.value);
  for (const Word& word : words) {
    out.part(" {}", word.text);
  }
  Nearest nearest(option.value);
  for (const Word& word : words) nearest.offer(word.text);
  nearest.print(out);
  out.text("\n");
  return std::nullopt;
}

void set_core(mm::CoreAmount& core, const Option& option, const char* who, const mm::Printer& out) {
  const auto amount = mm::parse_core_amount(option.value, who);
  if (amount.ok()) {
    core = amount.value();
  } else {
    refuse(option, amount.error(), out);
  }
}

// As Linux does, in its words: what is poisoned is not zeroed.
void settle_contents(mm::PageContents& contents, const mm::Printer& out) {
  if (contents.poison && (contents.zero_on_alloc || contents.zero_on_free)) {
    out.line(
        "mem auto-init: CONFIG_PAGE_POISONING is on, will take precedence over init_on_alloc and "
        "init_on_free");
    contents.zero_on_alloc = contents.zero_on_free = false;
  }
  if (!contents.fills() && !contents.zero_on_alloc) return;
  const auto how = [](bool on) { return on ? "on" : "off"; };
  out.line("mem auto-init: stack:off, heap alloc:{}, heap free:{}", how(contents.zero_on_alloc),
           how(contents.zero_on_free));
}

}  // namespace

MemoryOptions memory_options(const Options& options, const mm::Printer& out) {
  MemoryOptions memory;
  std::optional<bool> absent;
  options.for_each([&](const Option& option) {
    if (option.name == "early") {
      constexpr Word kRoads[] = {{"bootmem", static_cast<int>(mm::Road::Bootmem)},
                                 {"memblock", static_cast<int>(mm::Road::Memblock)}};
      if (const auto road = one_of(option, kRoads, out)) memory.road = static_cast<mm::Road>(*road);
    } else if (option.name == "numa") {
      constexpr Word kWords[] = {{"on", 0}, {"off", 1}};
      if (const auto off = one_of(option, kWords, out)) memory.numa_off = *off != 0;
    } else if (option.name == "mem_map") {
      constexpr Word kWords[] = {{"stretch", 0}, {"pieces", 1}};
      if (const auto in = one_of(option, kWords, out)) memory.mem_map_in_pieces = *in != 0;
    } else if (option.name == "mtrr_trim") {
      constexpr Word kWords[] = {{"on", 1}, {"off", 0}};
      if (const auto on = one_of(option, kWords, out)) memory.trim_uncached = *on != 0;
    } else if (option.name == "disable_mtrr_trim") {
      memory.trim_uncached = false;
    } else if (option.name == "node_order") {
      constexpr Word kOrders[] = {{"distance", static_cast<int>(mm::NodeOrder::Distance)},
                                  {"ring", static_cast<int>(mm::NodeOrder::Ring)}};
      if (const auto order = one_of(option, kOrders, out)) {
        memory.order = static_cast<mm::NodeOrder>(*order);
      }
    } else if (option.name == "page_poison") {
      if (const auto on = one_of(option, kSwitch, out)) memory.contents.poison = *on != 0;
    } else if (option.name == "debug_pagealloc") {
      if (const auto on = one_of(option, kSwitch, out)) absent = *on != 0;
    } else if (option.name == "init_on_alloc") {
      if (const auto on = one_of(option, kSwitch, out)) memory.contents.zero_on_alloc = *on != 0;
    } else if (option.name == "init_on_free") {
      if (const auto on = one_of(option, kSwitch, out)) memory.contents.zero_on_free = *on != 0;
    } else if (option.name == "movable_node") {
      memory.movable.movable_node = true;
    } else if (option.name == "kernelcore" && option.value == "mirror") {
      memory.movable.mirror = true;
    } else if (option.name == "kernelcore") {
      set_core(memory.movable.kernelcore, option, "kernelcore", out);
    } else if (option.name == "movablecore") {
      set_core(memory.movable.movablecore, option, "movablecore", out);
    }
  });
  if (memory.movable.movable_node) memory.movable.mirror = false;
  memory.contents.absent = absent.value_or(memory.contents.poison);
  settle_contents(memory.contents, out);
  return memory;
}

mm::E820Changes change_e820(const Options& options, mm::E820Table& e820, const mm::Printer& out) {
  mm::E820Changes changes;
  options.for_each([&](const Option& option) {
    mm::Result<> done;
    if (option.name == "mem") done = mm::apply_mem(option.value, e820, changes, out);
    if (option.name == "memmap") done = mm::apply_memmap(option.value, e820, changes, out);
    if (!done.ok()) refuse(option, done.error(), out);
  });
  return changes;
}

std::array<mm::NamedBytes, 2> option_trims(const mm::E820Changes& changes) {
  return {mm::NamedBytes{"mem=", changes.taken_by_mem},
          mm::NamedBytes{"memmap=", changes.taken_by_memmap}};
}

}  // namespace kernel
