// A CPU's memory type range registers, of any bits: every address has the type that the manual says, for as
// far as is said, and what is taken from RAM for their sake is RAM that is not written back, to the byte.
//
// The input is what the CPU has (a byte), the registers, with ranges that are as they should be where the
// byte says so, and addresses to ask about.
#include "mm/x86_64/mtrr.h"

#include <optional>

#include "mm/x86_64/e820_trim.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::check;
using mm::MemoryType;
using mm::Phys;

constexpr uint64_t kAddress = (mm::kMaxPhys - 1) & ~(mm::kPageSize - 1), kValid = 0x800;
constexpr uint64_t kFourGiB = 4 * mm::kGiB;

struct Given {
  mm::Mtrrs mtrrs;
  bool sound = false;  // each range is a power of two of bytes, at a multiple of it
};

mm::Mtrrs::Variable read_range(fuzz::Input& input, bool sound) {
  if (!sound) return {input.number<uint64_t>(), input.number<uint64_t>()};
  const uint8_t what = input.byte();
  const uint64_t size = uint64_t{1} << (12 + what % 41);
  const uint64_t base = uint64_t{input.number<uint32_t>()} << 20 & kAddress & ~(size - 1);
  const auto type =
      static_cast<uint64_t>(what < 128 ? MemoryType::WriteBack : MemoryType::Uncacheable);
  return {base | type, (kAddress & ~(size - 1)) | kValid};
}

Given read(fuzz::Input& input) {
  const uint8_t what = input.byte();
  Given given;
  given.sound = (what & 1) != 0;
  mm::Mtrrs& mtrrs = given.mtrrs;
  mtrrs.supported = (what & 2) == 0;
  mtrrs.has_fixed = (what & 4) != 0;
  mtrrs.default_type = given.sound ? 0xc00 : input.number<uint16_t>();
  if ((what & 8) != 0) mtrrs.top_of_memory = input.number<uint64_t>() & 0xffff'ff80'0000;
  if (mtrrs.has_fixed) {
    for (uint64_t& eight : mtrrs.fixed) eight = input.number<uint64_t>();
  }
  mtrrs.variable_count = input.byte() % (mm::Mtrrs::kMaxVariable + 1);
  for (size_t i = 0; i < mtrrs.variable_count; ++i)
    mtrrs.variable[i] = read_range(input, given.sound);
  return given;
}

// Intel SDM vol. 3A, section 12.11.4.1, and AMD's exception, told of one address above 1 MiB.
MemoryType type_of(const mm::Mtrrs& mtrrs, uint64_t address) {
  if (!mtrrs.supported || (mtrrs.default_type & 0x800) == 0) return MemoryType::Uncacheable;
  if (address >= kFourGiB && address < mtrrs.top_of_memory) return MemoryType::WriteBack;
  std::vector<MemoryType> types;
  for (size_t i = 0; i < mtrrs.variable_count; ++i) {
    const auto [base, mask] = mtrrs.variable[i];
    if ((mask & kValid) == 0 || ((address ^ base) & mask & kAddress) != 0) continue;
    types.push_back(static_cast<MemoryType>(base & 0xff));
  }
  if (types.empty()) return static_cast<MemoryType>(mtrrs.default_type & 0xff);
  std::sort(types.begin(), types.end());
  types.erase(std::unique(types.begin(), types.end()), types.end());
  using enum MemoryType;
  if (types.size() == 1) return types.front();
  return types == std::vector{WriteThrough, WriteBack} ? WriteThrough : Uncacheable;
}

void check_type_at(const mm::Mtrrs& mtrrs, uint64_t address) {
  const auto [type, end] = mm::memory_type_at(mtrrs, Phys{address});
  check(end.v > address && end.v <= mm::kMaxPhys && *mm::memory_type_name(type) != '\0');
  if (address < mm::kMiB) return;
  for (const uint64_t at : {address, address + (end.v - address) / 2, end.v - 1}) {
    check(type_of(mtrrs, at) == type);
  }
}

// Whether Linux's answer about a frame is the CPU's: it knows nothing of fixed ranges, and lets ranges that
// are not cached win over AMD's exception.
bool is_comparable(const mm::Mtrrs& mtrrs, uint64_t address) {
  return address >= mm::kMiB && (address < kFourGiB || address >= mtrrs.top_of_memory);
}

using Runs = std::vector<mm::PfnRange>;
Runs uncovered(const mm::Mtrrs& mtrrs) {
  std::array<mm::PfnRange, mm::kMostUncovered> room;
  size_t count = 0;
  const std::string told = fuzz::printed_by(
      [&](const mm::Printer& out) { count = mm::uncovered_frames(mtrrs, room, out); });
  check(count <= room.size() && fuzz::are_printable_lines(told));
  return {room.begin(), room.begin() + static_cast<long>(count)};
}

void check_runs(const Runs& runs, const Given& given) {
  std::optional<mm::Pfn> end;
  for (const mm::PfnRange& run : runs) {
    check(!run.empty() && (!end || run.start > *end) &&
          run.end <= mm::pfn_down(Phys{mm::kMaxPhys}));
    end = run.end;
    if (!given.sound || !given.mtrrs.supported) continue;
    for (const mm::Pfn pfn : {run.start, run.end - 1}) {
      const uint64_t at = mm::phys(pfn).v;
      check(!is_comparable(given.mtrrs, at) || type_of(given.mtrrs, at) != MemoryType::WriteBack);
    }
    if (run.end == mm::pfn_down(Phys{mm::kMaxPhys})) continue;
    const uint64_t behind = mm::phys(run.end).v;
    check(!is_comparable(given.mtrrs, behind) ||
          type_of(given.mtrrs, behind) == MemoryType::WriteBack);
  }
}

uint64_t ram_of(const mm::E820Table& e820) {
  uint64_t bytes = 0;
  for (const mm::E820Entry& entry : e820.entries()) {
    if (entry.type == mm::E820Type::Ram) bytes += entry.range.size();
  }
  return bytes;
}

void check_trim(const Runs& runs) {
  std::vector<mm::E820Entry> room(mm::E820Table::capacity_for(mm::kMostUncovered + 4));
  mm::E820Table e820(room);
  check(e820.append({Phys{0}, Phys{0x9f000}}, mm::E820Type::Ram).ok());
  check(e820.append({Phys{mm::kMiB}, Phys{3 * mm::kGiB}}, mm::E820Type::Ram).ok());
  check(e820.append({Phys{kFourGiB}, Phys{uint64_t{1} << 40}}, mm::E820Type::Ram).ok());
  const uint64_t before = ram_of(e820);
  mm::Trims trims;
  check(mm::trim_uncached(e820, runs, trims, {}).ok());
  check(ram_of(e820) + trims.bytes_of(mm::kUncached) == before);
  check(trims.bytes_of(mm::kUncached) == 0 || ram_of(e820) >= 32 * mm::kMiB);
  mm::Trims again;
  check(mm::trim_uncached(e820, runs, again, {}).ok() && again.bytes_of(mm::kUncached) == 0);
}

}  // namespace

FUZZ_TARGET(mtrr) {
  fuzz::Input input(data, size);
  const Given given = read(input);
  const Runs runs = uncovered(given.mtrrs);
  check_runs(runs, given);
  check_trim(runs);
  for (size_t i = 0; i < 64 && !input.empty(); ++i) {
    check_type_at(given.mtrrs, input.number<uint64_t>() % mm::kMaxPhys);
  }
}
