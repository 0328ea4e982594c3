// What a run was doing, for the next start to tell where it did not come to its end. It stands in two
// places: a variable, which outlives power, says what began (flash wears: it is written when tests
// begin, and deleted when they have ended); a page of memory, which outlives a reset where the firmware
// leaves memory alone, says how far they were, or why the kernel panicked. The page is looked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "loader/handoff/crc32.h"
#include "mm/types.h"

namespace loader {

// Its vendor is the report's (loader/handoff/report_variable.h).
inline constexpr const char16_t* kRunVariable = u"BatonRun";

// The variable's content.
struct RunMark {
  static constexpr uint32_t kMagic = 0x524e5442;  // "BTNR", little endian
  static constexpr uint16_t kVersion = 1;

  uint32_t magic = kMagic;
  uint16_t version = kVersion;
  // When it began, by the firmware's clock; year 0: it has none.
  uint16_t year = 0;
  uint8_t month = 0, day = 0, hour = 0, minute = 0;
  uint32_t crc = 0;  // of what follows
  uint64_t run = 0;  // which one: the page says the same
  char phase[40]{};  // NUL-terminated, printable ASCII, as are all texts here

  [[nodiscard]] uint32_t sum() const {
    return crc32({reinterpret_cast<const uint8_t*>(&run), sizeof(run) + sizeof(phase)});
  }
};
static_assert(sizeof(RunMark) == 64 && offsetof(RunMark, run) == 16);

enum class RunState : uint32_t { Going = 1, Panicked = 2 };

// A page of memory; it begins at a multiple of kEvery, below 4 GiB.
struct RunPage {
  static constexpr uint64_t kMagic = 0x4e55524e4f544142;  // "BATONRUN", little endian
  static constexpr uint64_t kEvery = 64 * mm::kMiB;

  uint64_t magic = 0;
  uint32_t crc = 0;  // of what follows, as far as `length` goes
  RunState state = RunState::Going;
  uint64_t run = 0;  // 0: no tests ran
  uint64_t errors = 0;
  uint32_t percent = 0;
  uint32_t length = 0;  // of the text
  char test[56]{};
  char text[4000];  // the log's end

  [[nodiscard]] uint32_t sum() const {
    constexpr size_t kFrom = 12;
    return crc32({reinterpret_cast<const uint8_t*>(this) + kFrom,
                  sizeof(RunPage) - sizeof(text) - kFrom + length});
  }
};
static_assert(sizeof(RunPage) == mm::kPageSize && offsetof(RunPage, state) == 12);

}  // namespace loader
