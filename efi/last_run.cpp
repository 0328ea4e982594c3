#include "efi/last_run.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "efi/arch.h"
#include "efi/directory.h"
#include "efi/memory_map.h"
#include "efi/own_variables.h"
#include "efi/sheet.h"
#include "loader/own_directory.h"
#include "loader/run_record.h"

namespace efi {
namespace {

using loader::RunMark;
using loader::RunPage;
using mm::Printer;

constexpr OwnVariable kVariable{loader::kRunVariable, "BatonRun"};

// Types of memory that was the last run's, and that this firmware has not used for long.
bool may_hold_it(loader::EfiMemoryType type) {
  using enum loader::EfiMemoryType;
  return type == Conventional || type == BootServicesCode || type == BootServicesData ||
         type == LoaderCode || type == LoaderData;
}

// Copies the page that is of this run, or without one of a kernel that panicked, to `copy`; where it
// lies it is forgotten at once, as the firmware may use its place any time. Whether there was one.
bool find_page(const loader::EfiMemoryMap& map, const RunMark* mark, RunPage& copy) {
  bool found = false;
  constexpr uint64_t kEnd = 4 * mm::kGiB;
  for (size_t i = 0; i < map.count(); ++i) {
    const auto range = loader::range_of(map.at(i));
    if (!range.ok() || !may_hold_it(map.at(i).type)) continue;
    const uint64_t end = std::min(range.value().end.v, kEnd);
    for (uint64_t at = mm::align_up(range.value().start.v, RunPage::kEvery); at < end;
         at += RunPage::kEvery) {
      const auto rights = at == 0 ? std::nullopt : live_page(at);
      if (!rights || !rights->writable) continue;
      auto* const page = reinterpret_cast<RunPage*>(static_cast<uintptr_t>(at));
      if (page->magic != RunPage::kMagic) continue;
      const RunPage there = *page;
      page->magic = 0;
      const bool is_its =
          mark != nullptr ? there.run == mark->run : there.state == loader::RunState::Panicked;
      if (found || !is_its || !loader::is_record(there)) continue;
      copy = there;
      found = true;
    }
  }
  return found;
}

mm::Result<> write_file(const Firmware& firmware, const loader::LastRun& last) {
  const Directory directory = BATON_TRY(Directory::create(firmware, loader::kOwnDirectory));
  if (!directory.there()) return mm::Error{"cannot be made", loader::kOwnDirectory};
  const Text text = BATON_TRY(text_of(firmware, loader::kLastRunFile, [&](const Printer& out) {
    loader::print_last_run_whole(last, out);
  }));
  if (BATON_TRY(directory.has(loader::kLastRunFile))) {
    BATON_TRY(directory.remove(loader::kLastRunFile));
  }
  return directory.write_new(loader::kLastRunFile, text.view());
}

void tell(const Firmware& firmware, const loader::LastRun& last, const Printer& out) {
  loader::print_last_run(last, out);
  const auto written = write_file(firmware, last);
  if (!written.ok()) return out.error("the last run's record", written.error());
  out.line("  more is in {}\\{}", loader::kOwnDirectory, loader::kLastRunFile);
}

mm::Result<std::optional<RunMark>> read_mark(const Firmware& firmware) {
  std::array<uint8_t, sizeof(RunMark)> stored;
  const auto size = BATON_TRY(read_variable(firmware, kVariable, stored));
  if (!size.has_value()) return std::optional<RunMark>{};
  const RunMark mark = BATON_TRY(loader::parse_mark(std::span(stored).first(*size)));
  return std::optional<RunMark>{mark};
}

}  // namespace

bool tell_last_run(const Firmware& firmware, const Printer& out) {
  const auto mark = read_mark(firmware);
  if (!mark.ok()) out.error("the last run's mark", mark.error());
  if (mark.ok() && !mark.value().has_value()) return false;
  if (mark.ok()) {
    loader::LastRun last{&*mark.value(), nullptr};
    RunPage page;
    const auto map = get_memory_map(firmware);
    if (!map.ok()) out.error("the last run's record", map.error());
    if (map.ok() && find_page(map.value().view(), last.mark, page)) last.page = &page;
    tell(firmware, last, out);
  }
  if (const auto deleted = delete_variable(firmware, kVariable); !deleted.ok()) {
    out.error("the last run's mark", deleted.error());
  }
  return true;
}

void tell_last_panic(const Firmware& firmware, const loader::EfiMemoryMap& map,
                     const Printer& out) {
  RunPage page;
  if (find_page(map, nullptr, page)) tell(firmware, {nullptr, &page}, out);
}

MarkedRun::MarkedRun(const Firmware& firmware, const char* phase, const Printer& out)
    : firmware_(firmware) {
  if (phase == nullptr) return;
  RunMark mark;
  EFI_TIME time{};
  if (firmware.system->RuntimeServices->GetTime(&time, nullptr) == EFI_SUCCESS) {
    mark.year = time.Year;
    mark.month = time.Month;
    mark.day = time.Day;
    mark.hour = time.Hour;
    mark.minute = time.Minute;
  }
  for (size_t i = 0; phase[i] != '\0' && i + 1 < sizeof(mark.phase); ++i) mark.phase[i] = phase[i];
  mark.crc = mark.sum();
  const auto written =
      write_variable(firmware, kVariable, {reinterpret_cast<const uint8_t*>(&mark), sizeof(mark)});
  if (!written.ok()) out.error("the run's mark", written.error());
  marked_ = written.ok();
}

MarkedRun::~MarkedRun() {
  if (marked_) (void)delete_variable(firmware_, kVariable);
}

}  // namespace efi
