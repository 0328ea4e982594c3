// Inputs that are bytes rather than lines: device trees, replay's own JSON, Baton's record of the map.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "loader/map_record.h"
#include "tests/unit/fdt_bytes.h"
#include "tools/replay/machine_text.h"
#include "tools/replay/program/device_tree.h"
#include "tools/replay/program/given.h"
#include "tools/replay/program/machine_json.h"
#include "tools/replay/replayed.h"
#include "tools/replay/said.h"

namespace {

using fdt_test::Tree;
using replay::BadInput;
using replay::Machine;
using replay::MachineKind;

Machine read(const std::string& bytes, const char* name = "given") {
  return replay::read_given({{name, bytes}}, 0, [](const std::string&) {}).machine;
}
Machine read(const Tree& tree) {
  const std::vector<uint8_t> bytes = tree.bytes();
  return read(std::string(bytes.begin(), bytes.end()), "a.dtb");
}

std::string why_not(const std::string& bytes) {
  try {
    (void)read(bytes);
  } catch (const BadInput& error) {
    return error.what();
  }
  return "it was read";
}

bool says(const Machine& machine, const std::string& words) {
  for (const replay::Remark& remark : machine.remarks) {
    if (remark.text.find(words) != std::string::npos) return true;
  }
  return false;
}

std::string facts(const Machine& machine) {
  const std::string text = replay::facts_text(machine, "m");
  return text.substr(text.find('\n') + 1);
}

// --- Device trees --------------------------------------------------------------------------------

Tree board(const char* core, uint32_t gib) {
  Tree tree;
  tree.begin("").cells("#address-cells", {1}).cells("#size-cells", {1});
  tree.begin("cpus").cells("#address-cells", {1}).cells("#size-cells", {0});
  tree.begin("cpu@0").text("device_type", "cpu").text("compatible", core).cells("reg", {0}).end();
  tree.end();
  tree.begin("memory@40000000").text("device_type", "memory");
  tree.cells("reg", {0x4000'0000, gib << 30}).end();
  return tree;
}

//   0x40000000          0x44000000 0x44200000                0x80000000
//   |  RAM              |  kept, twice |       RAM           |
TEST(ReplayInputs, ADeviceTree) {
  Tree tree = board("arm,cortex-a53", 1);
  tree.reserve(0x4400'0000, 0x10'0000);
  tree.begin("reserved-memory").cells("#address-cells", {1}).cells("#size-cells", {1});
  tree.flag("ranges");
  tree.begin("framebuffer@44080000").cells("reg", {0x4408'0000, 0x18'0000}).flag("no-map").end();
  tree.begin("cma").cells("size", {0x100'0000}).end();
  tree.end().end();
  Machine machine = read(tree);
  EXPECT_TRUE(says(machine, "where UEFI starts the machine"));
  machine.remarks.clear();
  EXPECT_EQ(facts(machine),
            "rules arm64\n\n"
            "e820 0x000040000000 0x000080000000 usable\n"
            "kept 0x000044000000 0x000044100000 FDT MEMRESERVE\n"
            "kept 0x000044080000 0x000044200000 FDT RESERVED\n");
  replay::Replayed replayed;
  ASSERT_TRUE(replayed.run(machine).ok());
  EXPECT_EQ(replayed.open(), "");
  const auto* kept = replayed.relay().reservations().find(mm::Phys{0x441f'ffff});
  ASSERT_NE(kept, nullptr);
  EXPECT_EQ(kept->range, (mm::Range{mm::Phys{0x4400'0000}, mm::Phys{0x4420'0000}}));
  EXPECT_STREQ(kept->name, "FDT MEMRESERVE");
}

TEST(ReplayInputs, ADeviceTreesArchitecture) {
  EXPECT_EQ(read(board("arm,armv8", 1).end()).kind, MachineKind::Arm64);
  EXPECT_EQ(read(board("arm,cortex-a510", 1).end()).kind, MachineKind::Arm64);
  EXPECT_EQ(read(board("arm,cortex-a5", 1).end()).kind, MachineKind::Arm);
  const Machine small = read(board("arm,arm1176jzf-s", 1).end());
  EXPECT_EQ(small.kind, MachineKind::Arm);
  EXPECT_EQ(small.end_of_low, mm::Phys{0x7000'0000});
  EXPECT_TRUE(says(small, "lowmem is taken as 768 MiB"));
  const Machine riscv = read(board("riscv", 1).end());
  EXPECT_TRUE(says(riscv, "RISC-V"));
}

TEST(ReplayInputs, ADeviceTreeThatSaysLittle) {
  const auto bytes_of = [](const Tree& tree) {
    const std::vector<uint8_t> bytes = tree.bytes();
    return std::string(bytes.begin(), bytes.end());
  };
  const std::string empty = bytes_of(board("arm,armv8", 0).end());
  EXPECT_NE(why_not(empty).find("it looks like a device tree"), std::string::npos)
      << why_not(empty);
  EXPECT_TRUE(says(replay::machine_of_tree({"a.dtb", empty}), "its memory nodes have no size"));
  EXPECT_NE(why_not(empty.substr(0, empty.size() - 9)).find("a device tree: error"),
            std::string::npos);
  Tree lost = board("arm,armv8", 1);
  lost.begin("memory@0").cells("reg", {1}).end();
  EXPECT_TRUE(says(read(lost.end()), "memory@0"));
}

// --- JSON ----------------------------------------------------------------------------------------

std::string json_with(const std::string& change, const std::string& by) {
  Machine machine;
  machine.firmware = {{{mm::Phys{0}, mm::Phys{0x1000'0000}}, mm::E820Type::Ram}};
  machine.srat.push_back({.node = 3, .range = {mm::Phys{0}, mm::Phys{0x1000'0000}}});
  machine.distances = {10, 20, 20, 10};
  std::string text = "{\"replay\": 2, \"machine\": " + replay::json_of(machine).dump() + "}";
  const size_t at = text.find(change);
  EXPECT_NE(at, std::string::npos) << change;
  return text.replace(at, change.size(), by);
}

TEST(ReplayInputs, WhatIsWrongInJsonIsNamed) {
  const struct {
    const char *change, *by, *why;
  } kWrong[] = {
      {"\"replay\": 2", "\"replay\": 3", "given: replay's JSON of version 3, of which 1 and 2 are"},
      {"\"kind\":\"pc\"", "\"kind\":\"pcs\"", "machine.kind is no word that is known"},
      {"\"end\":268435456", "\"end\":0", "machine.firmware[0] is empty"},
      {"\"end\":268435456", "\"end\":4503599627370497", "machine.firmware[0] reaches above 2^52"},
      {"\"end\":268435456", "\"end\":-1", "machine.firmware[0].end is no number"},
      {"\"usable\"", "\"useable\"", "machine.firmware[0].type is no type of memory"},
      {"\"node\":3", "\"node\":5000", "machine.srat[0].node is too large (most 1023)"},
      {"\"hotplug\":false,", "", "machine.srat[0].hotplug is missing"},
      {"[10,20]", "[10]", "machine.distances[0] is not as long as there are rows"},
      {"\"cpus\":null", "\"cpus\":{}", "machine.cpus.enabled is missing"},
      {"\"mirrored\":[]", "\"mirrored\":{}", "machine.mirrored is no list"},
      {"}}", "", "is not whole JSON"},
  };
  for (const auto& [change, by, why] : kWrong) {
    const std::string said = why_not(json_with(change, by));
    EXPECT_NE(said.find(why), std::string::npos) << said;
  }
  EXPECT_EQ(why_not(json_with("{", "\n { ")), "it was read");
}

TEST(ReplayInputs, Version1OfJsonIsReadAsFarAsItGoes) {
  const Machine machine = read(R"({
 "replay": 1, "input": "x", "findings": [],
 "firmware": [{"type": "usable", "start": 0, "end": 268435456}], "user": [],
 "srat": [{"node": 1, "hotplug": true, "nonvolatile": false, "start": 0, "end": 268435456}],
 "speeds": [{"from": 0, "to": 1, "kind": "latency_ps", "value": 7}]})");
  EXPECT_EQ(machine.firmware.size(), 1u);
  EXPECT_TRUE(machine.named.has(1));
  EXPECT_EQ(machine.speeds.front().value, 7u);
  EXPECT_TRUE(says(machine, "taken for a PC of 64 bits"));
}

// --- Baton's record of the map -------------------------------------------------------------------

TEST(ReplayInputs, BatonsRecordOfTheMap) {
  using Type = loader::EfiMemoryType;
  const loader::MapRange map[] = {{{mm::Phys{0}, mm::Phys{0xa'0000}}, Type::Conventional},
                                  {{mm::Phys{0x10'0000}, mm::Phys{0x8000'0000}}, Type::AcpiNvs},
                                  {{mm::Phys{0x8000'0000}, mm::Phys{0x8000'1000}}, Type{77}}};
  std::string text;
  loader::print_map_record(map, {2026, 7, 1, 12, 0}, replay::into(text));
  const Machine whole = read(text, "map.txt");
  EXPECT_EQ(facts(whole),
            "\ne820 0x000000000000 0x0000000a0000 usable\n"
            "e820 0x000000100000 0x000080000000 acpi-nvs\n");
  const Machine torn = read(text.substr(0, text.find("sum=")), "map.txt");
  EXPECT_TRUE(says(torn, "it was not written whole; what can be read is taken"));
  EXPECT_EQ(torn.firmware.size(), 2u);
  std::string damaged = text;
  damaged[text.find("000000000009ffff") + 15] = 'e';
  EXPECT_TRUE(says(read(damaged, "map.txt"), "cannot be read: 0000000000000000-000000000009fffe"));
}

}  // namespace
