// Replays a machine: takes what its firmware said about memory through mm/, prints the log that
// makes and a picture of where everything lies.
//
//   build/host/replay [--road=bootmem|memblock] [--columns=N] [--boot=N] FILE
//
// FILE is the log of a Linux boot (dmesg), or a machine's facts as in tests/machines/.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "mm/firmware_ram.h"
#include "mm/page_alloc.h"
#include "mm/picture/text_picture.h"
#include "mm/platform.h"
#include "mm/policy.h"
#include "mm/relay.h"
#include "mm/relay_ledger.h"
#include "tools/replay/compare.h"
#include "tools/replay/log_reader.h"
#include "tools/replay/log_text.h"
#include "tools/replay/machine_file.h"
#include "tools/replay/must.h"
#include "tools/replay/pretend_memory.h"

namespace {

using replay::must;

constexpr const char* kUsage =
    "usage: replay [--road=bootmem|memblock] [--columns=N] [--boot=N] FILE";

struct Options {
  std::string file;
  mm::Road road = mm::Road::Memblock;
  unsigned columns = 64;
  unsigned boot = 0;  // the last
};

// The number of --NAME=NUMBER, from 1 to `most`; false when the word is another.
bool take_option(std::string_view word, std::string_view name, unsigned most, unsigned& value) {
  if (!word.starts_with(name)) return false;
  const std::string_view digits = word.substr(name.size());
  const char* const end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc() || at != end || value == 0 || value > most) {
    throw std::runtime_error(std::string(name.substr(0, name.size() - 1)) + " is from 1 to " +
                             std::to_string(most));
  }
  return true;
}

Options parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (take_option(word, "--columns=", 1000, options.columns) ||
        take_option(word, "--boot=", 1000000, options.boot)) {
      continue;
    }
    if (word == "--road=bootmem") {
      options.road = mm::Road::Bootmem;
    } else if (word == "--road=memblock") {
      options.road = mm::Road::Memblock;
    } else if (word.starts_with("-") || !options.file.empty()) {
      throw std::runtime_error(kUsage);
    } else {
      options.file = word;
    }
  }
  if (options.file.empty()) throw std::runtime_error(kUsage);
  return options;
}

// A file of tests/machines/ has the same facts as a log, in fewer words.
replay::Log log_of(const replay::MachineFile& machine) {
  replay::Log log;
  log.firmware.assign(machine.e820.entries().begin(), machine.e820.entries().end());
  log.srat = machine.srat;
  log.named = machine.named;
  log.mtrr_trims = machine.trims;
  return log;
}

std::string contents(const std::string& path) {
  constexpr size_t kMost = 256 * mm::kMiB;
  if (std::filesystem::is_directory(path)) throw std::runtime_error(path + " is a folder");
  std::ifstream file(path, std::ios::binary);
  std::string bytes;
  std::vector<char> part(mm::kMiB);
  while (file && bytes.size() <= kMost) {
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    bytes.append(part.data(), static_cast<size_t>(file.gcount()));
  }
  if (bytes.size() > kMost) throw std::runtime_error(path + " is longer than 256 MiB");
  if (!file.eof()) throw std::runtime_error(path + " cannot be read");
  return bytes;
}

void say(const std::string& path, const replay::Remark& remark) {
  std::cerr << "replay: " << path << ":";
  if (remark.line != 0) std::cerr << remark.line << ":";
  std::cerr << " " << remark.text << "\n";
}

replay::Log read(const Options& options) {
  const std::string& path = options.file;
  if (path.ends_with(".machine")) return log_of(replay::MachineFile(path));
  const std::string bytes = contents(path);
  replay::Log log = replay::read_log(bytes, options.boot);
  for (const replay::Remark& remark : log.remarks) say(path, remark);
  for (const replay::Remark& remark : log.refused) say(path, remark);
  if (!log.refused.empty()) throw std::runtime_error(path + " is more than can be replayed");
  if (log.boots != 0 && log.boot == 0) {
    throw std::runtime_error(path + " has " + std::to_string(log.boots) + " boots, no number " +
                             std::to_string(options.boot));
  }
  if (log.boot == 0) {
    const char* kind = replay::known_kind(bytes, replay::lines_of(bytes));
    throw std::runtime_error(
        path + " has no e820 list that can be read" +
        (kind == nullptr ? std::string() : std::string("; it looks like ") + kind) +
        ". The log of a Linux boot (dmesg) has one");
  }
  return log;
}

void print_buddyinfo(const mm::PageAllocatorCore& pages, const mm::Printer& out) {
  for (const mm::NodeLayout& node : pages.layout().nodes) {
    for (const mm::ZoneType z : mm::kAllZones) {
      if (node.zones[z].present == 0) continue;
      std::vector<uint64_t> counts(mm::kOrders);
      pages.for_each_free_block([&](const mm::FreeBlock& block) {
        if (block.node == node.id && block.zone == z) ++counts[block.order];
        return true;
      });
      out.part("Node {}, zone {:>8} ", node.id, z);
      for (const uint64_t blocks : counts) out.part("{:6} ", blocks);
      out.line("");
    }
  }
}

// A PC; of page tables it has as many levels as the end of addresses that the log names.
mm::Platform platform_of(const replay::Log& log) {
  const auto with = [&](unsigned levels) {
    return log.end_of_low ? mm::ia32_platform(*log.end_of_low, levels)
                          : mm::x86_64_platform(levels);
  };
  const mm::Platform four = with(4);
  return log.end_of_reach && mm::pfn_down(*log.end_of_reach) > four.max_pfn ? with(5) : four;
}

void run(const Options& options) {
  const replay::Log log = read(options);
  const mm::Printer out(
      [](void*, std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); },
      nullptr);
  std::vector<mm::E820Entry> storage(log.room_for_map());
  const mm::E820Table map = must(log.map(storage));
  const mm::Platform platform = platform_of(log);
  replay::PretendMemory memory(mm::phys(map.last_pfn(platform.max_pfn)));
  mm::Relay<mm::OneCpu> relay(platform, memory.map(), out);
  must(relay.take_over(map.entries(), {}, mm::Phys{mm::kMaxPhys}, memory.end_of_low()));
  const mm::FirmwareRam firmware =
      mm::account_firmware_ram(mm::claims_of(log.said()), relay.e820());
  relay.e820().print(out, "BIOS-e820");
  std::vector<mm::NamedBytes> trims{{"MTRR", 0}, {"above 32 bits", 0}, {"low RAM", 0}};
  must(relay.trim());
  if (log.end_of_low && log.end_of_reach) {
    trims[1].bytes =
        must(relay.e820().remove({*log.end_of_reach, mm::Phys{mm::kMaxPhys}}, mm::E820Type::Ram));
  }
  const auto reserve = [&](mm::Range range) {
    return must(relay.e820().update(range, mm::E820Type::Ram, mm::E820Type::Reserved));
  };
  for (const mm::Range& trim : log.mtrr_trims) trims[0].bytes += reserve(trim);
  if (!log.low_trim.empty()) trims[2].bytes = reserve(log.low_trim);
  // MTRRs are always spoken of, the others where there is something to say.
  std::erase_if(
      trims, [&](const mm::NamedBytes& trim) { return &trim != trims.data() && trim.bytes == 0; });
  mm::NumaInput numa;
  numa.memory = log.srat;
  numa.named = log.named;
  must(relay.finish({.numa = numa, .window = memory.window(), .road = options.road}));
  print_buddyinfo(relay.pages(), out);
  const mm::LedgerFacts facts{.firmware = firmware, .trims = trims};
  const auto closed = mm::close_ledger(relay, relay.pages(), facts, out);
  mm::print_text_picture(relay, options.columns, out);
  std::fputs(replay::differences(log.linux_made, relay).c_str(), stdout);
  must(closed);
}

}  // namespace

int main(int count, char** words) {
  try {
    run(parse(count, words));
  } catch (const std::exception& error) {
    std::cerr << "replay: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
