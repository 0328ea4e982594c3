// The mark and the page of a run that ended early, of any bytes: what is taken for theirs is told as text,
// whatever it is.
//
// The input is the mark, and the page; where they are Baton's but for their sums, those are made right.
#include "loader/run_record.h"

#include "tests/fuzz/target.h"

namespace {

using fuzz::check;

void check_told(const loader::LastRun& last) {
  const std::string brief =
      fuzz::printed_by([&](const mm::Printer& out) { loader::print_last_run(last, out); });
  const std::string whole =
      fuzz::printed_by([&](const mm::Printer& out) { loader::print_last_run_whole(last, out); });
  check(fuzz::are_printable_lines(whole) && whole.starts_with(brief));
  const auto lines = std::count(brief.begin(), brief.end(), '\n');
  check(lines >= 1 && lines <= 3);
}

}  // namespace

FUZZ_TARGET(run_record) {
  fuzz::Input input(data, size);
  fuzz::Bytes bytes = input.bytes(sizeof(loader::RunMark));
  loader::RunMark made;
  std::optional<loader::RunMark> mark;
  if (bytes.size() == sizeof made) {
    std::memcpy(&made, bytes.data(), sizeof made);
    made.magic = loader::RunMark::kMagic;
    made.version = loader::RunMark::kVersion;
    made.crc = made.sum();
    std::memcpy(bytes.data(), &made, sizeof made);
  }
  if (const auto read = loader::parse_mark(bytes); read.ok()) mark = read.value();

  loader::RunPage page{};
  const fuzz::Bytes rest = input.bytes(sizeof page);
  std::copy(rest.begin(), rest.end(), reinterpret_cast<uint8_t*>(&page));
  page.magic = loader::RunPage::kMagic;
  if (page.length <= sizeof page.text) page.crc = page.sum();
  const bool whole = loader::is_record(page);
  check(!whole || page.length <= sizeof page.text);
  if (mark) check_told({&*mark, whole ? &page : nullptr});
  if (whole && page.state == loader::RunState::Panicked) check_told({nullptr, &page});
}
