// A machine drawn in Linux's own words, and the log that mm writes about it.
//
// The drawing is a kernel log as the replay reads it (tools/replay/log_reader.h), and besides
// `mirrored [mem 0x...-0x...]` for what the firmware calls more reliable. So a test can draw a
// machine by hand, or be given a real machine's log; what the reader would remark on is an error.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mm/e820.h"
#include "mm/early_res.h"
#include "mm/firmware_ram.h"
#include "mm/numa.h"
#include "mm/print.h"
#include "mm/result.h"
#include "tools/replay/log_reader.h"
#include "tools/replay/log_text.h"
#include "tools/replay/log_words.h"
#include "tools/replay/must.h"

namespace test {

// Collects what mm prints.
class Log {
 public:
  [[nodiscard]] mm::Printer printer() {
    return mm::Printer(
        [](void* context, std::string_view text) {
          static_cast<std::string*>(context)->append(text);
        },
        &text_);
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  std::string take() { return std::exchange(text_, {}); }

 private:
  std::string text_;
};

using replay::must;

// As it is printed, a whole line.
inline std::string describe(const mm::Error& error) { return replay::describe(error) + "\n"; }

// What became of a firmware's list in e820.
inline mm::FirmwareRam firmware_ram(std::span<const mm::E820Entry> said,
                                    const mm::E820Table& e820) {
  return mm::account_firmware_ram(mm::claims_of(said), e820);
}

struct DrawnMachine {
  std::vector<mm::E820Entry> firmware;  // its list, as drawn
  std::vector<mm::E820Entry> e820_storage;
  mm::E820Table e820;
  std::vector<mm::MemoryAffinity> srat;
  mm::NodeSet named;
  std::vector<mm::Range> mirrored;

  explicit DrawnMachine(const std::string& drawing) {
    const replay::Log log = replay::read_log(drawing);
    for (const auto& remarks : {log.refused, log.remarks}) {
      for (const replay::Remark& remark : remarks) {
        if (remark.line == 0) continue;  // drawings are excerpts
        throw std::runtime_error("line " + std::to_string(remark.line) + ": " + remark.text);
      }
    }
    firmware = log.said();
    srat = log.srat;
    named = log.named;
    e820_storage.resize(log.room_for_map());
    e820 = must(log.map(e820_storage));
    for (const replay::Line& line : replay::lines_of(drawing)) {
      const size_t at = line.text.find("mirrored ");
      if (at == std::string::npos) continue;
      std::string_view rest = std::string_view(line.text).substr(at + sizeof("mirrored"));
      const auto range = replay::take_mem(rest);
      if (!range) throw std::runtime_error("not a range: " + line.text);
      mirrored.push_back({mm::Phys{range->first}, mm::Phys{range->last + 1}});
    }
  }

  // With what is mirrored only where kernelcore=mirror asks for it.
  [[nodiscard]] mm::NumaInput numa(bool mirror = false) const {
    mm::NumaInput input{.memory = srat, .named = named};
    if (mirror) input.mirrored = mirrored;
    return input;
  }
};

}  // namespace test
