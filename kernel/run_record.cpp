#include "kernel/run_record.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "kernel/arch.h"
#include "kernel/console.h"
#include "kernel/firmware_variables.h"
#include "kernel/free_pages.h"
#include "kernel/highmem.h"
#include "kernel/smp/drain.h"
#include "loader/handoff/report_variable.h"
#include "loader/handoff/run_record.h"
#include "loader/handoff/text.h"

namespace kernel {
namespace {

using loader::RunMark;
using loader::RunPage;

constexpr VariableName kVariable{loader::kRunVariable, loader::kReportVendor, "the run's mark"};

constinit RunPage* page = nullptr;  // null: there is none
constinit mm::Pfn page_at;
constinit bool is_ours = false;  // it is out of the allocator
constinit uint64_t run = 0;      // 0: no tests are running
constinit bool is_marked = false;

// The end of the log, as much of it as the page takes.
void take_log() {
  page->length = 0;
  console().replay([](std::string_view text) {
    constexpr size_t kRoom = sizeof(page->text);
    if (text.size() > kRoom) text.remove_prefix(text.size() - kRoom);
    const size_t stays = std::min<size_t>(page->length, kRoom - text.size());
    std::memmove(page->text, page->text + (page->length - stays), stays);
    std::memcpy(page->text + stays, text.data(), text.size());
    page->length = static_cast<uint32_t>(stays + text.size());
  });
}

void seal(loader::RunState state) {
  page->state = state;
  page->run = run;
  page->crc = page->sum();
  page->magic = RunPage::kMagic;
  arch::write_back_caches(reinterpret_cast<uintptr_t>(page), sizeof(RunPage));
}

mm::Pfn end_of_ram(const Booted& machine) {
  const auto& active = machine.relay.layout().active;
  return active.empty() ? mm::Pfn{0} : active.back().pfns.end;
}

// Whether a frame is free, in a block so large that its neighbours are too.
bool is_free(const Booted& machine, mm::Pfn pfn) {
  const mm::FrameOwner owner = machine.relay.pages().owner_of(pfn);
  return owner.use == mm::FrameUse::Free && owner.order >= mm::kPageblockOrder;
}

}  // namespace

void find_run_page(const Booted& machine) {
  constexpr uint64_t kEvery = RunPage::kEvery / mm::kPageSize;
  const mm::Pfn end = std::min(
      {machine.relay.max_low(), mm::pfn_down(mm::Phys{4 * mm::kGiB}), end_of_ram(machine)});
  // Firmware works at both ends of memory: from the middle on.
  const uint64_t places = end.v / kEvery + 1, middle = places / 2;
  for (uint64_t away = 0; away <= middle; ++away) {
    for (const uint64_t place : {middle - away, middle + away}) {
      page_at = mm::Pfn{place * kEvery};
      if (place == 0 || page_at >= end || !is_free(machine, page_at)) continue;
      page = machine.relay.map().at<RunPage>(phys(page_at));
      return;
    }
  }
}

void begin_run(Booted& machine, const char* phase, const mm::Printer& out) {
  const loader::Handoff& handoff = machine.kept.handoff();
  if (handoff.runtime_root == 0) return;  // no services: nobody could say that it has ended
  run = arch::cycles() | 1;
  if (page != nullptr && !is_ours) {
    drain_everywhere(machine.relay.pages());
    const auto taken =
        machine.relay.take_back(arch::this_cpu(), {page_at, page_at + 1}, "RUN RECORD");
    is_ours = taken.ok();
    if (!taken.ok()) {
      page = nullptr;
      out.error("run record", taken.error());
    }
  }
  RunMark mark;
  mark.run = run;
  loader::put_text(mark.phase, phase);
  if (const auto now = arch::firmware_time(handoff); now.ok()) {
    mark.year = now.value().year;
    mark.month = now.value().month;
    mark.day = now.value().day;
    mark.hour = now.value().hour;
    mark.minute = now.value().minute;
  }
  mark.crc = mark.sum();
  console().flush();  // writing flash takes its time
  const auto written = arch::set_variable(handoff, kVariable,
                                          {reinterpret_cast<const uint8_t*>(&mark), sizeof(mark)});
  if (!written.ok()) out.error("run record", written.error());
  is_marked = written.ok();
}

void note_run(const char* test, uint64_t percent, uint64_t errors) {
  if (page == nullptr || !is_ours || run == 0) return;
  page->magic = 0;  // until it is whole again
  loader::put_text(page->test, test);
  page->percent = static_cast<uint32_t>(percent);
  page->errors = errors;
  take_log();
  seal(loader::RunState::Going);
}

void end_run(const Booted& machine, const mm::Printer& out) {
  if (run == 0) return;
  run = 0;
  if (page != nullptr && is_ours) page->magic = 0;
  if (!is_marked) return;
  is_marked = false;
  const auto deleted = arch::set_variable(machine.kept.handoff(), kVariable, {});
  if (!deleted.ok()) out.error("run record", deleted.error());
}

void forget_run_page() {
  page = nullptr;
  is_ours = false;
  run = 0;
}

void keep_last_words() {
  if (page == nullptr) return;
  if (!is_ours) show_frame(page_at);
  page->magic = 0;
  if (run == 0) {
    loader::put_text(page->test, {});
    page->percent = 0;
    page->errors = 0;
  }
  take_log();
  seal(loader::RunState::Panicked);
}

}  // namespace kernel
