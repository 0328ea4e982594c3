// Every machine of tests/machines/, from what its firmware said to what Linux made of it, and on
// both roads to the same buddy.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mm/audit.h"
#include "mm/page_alloc.h"
#include "mm/relay.h"
#include "mm/relay_ledger.h"
#include "tests/support/machine_file.h"
#include "tests/support/pretend_memory.h"
#include "tests/support/relayed.h"

namespace {

using test::must;

constexpr const char* kFolder = "tests/machines";

struct Replay {
  test::PretendMemory memory;
  mm::Relay<mm::OneCpu> relay;
  mm::FirmwareRam firmware;
  uint64_t trimmed = 0;
  std::string last_pfn;

  Replay(const test::MachineFile& file, mm::Road road)
      : memory(mm::phys(file.e820.last_pfn())),
        relay(mm::x86_64_platform(), memory.map(), mm::Printer()) {
    must(relay.take_over(file.e820.entries(), {}));
    firmware = test::firmware_ram(file.said, relay.e820());
    must(relay.trim());
    last_pfn = hex(relay.e820().last_pfn().v);
    for (const mm::Range& trim : file.trims) {
      trimmed += must(relay.e820().update(trim, mm::E820Type::Ram, mm::E820Type::Reserved));
    }
    must(relay.finish({.numa = file.numa(), .cpus = 4, .road = road}));
  }

  static std::string hex(uint64_t v) {
    test::Log log;
    log.printer().part("{:#x}", v);
    return log.take();
  }

  [[nodiscard]] std::map<uint64_t, unsigned> buddy() const {
    std::map<uint64_t, unsigned> blocks;
    relay.pages().for_each_free_block([&](const mm::FreeBlock& block) {
      blocks[block.pfn.v] = block.order;
      return true;
    });
    return blocks;
  }
};

std::vector<std::string> machines() {
  std::vector<std::string> paths;
  if (!std::filesystem::is_directory(kFolder)) return paths;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".machine") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

TEST(Machines, BecomeWhatLinuxMadeOfThem) {
  const std::vector<std::string> paths = machines();
  if (paths.empty()) GTEST_SKIP() << kFolder << " is not in the working directory";
  EXPECT_GE(paths.size(), 30u);
  size_t lines = 0;
  for (const std::string& path : paths) {
    SCOPED_TRACE(path);
    const test::MachineFile file(path);
    const Replay run(file, mm::Road::Memblock);
    auto facts = test::facts_of(run.relay);
    facts["last-pfn"] = {run.last_pfn};
    facts["last-low-pfn"] = {
        Replay::hex(run.relay.e820().last_pfn(mm::pfn_down(mm::Phys{4 * mm::kGiB})).v)};
    for (const char* keyword : {"last-pfn", "last-low-pfn", "zone", "node-range", "node",
                                "unavailable", "node-pages", "present", "total-kib"}) {
      std::vector<std::string> linux_has = file.lines(keyword);
      // Older kernels do not know ZONE_DEVICE, and it is always empty.
      std::erase_if(linux_has, [](const std::string& line) { return line == "Device empty"; });
      if (linux_has.empty()) continue;
      if (file.excepts(keyword)) continue;
      lines += linux_has.size();
      EXPECT_EQ(facts[keyword], linux_has) << keyword;
    }
  }
  RecordProperty("lines", static_cast<int>(lines));
  EXPECT_GT(lines, 500u);
}

TEST(Machines, BothRoadsLeaveTheSameBuddyAndACleanLedger) {
  const std::vector<std::string> paths = machines();
  if (paths.empty()) GTEST_SKIP() << kFolder << " is not in the working directory";
  for (const std::string& path : paths) {
    SCOPED_TRACE(path);
    const test::MachineFile file(path);
    const Replay ranges(file, mm::Road::Memblock);
    const Replay bitmap(file, mm::Road::Bootmem);
    EXPECT_EQ(ranges.buddy(), bitmap.buddy());
    for (const Replay* run : {&ranges, &bitmap}) {
      const auto audited = mm::audit(run->relay.pages());
      EXPECT_TRUE(audited.ok()) << test::describe(audited.error());
      const mm::NamedBytes trim{"MTRR", run->trimmed};
      test::Log log;
      const mm::LedgerFacts facts{.firmware = run->firmware, .trims = {&trim, 1}};
      const auto closed = mm::close_ledger(run->relay, run->relay.pages(), facts, log.printer());
      EXPECT_TRUE(closed.ok()) << log.text();
    }
  }
}

}  // namespace
