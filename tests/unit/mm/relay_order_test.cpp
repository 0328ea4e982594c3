// The stations of the relay in their order, and out of it.
#include "mm/relay.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mm/audit.h"
#include "tests/support/relayed.h"

namespace {

using mm::Phys;

const char* const kTwoNodes = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x00000000007fffff] usable
BIOS-e820: [mem 0x0000000000800000-0x0000000000807fff] ACPI NVS
BIOS-e820: [mem 0x0000000000808000-0x000000007e8ecfff] usable
BIOS-e820: [mem 0x000000007e8ed000-0x000000007fffffff] reserved
BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
SRAT: PXM 0 -> APIC 0x00 -> Node 0
SRAT: PXM 1 -> APIC 0x01 -> Node 1
SRAT: Node 0 PXM 0 [mem 0x00000000-0x0009ffff]
SRAT: Node 0 PXM 0 [mem 0x00100000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]
)";

// All stations, in their order.
using Relay = mm::Relay<mm::OneCpu>;
struct Given {
  test::DrawnMachine machine{kTwoNodes};
  test::PretendMemory memory{machine.e820.entries().back().range.end};
};
struct Call {
  const char* name;
  mm::Result<> (*run)(Relay& relay, const Given& given);
};
constexpr Call kCalls[] = {
    {"take_over",
     [](Relay& relay, const Given& given) {
       return relay.take_over(given.machine.e820.entries(), {}, Phys{mm::kMaxPhys},
                              given.memory.end_of_low());
     }},
    {"trim", [](Relay& relay, const Given&) { return relay.trim(); }},
    {"find_nodes",
     [](Relay& relay, const Given& given) { return relay.find_nodes(given.machine.numa()); }},
    {"lay_out", [](Relay& relay, const Given&) { return relay.lay_out({}, 1); }},
    {"start_boot_allocator",
     [](Relay& relay, const Given&) { return relay.start_boot_allocator(mm::Road::Memblock); }},
    {"build_zones",
     [](Relay& relay, const Given&) {
       return relay.build_zones(mm::Distances(), mm::NodeOrder::Distance);
     }},
    {"hand_over", [](Relay& relay, const Given&) { return relay.hand_over(); }},
};

// A machine that has been through the first stations.
struct Underway : Given {
  explicit Underway(size_t stations, const mm::Platform& platform = mm::x86_64_platform())
      : relay(platform, memory.map(), log.printer()) {
    for (size_t i = 0; i < stations; ++i) test::must(run(i));
  }
  mm::Result<> run(size_t station) { return kCalls[station].run(relay, *this); }

  test::Log log;
  Relay relay;
};

TEST(RelayOrder, AStationThatIsLeftOutIsNamedByAllThatFollow) {
  for (size_t left_out = 0; left_out < std::size(kCalls); ++left_out) {
    Underway machine(left_out);
    for (size_t i = left_out + 1; i < std::size(kCalls); ++i) {
      const mm::Result<> result = machine.run(i);
      ASSERT_FALSE(result.ok()) << kCalls[i].name << " without " << kCalls[left_out].name;
      EXPECT_STREQ(result.error().subject, kCalls[left_out].name);
      EXPECT_STREQ(result.error().other, kCalls[i].name);
    }
    // And it can still be done.
    for (size_t i = left_out; i < std::size(kCalls); ++i) test::must(machine.run(i));
  }
}

TEST(RelayOrder, NoStationIsPassedTwice) {
  Underway machine(std::size(kCalls));
  for (size_t i = 0; i < std::size(kCalls); ++i) {
    const mm::Result<> result = machine.run(i);
    ASSERT_FALSE(result.ok()) << kCalls[i].name;
    EXPECT_STREQ(result.error().subject, kCalls[i].name);
  }
  test::must(mm::audit(machine.relay.pages()));
}

TEST(RelayOrder, WhatNeedsAStationNamesIt) {
  for (size_t stations = 0; stations < std::size(kCalls); ++stations) {
    Underway machine(stations);
    const char* const next = kCalls[stations].name;
    EXPECT_STREQ(machine.relay.give_back("RAMDISK").error().subject, next);
    EXPECT_STREQ(
        machine.relay.take_back(0, {mm::Pfn{0x2000}, mm::Pfn{0x2001}}, "A").error().subject, next);
    if (stations == 0) {
      EXPECT_STREQ(machine.relay.room_for_mirrored(1).error().subject, next);
      EXPECT_STREQ(machine.relay.finish().error().subject, next);
    }
    const mm::Result<Phys> early = machine.relay.boot_alloc(4096, "A");
    if (stations < 5) {
      EXPECT_STREQ(early.error().subject, next);
    } else {
      EXPECT_TRUE(early.ok());
    }
    machine.log.take();
    machine.relay.print_layout();
    const std::string said = machine.log.take();
    if (stations < 4) {
      EXPECT_EQ(said, std::string("relay: ") + next +
                          ": is the next station and was not called, print_layout\n");
    } else {
      EXPECT_TRUE(said.starts_with("Zone ranges:\n")) << said;
    }
  }
  EXPECT_FALSE(Underway(std::size(kCalls)).relay.boot_alloc(4096, "A").ok());
}

TEST(RelayOrder, APlatformWithoutTrimGoesOnWithTheNodes) {
  mm::Platform platform = mm::x86_64_platform();
  platform.trim = nullptr;
  Underway machine(1, platform);
  const mm::Result<> result = machine.run(1);
  ASSERT_FALSE(result.ok());
  EXPECT_STREQ(result.error().subject, "trim");
  for (size_t i = 2; i < std::size(kCalls); ++i) test::must(machine.run(i));
  EXPECT_TRUE(machine.relay.trims().all().empty());
}

TEST(RelayOrder, FinishGoesOnFromWhereverTheRelayStands) {
  test::RelayOptions options;
  options.cpus = 1;
  const std::vector<std::string> whole = test::Relayed(kTwoNodes, options).buddy();
  for (size_t stations = 1; stations < std::size(kCalls); ++stations) {
    Underway machine(stations);
    test::must(machine.relay.finish({.numa = machine.machine.numa()}));
    EXPECT_EQ(test::blocks_of(machine.relay), whole) << stations;
  }
}

}  // namespace
