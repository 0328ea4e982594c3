#include "loader/run_record.h"

#include <algorithm>
#include <string_view>

namespace loader {
namespace {

bool is_printable(char c) { return c >= ' ' && c <= '~'; }

template <size_t kSize>
bool is_text(const char (&text)[kSize]) {
  const char* const end = std::find(std::begin(text), std::end(text), '\0');
  return end != std::end(text) && std::all_of(std::begin(text), end, is_printable);
}

}  // namespace

mm::Result<RunMark> parse_mark(std::span<const uint8_t> bytes) {
  constexpr const char* kSubject = "BatonRun";
  RunMark mark;
  if (bytes.size() != sizeof(mark)) {
    return mm::Error{"has another size (bytes {}, expected {})", kSubject, bytes.size(),
                     sizeof(mark)};
  }
  std::memcpy(&mark, bytes.data(), sizeof(mark));
  if (mark.magic != RunMark::kMagic || mark.version != RunMark::kVersion) {
    return mm::Error{"none of this version's (magic {:#x}, version {})", kSubject, mark.magic,
                     mark.version};
  }
  if (mark.crc != mark.sum()) {
    return mm::Error{"its CRC32 is another (stored {:#x}, computed {:#x})", kSubject, mark.crc,
                     mark.sum()};
  }
  if (!is_text(mark.phase)) return mm::Error{"its phase is no text", kSubject};
  return mark;
}

bool is_record(const RunPage& page) {
  return page.magic == RunPage::kMagic && page.length <= sizeof(page.text) &&
         page.crc == page.sum() && is_text(page.test) &&
         (page.state == RunState::Going || page.state == RunState::Panicked);
}

void print_last_run(const LastRun& last, const mm::Printer& out) {
  const bool panicked = last.page != nullptr && last.page->state == RunState::Panicked;
  if (last.mark != nullptr) {
    const RunMark& mark = *last.mark;
    out.part("the last run {} in: {}", panicked ? "ended with a panic" : "did not come to its end",
             mark.phase);
    if (mark.year != 0) {
      out.part(", begun {:04}-{:02}-{:02} {:02}:{:02}", mark.year, mark.month, mark.day, mark.hour,
               mark.minute);
    }
    out.text("\n");
  } else {
    out.line("the last run ended with a panic");
  }
  if (last.page == nullptr || last.page->test[0] == '\0') return;
  const RunPage& page = *last.page;
  out.part("  it was at {}", page.test);
  if (page.percent != 0 || page.errors != 0) {
    out.part(", {} %, after {} error{}", page.percent, page.errors, page.errors == 1 ? "" : "s");
  }
  out.text("\n");
}

void print_last_run_whole(const LastRun& last, const mm::Printer& out) {
  print_last_run(last, out);
  if (last.page == nullptr) {
    out.line("\nIts memory did not outlive it: how far it came, and what it said, is not known.");
    return;
  }
  out.text("\nThe end of its log:\n\n");
  for (const char c : std::string_view(last.page->text, last.page->length)) {
    if (is_printable(c) || c == '\n') out.text({&c, 1});
  }
  out.text("\n");
}

}  // namespace loader
