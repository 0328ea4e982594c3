#include "kernel/memtest/live_picture.h"

#include <algorithm>
#include <array>

#include "kernel/arch.h"
#include "kernel/late.h"
#include "kernel/policy.h"
#include "kernel/screen/picture.h"
#include "kernel/screen/screen.h"
#include "kernel/screen/screen_console.h"

namespace kernel {
namespace {

constexpr uint64_t kEvery = 200'000;  // microseconds

// Ranges that grow together. When there are too many to tell apart, the two that are nearest become
// one: what lies between them is shown as tested a little too early.
class Tested {
 public:
  void add(mm::Range range) {
    size_t at = 0;
    while (at < count_ && ranges_[at].end < range.start) ++at;
    size_t end = at;
    for (; end < count_ && ranges_[end].start <= range.end; ++end) {
      range = {std::min(range.start, ranges_[end].start), std::max(range.end, ranges_[end].end)};
    }
    if (end == at) {
      std::copy_backward(ranges_.begin() + at, ranges_.begin() + count_,
                         ranges_.begin() + count_ + 1);
      ++count_;
    } else {
      std::copy(ranges_.begin() + end, ranges_.begin() + count_, ranges_.begin() + at + 1);
      count_ -= end - at - 1;
    }
    ranges_[at] = range;
    if (count_ == kRoom) join_nearest();
  }
  [[nodiscard]] std::span<const mm::Range> ranges() const { return {ranges_.data(), count_}; }
  void clear() { count_ = 0; }

 private:
  static constexpr size_t kRoom = 256;

  void join_nearest() {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count_; ++i) {
      if (ranges_[i + 1].start - ranges_[i].end < ranges_[best + 1].start - ranges_[best].end) {
        best = i;
      }
    }
    ranges_[best].end = ranges_[best + 1].end;
    std::copy(ranges_.begin() + best + 2, ranges_.begin() + count_, ranges_.begin() + best + 1);
    --count_;
  }

  std::array<mm::Range, kRoom> ranges_{};  // ascending, disjoint
  size_t count_ = 0;
};

constinit Late<Picture> picture;
constinit Tested tested, drawn;
constinit SpinLock<LockRank::Findings> tested_lock;
constinit unsigned painter = 0;  // the CPU that draws
constinit const Booted* shown = nullptr;
constinit MemtestState* test = nullptr;
constinit std::string_view doing;
constinit uint64_t drawn_at = 0;
constinit size_t bad_drawn = 0;
constinit std::array<mm::Phys, BadPages::kRoom> bad_addresses{};

PictureOf subject() {
  return {shown->relay, shown->relay.pages(), shown->kept.handoff().names.firmware};
}

// As they are now, for drawing while other CPUs go on.
std::span<const mm::Range> ranges_now() {
  const Policy::Masked masked;
  const Held held(tested_lock);
  drawn = tested;
  return drawn.ranges();
}

std::span<const mm::Phys> bad() {
  const Policy::Masked masked;
  const Held held(test->lock);
  const auto list = test->bad.list();
  std::transform(list.begin(), list.end(), bad_addresses.begin(),
                 [](mm::Pfn pfn) { return mm::phys(pfn); });
  return std::span(bad_addresses).first(list.size());
}

}  // namespace

void begin_live_picture(const Booted& machine, MemtestState& state) {
  if (!screen().is_open() || screen().hidden()) return;
  shown = &machine;
  painter = arch::this_cpu();
  test = &state;
  tested.clear();
  doing = {};
  screen().hide();
  if (!picture.get().draw(screen().framebuffer(), subject())) end_live_picture();
}

void name_live_picture(std::string_view what) { doing = what; }

void move_live_picture(mm::Range now, MemtestProgress::Standing standing) {
  if (shown == nullptr) return;
  {
    const Policy::Masked masked;
    const Held held(tested_lock);
    tested.add(now);
  }
  if (arch::this_cpu() != painter) return;
  const uint64_t time = arch::microseconds();
  if (time - drawn_at < kEvery) return;
  drawn_at = time;
  char line[96];
  const auto addresses = bad();
  const size_t length = mm::format(line, "{} at {}   {} %, {}:{:02} left   bad pages: {}", doing,
                                   now.start, standing.percent, standing.seconds_left / 60,
                                   standing.seconds_left % 60, addresses.size());
  const TestProgress progress{
      ranges_now(), now, addresses, {line, std::min(length, sizeof line - 1)}};
  if (addresses.size() != bad_drawn) {
    bad_drawn = addresses.size();
    (void)picture.get().draw(screen().framebuffer(), subject(), progress);
  } else {
    picture.get().refresh(subject(), progress);
  }
}

void end_live_picture() {
  if (shown == nullptr) return;
  shown = nullptr;
  screen().show();
}

}  // namespace kernel
