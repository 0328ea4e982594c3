#include "kernel/memtest/memtest.h"

#include <algorithm>
#include <bit>

#include "kernel/memtest/overnight.h"
#include "kernel/nearest.h"
#include "mm/size_text.h"

namespace kernel {

using mm::Pfn;

// --- Options -------------------------------------------------------------------------------------

namespace {

constexpr unsigned kMostPasses = 1'000'000;

// Takes words one by one; each kind may be there once.
class MemtestWords {
 public:
  MemtestWords(size_t nodes, const mm::Printer& out) : nodes_(nodes), out_(out) {}

  [[nodiscard]] const MemtestOptions& options() const { return options_; }

  bool take(std::string_view word) {
    constexpr std::string_view kNode = "node:", kCpu = "cpu:";
    if (word == "quick") return depth(word, Depth::Quick);
    if (word == "full") return depth(word, Depth::Full);
    if (word == kOvernight) return overnight(word);
    if (word.starts_with(kNode)) return node(word, word.substr(kNode.size()));
    if (word == "in-turn") return testers(word, Testers::InTurn);
    if (word.starts_with(kCpu)) return cpu(word, word.substr(kCpu.size()));
    if (word == kPlain) return form(word, nullptr);
    for (const RunForm& known : arch::run_forms()) {
      if (word == known.name) return form(word, &known);
    }
    if (!word.empty() && word.front() >= '0' && word.front() <= '9') return passes(word);
    Nearest nearest(word);
    for (const std::string_view known : {"quick", "full", "node:0", "in-turn", "cpu:0"})
      nearest.offer(known);
    nearest.offer(kOvernight);
    nearest.offer(kPlain);
    for (const RunForm& known : arch::run_forms()) nearest.offer(known.name);
    out_.part(
        "memtest: \"{}\": not one of quick, full, a number of passes, overnight, node:N, in-turn, "
        "cpu:N, plain",
        word);
    for (const RunForm& known : arch::run_forms()) out_.part(", {}", known.name);
    nearest.print(out_);
    out_.text("\n");
    return false;
  }

 private:
  static constexpr std::string_view kPlain = "plain", kOvernight = "overnight";

  bool wrong(std::string_view word, const char* why) {
    out_.line("memtest: \"{}\": {}", word, why);
    return false;
  }
  bool depth(std::string_view word, Depth depth) {
    if (depth_given_)
      return wrong(word, "quick and full exclude each other; give one of them, once");
    depth_given_ = true;
    options_.depth = depth;
    return true;
  }
  bool passes(std::string_view word) {
    const auto passes = mm::number_of(word, 10, kMostPasses);
    if (!passes || *passes == 0) return wrong(word, "the number of passes is 1 to 1000000");
    if (passes_given_) return wrong(word, "the number of passes is given already");
    passes_given_ = true;
    options_.passes = static_cast<unsigned>(*passes);
    return true;
  }
  bool overnight(std::string_view word) {
    if (passes_given_) return wrong(word, "the number of passes is given already");
    passes_given_ = options_.overnight = true;
    return true;
  }
  bool node(std::string_view word, std::string_view digits) {
    const auto node = mm::number_of(digits, 10, mm::kMaxNodes);
    if (options_.node) return wrong(word, "a node is given already; without one all are tested");
    if (!node || *node >= nodes_) {
      out_.line("memtest: \"{}\": no such node; this machine has node:0 to node:{}", word,
                nodes_ - 1);
      return false;
    }
    options_.node = static_cast<mm::NodeId>(*node);
    return true;
  }

  bool testers(std::string_view word, Testers testers) {
    if (options_.testers != Testers::Together) {
      return wrong(word, "which CPUs test is given already; without it all do, together");
    }
    options_.testers = testers;
    return true;
  }
  bool cpu(std::string_view word, std::string_view digits) {
    const auto cpu = mm::number_of(digits, 10, cpus().all().size());
    if (!cpu || !cpus().is_online(static_cast<unsigned>(*cpu))) {
      return wrong(word, "no such CPU is online");
    }
    options_.cpu = static_cast<unsigned>(*cpu);
    return testers(word, Testers::One);
  }

  bool form(std::string_view word, const RunForm* form) {
    if (form != nullptr && !form->there) return wrong(word, "this CPU has no such registers");
    if (options_.form) return wrong(word, "how words are swept is given already");
    options_.form = form;
    return true;
  }

  size_t nodes_;
  mm::Printer out_;
  MemtestOptions options_;
  bool depth_given_ = false, passes_given_ = false;
};

}  // namespace

std::optional<MemtestOptions> parse_memtest(std::string_view words, size_t nodes,
                                            const mm::Printer& out) {
  MemtestWords taken(nodes, out);
  while (!words.empty()) {
    const size_t end = words.find_first_of(", ");
    if (!taken.take(words.substr(0, end))) return {};
    if (end == std::string_view::npos) break;
    words.remove_prefix(end + 1);
  }
  return taken.options();
}

// --- Forms ---------------------------------------------------------------------------------------

namespace {

const RunForm* widest_form() {
  const RunForm* widest = nullptr;
  for (const RunForm& form : arch::run_forms()) {
    if (form.there) widest = &form;
  }
  return widest;
}

}  // namespace

const RunForm* form_of(const MemtestOptions& options, PatternId pattern, unsigned pass) {
  if (options.form) return *options.form;
  return pattern == PatternId::MovingOnesZeros || pass % 2 != 0 ? nullptr : widest_form();
}

void print_forms(const MemtestOptions& options, const mm::Printer& out) {
  const RunForm* const form = options.form ? *options.form : widest_form();
  if (form == nullptr) return out.line("memtest: word by word");
  out.line("memtest: words that are alike, and blocks, by {}{}", form->name,
           options.form ? "" : "; zeros and ones, and every second pass, word by word");
}

// --- Bad pages -----------------------------------------------------------------------------------

bool BadPages::add(Pfn pfn, const char* found_by) {
  const auto end = pages_.begin() + static_cast<ptrdiff_t>(count_);
  const auto at = std::lower_bound(pages_.begin(), end, pfn);
  if (at != end && *at == pfn) return false;
  if (count_ == kRoom) {
    ++not_listed_;
    return false;
  }
  const auto finder = finders_.begin() + (at - pages_.begin());
  std::copy_backward(finder, finders_.begin() + static_cast<ptrdiff_t>(count_),
                     finders_.begin() + static_cast<ptrdiff_t>(count_) + 1);
  *finder = found_by;
  std::copy_backward(at, end, end + 1);
  *at = pfn;
  ++count_;
  return true;
}

namespace {

// Calls visit(range) for each run of pages in a row.
template <class Visit>
void each_run(std::span<const Pfn> pages, Visit visit) {
  for (size_t i = 0; i < pages.size();) {
    size_t end = i + 1;
    while (end < pages.size() && pages[end] == pages[i] + (end - i)) ++end;
    visit(mm::PfnRange{pages[i], pages[i] + (end - i)});
    i = end;
  }
}

}  // namespace

void BadPages::print(const mm::Printer& out) const {
  out.line("memtest: {} bad pages, {} KiB, taken out of use", count_,
           count_ * mm::kPageSize / mm::kKiB);
  if (not_listed_ != 0) {
    out.line("memtest: {} errors in further pages, for which the list has no room: still in use",
             not_listed_);
  }
  out.part("memtest: Linux:");
  each_run(list(), [&](mm::PfnRange run) {
    out.part(" memmap={}K${}", run.size() * mm::kPageSize / mm::kKiB, phys(run.start));
  });
  out.text("\n");
  // GRUB's pairs of address and mask: a run is cut into aligned powers of two.
  out.part("memtest: GRUB: badram ");
  const char* between = "";
  each_run(list(), [&](mm::PfnRange run) {
    while (!run.empty()) {
      uint64_t pages = uint64_t{1} << std::countr_zero(run.start.v | uint64_t{1} << 40);
      while (pages > run.size()) pages /= 2;
      out.part("{}{},{:#x}", between, phys(run.start), ~(pages * mm::kPageSize - 1));
      between = ",";
      run.start += pages;
    }
  });
  out.text("\n");
}

// --- Progress ------------------------------------------------------------------------------------

bool MemtestProgress::add(uint64_t bytes) {
  constexpr uint64_t kUnit = 64 * mm::kKiB;
  if (clock_ == nullptr) return false;
  if (started_ == 0) started_ = printed_ = clock_();
  if (rate_ != 0) swept_ += bytes;
  // Blocks may be as large as a GiB and rates as high as a second: no product wraps.
  rest_ += bytes / kUnit * rate_ + bytes % kUnit * rate_ / kUnit;
  done_ += rest_ / 1000;
  rest_ %= 1000;
  if (clock_() - printed_ < every_) return false;
  print();
  return true;
}

MemtestProgress::Standing MemtestProgress::standing() const {
  if (clock_ == nullptr || planned_ == 0) return {};
  const uint64_t done = std::min(done_, planned_);
  const uint64_t hundredth = std::max<uint64_t>(planned_ / 100, 1);
  uint64_t left = (planned_ - done) / 1000;
  if (done >= hundredth && started_ != 0) {
    // In thousandths of the plan.
    const uint64_t elapsed = clock_() - started_;
    const uint64_t slower = elapsed / std::max<uint64_t>(done / 1000, 1);
    left = left / 1000 * slower + left % 1000 * slower / 1000;
  }
  // What falls short by roundings only is all.
  return {std::min<uint64_t>((done + hundredth / 10) / hundredth, 100), left / 1000};
}

void MemtestProgress::print() {
  if (clock_ == nullptr || planned_ == 0) return;
  constexpr unsigned kBar = 20;
  printed_ = clock_();
  const uint64_t elapsed = printed_ - started_ == 0 ? 1 : printed_ - started_;
  const auto [percent, left] = standing();
  constexpr std::string_view kPhase = "memtest.";  // the line begins with that already
  const char* name = std::string_view(what_).starts_with(kPhase) ? what_ + kPhase.size() : what_;
  std::array<char, kBar + 1> bar{};
  for (unsigned i = 0; i < kBar; ++i) bar[i] = i < percent * kBar / 100 ? '#' : '.';
  out_.line("memtest: [{}] {:3}%  {} MB/s  {}:{:02} left  {}", bar.data(), percent,
            swept_ / elapsed, left / 60, left % 60, name);
}

// --- Memory --------------------------------------------------------------------------------------

uint64_t TakenMemory::take(mm::PageAllocator<Policy>& pages, unsigned cpu, mm::NodeId node) {
  // Every zone of this node, down to its last page.
  constexpr mm::Gfp kAll = mm::kGfpFlagThisNode | mm::kGfpFlagMemAlloc | mm::kGfpFlagNoWarn |
                           mm::kGfpFlagHighMem | mm::kGfpFlagMovable;
  Part part{node, count_, count_};
  uint64_t bytes = 0;
  pages.drain(cpu);
  for (unsigned order = mm::kOrders; order-- > 0;) {
    for (;;) {
      if (count_ == kRoom) {
        incomplete_ = true;
        break;
      }
      const mm::PagesOr block = pages.alloc_pages(cpu, kAll, order, node);
      if (!block) break;
      blocks_[count_++] = block.value().v << 8 | order;
      bytes += mm::kPageSize << order;
    }
  }
  part.end = count_;
  std::sort(blocks_.begin() + static_cast<ptrdiff_t>(part.first),
            blocks_.begin() + static_cast<ptrdiff_t>(count_));
  for (size_t i = part.first; i < part.end; ++i) {
    before_[i] = part.chunks;
    part.chunks += ((*this)[i].size() + patterns::kChunk - 1) / patterns::kChunk;
  }
  parts_[part_count_++] = part;
  return bytes;
}

mm::Result<> TakenMemory::give_back(mm::PageAllocator<Policy>& pages, unsigned cpu) {
  mm::Result<> result;
  for (size_t i = 0; i < count_; ++i) {
    const auto order = static_cast<unsigned>(blocks_[i] & 0xff);
    const mm::Freed freed = pages.free_pages(cpu, Pfn{blocks_[i] >> 8}, order);
    if (!freed && result.ok()) result = freed.result();
  }
  count_ = part_count_ = 0;
  incomplete_ = false;
  pages.drain(cpu);
  return result;
}

void TakenMemory::start(bool up) {
  up_ = up;
  for (size_t i = 0; i < part_count_; ++i) {
    __atomic_store_n(&parts_[i].fetched, 0, __ATOMIC_RELEASE);
  }
}

std::optional<mm::Range> TakenMemory::fetch(mm::NodeId node) {
  size_t own = 0;
  while (own + 1 < part_count_ && parts_[own].node != node) ++own;
  for (size_t i = 0; i < part_count_; ++i) {
    Part& part = parts_[(own + i) % part_count_];
    if (__atomic_load_n(&part.fetched, __ATOMIC_RELAXED) >= part.chunks) continue;
    const uint64_t number = __atomic_fetch_add(&part.fetched, 1, __ATOMIC_RELAXED);
    if (number < part.chunks) return chunk(part, up_ ? number : part.chunks - 1 - number);
  }
  return std::nullopt;
}

void TakenMemory::print_nodes(const mm::Printer& out) const {
  if (part_count_ < 2) return;
  const char* before = "memtest: of this sweep";
  for (size_t i = 0; i < part_count_; ++i) {
    const Part& part = parts_[i];
    const uint64_t fetched =
        std::min(__atomic_load_n(&part.fetched, __ATOMIC_RELAXED), part.chunks);
    out.part("{} node {} {}%", before, part.node,
             part.chunks == 0 ? 100 : fetched * 100 / part.chunks);
    before = ",";
  }
  out.text("\n");
}

mm::Range TakenMemory::chunk(const Part& part, uint64_t number) const {
  const auto first = before_.begin() + static_cast<ptrdiff_t>(part.first);
  const auto end = before_.begin() + static_cast<ptrdiff_t>(part.end);
  const auto block =
      static_cast<size_t>(std::upper_bound(first, end, number) - before_.begin()) - 1;
  const mm::Range range = (*this)[block];
  const mm::Phys start = range.start + (number - before_[block]) * patterns::kChunk;
  return {start, range.end - start < patterns::kChunk ? range.end : start + patterns::kChunk};
}

mm::Range TakenMemory::operator[](size_t i) const {
  const mm::Phys start = mm::phys(Pfn{blocks_[i] >> 8});
  return {start, start + (mm::kPageSize << (blocks_[i] & 0xff))};
}

bool TakenMemory::contains(mm::Phys address) const {
  for (size_t i = 0; i < count_; ++i) {
    if ((*this)[i].contains(address)) return true;
  }
  return false;
}

// --- What the hardware tells ---------------------------------------------------------------------

mm::NodeId MemoryPlaces::node(mm::Phys address) const {
  const mm::Node* const node = pages->node_of(mm::pfn_down(address));
  return node == nullptr ? mm::NodeId{0} : node->id;
}

Answering MemoryPlaces::answering(mm::Phys address) const {
  return modules == nullptr ? Answering{} : modules->answering(address);
}

void MemoryPlaces::print(mm::Phys address, unsigned cpu, const mm::Printer& out) const {
  out.part(" at {:#x} (node {}", address.v, node(address));
  if (const Answering who = answering(address); who.modules.count() != 0) {
    out.text(", ");
    modules->print(who.modules, out);
  }
  if (cpus().online() > 1) out.part(", seen by CPU {}", cpu);
  out.text(")");
}

bool under_test(const MemtestState& state, mm::Pfn pfn) {
  return state.sample.contains(mm::phys(pfn)) || state.taken.contains(mm::phys(pfn));
}

void take_hardware_error(MemtestState& state, const HardwareError& error,
                         const MemoryPlaces& places, const mm::Printer& out) {
  constexpr uint64_t kLinesShown = 16;
  const Policy::Masked masked;
  const Held held(state.lock);
  state.told.add(error);
  const bool placed = !error.where.empty();
  const Answering who = placed ? places.answering(error.where.start) : Answering{};
  state.of_modules.add(who, placed ? std::optional(places.node(error.where.start)) : std::nullopt,
                       error.corrected ? ModuleErrors::Kind::Corrected : ModuleErrors::Kind::Lost,
                       error.count);
  if (!error.corrected && placed) {
    for (mm::Phys at = mm::align_down(error.where.start, mm::kPageSize); at < error.where.end;
         at += mm::kPageSize) {
      const mm::FrameUse use = places.pages->owner_of(mm::pfn_down(at)).use;
      if (use < mm::FrameUse::Free) continue;
      if (state.bad.add(mm::pfn_down(at), "machine check")) state.of_modules.add_page(who);
    }
  }
  if (++state.told_lines > kLinesShown) {
    if (state.told_lines == kLinesShown + 1) {
      out.line("memtest: more of what the hardware tells is only counted");
    }
    return;
  }
  out.part("memtest: {} error", error.corrected ? "corrected" : "uncorrected");
  if (!placed) {
    out.part(" without an address, CPU {}", error.cpu);
  } else {
    places.print(error.where.start, error.cpu, out);
  }
  out.line(": {}, bank {}, status {:016x}", error.kind, error.bank, error.status);
}

// --- The outcome ---------------------------------------------------------------------------------

void print_outcome(const MemtestState& state, unsigned passes, const mm::Printer& out) {
  if (!state.told.empty()) {
    out.line("memtest: the hardware told of {} corrected and {} uncorrected errors",
             state.told.corrected(), state.told.uncorrected());
    state.told.print("memtest", out);
  }
  state.of_modules.print(state.modules, out);
  if (!state.bad.empty()) return state.bad.print(out);
  out.part("memtest: {} MiB, {} pass{}, took ", state.tested / mm::kMiB, passes,
           passes == 1 ? "" : "es");
  print_time(state.earlier + state.progress.elapsed(), out);
  out.line(": no bad pages");
}

}  // namespace kernel
