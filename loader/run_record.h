// What the last run left when it did not come to its end (loader/handoff/run_record.h), in words.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "loader/handoff/run_record.h"
#include "mm/print.h"
#include "mm/result.h"

namespace loader {

// Where the record's words go to.
inline constexpr const char* kLastRunFile = "lastrun.txt";

// Fails when the bytes are no mark, and says what is wrong.
mm::Result<RunMark> parse_mark(std::span<const uint8_t> bytes);

// Whether a page holds a record that is whole.
[[nodiscard]] bool is_record(const RunPage& page);

// Of a run that ended early there is a mark, a page, or both; they are of one run.
struct LastRun {
  const RunMark* mark = nullptr;
  const RunPage* page = nullptr;
};
// In two or three lines, and with the end of its log.
void print_last_run(const LastRun& last, const mm::Printer& out);
void print_last_run_whole(const LastRun& last, const mm::Printer& out);

}  // namespace loader
