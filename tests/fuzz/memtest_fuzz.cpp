// The memory test's words, of any text: what is taken can be done on this machine, whatever the order of
// the words is and whatever stands between them, and what is not taken is told in one line.
//
// The input is how many nodes the machine has (a byte), and the words.
#include "kernel/memtest/memtest.h"

#include <optional>

#include "kernel/smp/cpus.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::check;
using kernel::MemtestOptions;

using Parsed = std::optional<MemtestOptions>;
Parsed parsed(const std::string& words, size_t nodes) {
  Parsed options;
  const std::string told = fuzz::printed_by(
      [&](const mm::Printer& out) { options = kernel::parse_memtest(words, nodes, out); });
  check(static_cast<size_t>(std::count(told.begin(), told.end(), '\n')) == (options ? 0U : 1U));
  check(options || told.starts_with("memtest: \""));
  return options;
}

bool same(const MemtestOptions& a, const MemtestOptions& b) {
  return a.depth == b.depth && a.passes == b.passes && a.overnight == b.overnight &&
         a.node == b.node && a.testers == b.testers && a.cpu == b.cpu && a.form == b.form;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c == ',' || c == ' ') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

void check_can_be_done(const MemtestOptions& options, size_t nodes) {
  check(options.passes >= 1 && options.passes <= 1'000'000);
  check(!options.overnight || options.passes == 1);
  check(!options.node || *options.node < nodes);
  check(options.testers != kernel::Testers::One || kernel::cpus().is_online(options.cpu));
  for (unsigned pass = 0; pass < 4; ++pass) {
    for (const kernel::MemoryPattern& pattern : kernel::kMemoryPatterns) {
      const kernel::RunForm* const form = kernel::form_of(options, pattern.id, pass);
      check(form == nullptr || form->there);
      check(!options.form || form == *options.form);
    }
  }
  const std::string said =
      fuzz::printed_by([&](const mm::Printer& out) { kernel::print_forms(options, out); });
  check(std::count(said.begin(), said.end(), '\n') <= 1);
}

}  // namespace

FUZZ_TARGET(memtest) {
  fuzz::Input input(data, size);
  const size_t nodes = input.byte() % mm::kMaxNodes + 1;
  const std::string text = input.rest_of_text();
  if (!fuzz::is_printable(text)) return;  // no line of options that is not comes so far
  const Parsed options = parsed(text, nodes);
  if (!options) return;
  check_can_be_done(*options, nodes);
  std::vector<std::string> words = words_of(text);
  std::reverse(words.begin(), words.end());
  const bool open = text.ends_with(',') || text.ends_with(' ');
  std::string backwards;
  for (const std::string& word : words) {
    std::string twice = text;
    if (!open) twice += ',';
    twice += word;
    check(!parsed(twice, nodes));
    if (!backwards.empty()) backwards += ' ';
    backwards += word;
  }
  const Parsed again = parsed(backwards, nodes);
  check(again && same(*again, *options));
}
