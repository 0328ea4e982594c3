// A command line of any bytes: its words are what was between blanks, what is not known or wrong is told,
// and whatever it says about memory, no byte of RAM is lost or made up.
#include "kernel/memory_options.h"
#include "kernel/options.h"
#include "mm/e820.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::check;

std::string joined(const kernel::Options& options) {
  std::string text;
  options.for_each([&](const kernel::Option& word) {
    check(!word.text.empty() && word.text.size() >= word.name.size() + word.value.size());
    text += std::string(word.text) + " ";
  });
  return text;
}

void check_words(const std::string& line) {
  const kernel::Options options(line);
  const std::string words = joined(options);
  const kernel::Options again(words);
  // A quote that is never closed takes the blank that stands behind it here.
  if (!words.empty() && std::count(words.begin(), words.end(), '"') % 2 == 0) {
    check(joined(again) == words);
    check(again.complain({}) == options.complain({}));
  }
  size_t lines = 0;
  const std::string told =
      fuzz::printed_by([&](const mm::Printer& out) { lines = options.complain(out); });
  check(static_cast<size_t>(std::count(told.begin(), told.end(), '\n')) >= lines);
  options.for_each([&](const kernel::Option& word) { check(options.has(word.name)); });
}

uint64_t ram_of(const mm::E820Table& e820) {
  mm::Phys end{0};
  uint64_t bytes = 0;
  for (const mm::E820Entry& entry : e820.entries()) {
    check(!entry.range.empty() && entry.range.start >= end);
    end = entry.range.end;
    if (entry.type == mm::E820Type::Ram) bytes += entry.range.size();
  }
  return bytes;
}

void check_memory(const std::string& line) {
  constexpr mm::Phys kEnd{uint64_t{1} << 36};
  std::vector<mm::E820Entry> room(mm::E820Table::capacity_for(64 + line.size()));
  mm::E820Table e820(room);
  check(e820.append({mm::Phys{0}, mm::Phys{0xa0000}}, mm::E820Type::Ram).ok());
  check(e820.append({mm::Phys{mm::kMiB}, mm::Phys{3 * mm::kGiB}}, mm::E820Type::Ram).ok());
  check(e820.append({mm::Phys{3 * mm::kGiB}, mm::Phys{4 * mm::kGiB}}, mm::E820Type::Reserved).ok());
  check(e820.append({mm::Phys{4 * mm::kGiB}, kEnd}, mm::E820Type::Ram).ok());
  const kernel::Options options(line);
  const uint64_t before = ram_of(e820);
  const mm::E820Changes changes = kernel::change_e820(options, e820, {});
  const uint64_t after = ram_of(e820);
  check(after == before + changes.added_by_memmap - changes.taken_by_mem - changes.taken_by_memmap);
  (void)kernel::memory_options(options, {});
}

}  // namespace

FUZZ_TARGET(options) {
  const std::string line = fuzz::Input(data, size).rest_of_text();
  check_words(line);
  check_memory(line);
}
