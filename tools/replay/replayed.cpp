#include "tools/replay/replayed.h"

#include <algorithm>
#include <utility>

#include "mm/option_words.h"
#include "mm/platform.h"
#include "mm/relay_ledger.h"
#include "tools/replay/said.h"

namespace replay {

using mm::E820Entry;
using mm::E820Type;
using mm::Phys;
using mm::Range;

mm::Result<uint64_t> Replayed::take(Range range, const char* why, bool remove) {
  for (const E820Entry& entry : relay_->e820().entries()) {
    const Range part = entry.range.clip(range);
    if (entry.type == E820Type::Ram && !part.empty()) taken_.push_back({why, part});
  }
  if (remove) return relay_->e820().remove(range, E820Type::Ram);
  return relay_->e820().update(range, E820Type::Ram, E820Type::Reserved);
}

mm::Result<> Replayed::take_away() {
  uint64_t mtrr = 0;
  uint64_t above = 0;
  uint64_t low = 0;
  if (machine_.end_of_low && machine_.end_of_reach) {
    above = BATON_TRY(take({*machine_.end_of_reach, Phys{mm::kMaxPhys}}, kAbove32Bits, true));
  }
  uint64_t ignored = 0;
  for (const Range& range : machine_.ignored) {
    ignored += BATON_TRY(take(range, kNoHighMem, true));
  }
  for (const Range& trim : machine_.mtrr_trims) mtrr += BATON_TRY(take(trim, kMtrr));
  if (!machine_.low_trim.empty()) low = BATON_TRY(take(machine_.low_trim, kLowRam));
  trims_.push_back({kMtrr, mtrr});  // always spoken of, the others where there is something to say
  if (above != 0) trims_.push_back({kAbove32Bits, above});
  if (low != 0) trims_.push_back({kLowRam, low});
  if (ignored != 0) trims_.push_back({kNoHighMem, ignored});
  return {};
}

namespace {

mm::Result<> apply(const mm::OptionWord& word, mm::E820Table& map, mm::E820Changes& changes,
                   const mm::Printer& out) {
  if (word.name == "mem") return mm::apply_mem(word.value, map, changes, out);
  if (word.name == "memmap") return mm::apply_memmap(word.value, map, changes, out);
  return {};
}

mm::Result<> take_core(const mm::OptionWord& word, mm::MovableOptions& movable) {
  if (word.name == "movable_node") movable.movable_node = true;
  if (word.name == "movablecore") {
    movable.movablecore = BATON_TRY(mm::parse_core_amount(word.value, "movablecore"));
  }
  if (word.name == "kernelcore") {
    movable.mirror = word.value == "mirror";
    if (!movable.mirror) {
      movable.kernelcore = BATON_TRY(mm::parse_core_amount(word.value, "kernelcore"));
    }
  }
  return {};
}

// `early=`, which road is taken.
mm::Result<mm::Road> road_of(std::string_view words, mm::Road road) {
  for (;;) {
    const mm::OptionWord word = mm::take_option_word(words);
    if (word.text.empty()) return road;
    if (word.name != "early") continue;
    if (word.value != "memblock" && word.value != "bootmem") {
      return mm::Error{"is bootmem or memblock", "early="};
    }
    road = word.value == "bootmem" ? mm::Road::Bootmem : mm::Road::Memblock;
  }
}

}  // namespace

// Where RAM ends, options taken: memmap= may add some.
mm::Result<Phys> Replayed::end_with(const std::string& words) const {
  const mm::Pfn limit = machine_.platform().max_pfn;
  if (words.empty()) return mm::phys(first_.last_pfn(limit));
  std::vector<E820Entry> storage(first_storage_.size() + mm::E820Table::capacity_for(words.size()));
  mm::E820Table map(storage);
  BATON_TRY(map.adopt(first_.entries()));
  mm::E820Changes changes;
  for (std::string_view rest = words;;) {
    const mm::OptionWord word = mm::take_option_word(rest);
    if (word.text.empty()) break;
    BATON_TRY(apply(word, map, changes, mm::Printer()));
  }
  return mm::phys(std::max(map.last_pfn(limit), first_.last_pfn(limit)));
}

mm::Result<> Replayed::take_options(const std::string& words) {
  for (std::string_view rest = words;;) {
    const mm::OptionWord word = mm::take_option_word(rest);
    if (word.text.empty()) break;
    BATON_TRY(apply(word, relay_->e820(), changes_, into(log_)));
    BATON_TRY(take_core(word, movable_));
  }
  mm::print_user_map(relay_->e820(), changes_, into(log_));
  for (const mm::NamedBytes trim : {mm::NamedBytes{"mem=", changes_.taken_by_mem},
                                    mm::NamedBytes{"memmap=", changes_.taken_by_memmap}}) {
    if (trim.bytes != 0) trims_.push_back(trim);
  }
  return {};
}

namespace {

// In ascending order, what overlaps as one, under the name of its first.
std::vector<NamedRange> joined(std::vector<NamedRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const NamedRange& a, const NamedRange& b) { return a.range.start < b.range.start; });
  std::vector<NamedRange> apart;
  for (NamedRange& each : ranges) {
    if (!apart.empty() && each.range.start < apart.back().range.end) {
      apart.back().range.end = std::max(apart.back().range.end, each.range.end);
    } else {
      apart.push_back(std::move(each));
    }
  }
  return apart;
}

}  // namespace

mm::Result<> Replayed::reserve_first(const std::vector<NamedRange>& reserved) {
  reserved_storage_.resize(2 * (machine_.kept.size() + reserved.size()) + 4);
  reserved_first_ = mm::EarlyRes(reserved_storage_);
  // A device tree may say it twice, in its block and its nodes.
  for (const NamedRange& each : joined(machine_.kept)) {
    BATON_TRY(reserved_first_.reserve_overlap_ok(each.range, each.name.c_str()));
  }
  for (const NamedRange& each : reserved) {
    BATON_TRY(reserved_first_.reserve(each.range, each.name.c_str()));
  }
  return {};
}

void Replayed::close_ledger() {
  const mm::LedgerFacts facts{
      .firmware = firmware_, .added = changes_.added_by_memmap, .trims = trims_};
  const auto closed = mm::close_ledger(*relay_, relay_->pages(), facts, into(ledger_));
  if (!closed.ok()) into(open_).error("ledger", closed.error());
}

// Nothing is placed in RAM that is ignored, which is RAM for all that.
mm::Result<> Replayed::take_over() {
  const auto hand_over = [&](std::span<const E820Entry> entries) {
    return relay_->take_over(entries, reserved_first_.entries(),
                             mm::phys(relay_->platform().max_pfn), memory_->end_of_low());
  };
  if (machine_.ignored.empty()) return hand_over(first_.entries());
  std::vector<E820Entry> storage(first_storage_.size());
  mm::E820Table used(storage);
  BATON_TRY(used.adopt(first_.entries()));
  for (const Range& range : machine_.ignored) BATON_TRY(used.remove(range, E820Type::Ram));
  BATON_TRY(hand_over(used.entries()));
  for (const E820Entry& entry : first_.entries()) {
    if (entry.type != E820Type::Ram) continue;
    for (const Range& range : machine_.ignored) {
      const Range part = entry.range.clip(range);
      if (!part.empty()) BATON_TRY(relay_->e820().append(part, E820Type::Ram));
    }
  }
  return {};
}

mm::Result<> Replayed::run(Machine machine, const ReplayOptions& options) {
  machine_ = std::move(machine);
  first_storage_.resize(machine_.room_for_map());
  first_ = BATON_TRY(machine_.map(first_storage_));
  const mm::Platform platform = machine_.platform();
  const mm::Road road = BATON_TRY(road_of(options.words, options.road));
  const Phys end = BATON_TRY(end_with(options.words));
  BATON_TRY(reserve_first(options.reserved));
  if (end == Phys{0}) return mm::Error{"there is no RAM"};
  memory_.emplace(end);
  const mm::Printer out = into(log_);
  relay_ = std::make_unique<mm::Relay<mm::OneCpu>>(platform, memory_->map(/*sparing=*/true), out);
  BATON_TRY(take_over());
  firmware_ = mm::account_firmware_ram(mm::claims_of(machine_.said()), relay_->e820());
  relay_->e820().print(out, "BIOS-e820");
  BATON_TRY(take_options(options.words));
  if (platform.trim != nullptr) BATON_TRY(relay_->trim());
  BATON_TRY(take_away());
  mm::NumaInput numa;
  numa.memory = machine_.srat;
  numa.named = machine_.named;
  if (movable_.mirror) numa.mirrored = machine_.mirrored;
  uint32_t rows = 0;
  while (size_t{rows} * rows < machine_.distances.size()) domains_.push_back(rows++);
  BATON_TRY(relay_->finish({.numa = numa,
                            .movable = movable_,
                            .window = memory_->window(),
                            .road = road,
                            .distances = {machine_.distances, rows, domains_}}));
  close_ledger();
  return {};
}

}  // namespace replay
