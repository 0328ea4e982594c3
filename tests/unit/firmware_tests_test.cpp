// A sound firmware passes every test of the firmware phase, and for each test there is a broken one
// that trips it and no other.
#include "loader/selftest/firmware_tests.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tests/support/fake_firmware.h"

namespace loader {
namespace {

using test::FakeFirmware;
using Type = EfiMemoryType;
using Map = std::vector<EfiDescriptor>;

// The ids of all tests that do not pass, with what they say.
std::map<std::string, std::string> tripped(FakeFirmware& firmware) {
  std::vector<std::byte> first(64 * 1024);
  std::vector<std::byte> second(64 * 1024);
  std::vector<std::byte> scratch(16 * 1024);
  FirmwareBench bench{firmware, firmware.facts, first, second, scratch};
  std::map<std::string, std::string> ids;
  for (const SelfTest& row : kFirmwareTestRows) {
    const Verdict verdict = run_firmware_test(row, bench);
    EXPECT_EQ(verdict.passed(), *verdict.facts() == '\0') << row.id;
    if (!verdict.passed()) ids[row.id] = verdict.facts();
  }
  return ids;
}

EfiDescriptor reserved(uint64_t start, uint64_t pages, uint64_t attributes = 0) {
  return {Type::Reserved, 0, start, 0, pages, attributes};
}

// A change of the map as it is told, every time it is.
auto bend(std::function<void(Map&)> change) {
  return [change](FakeFirmware& f) { f.bend_map = change; };
}
auto more(EfiDescriptor d) {
  return bend([d](Map& map) { map.push_back(d); });
}
EfiDescriptor& of_type(Map& map, Type type) {
  for (EfiDescriptor& d : map) {
    if (d.type == type) return d;
  }
  throw std::runtime_error("no such descriptor");
}

auto mat(std::function<void(Map&)> change) {
  return [change](FakeFirmware& f) {
    Map entries = FakeFirmware::good_mat();
    change(entries);
    f.set_mat(entries);
  };
}

using Config = std::vector<ConfigurationTable>;
auto config(std::function<void(Config&)> change) {
  return [change](FakeFirmware& f) {
    Config tables = f.config();
    change(tables);
    f.set_config(tables);
  };
}

struct Breakage {
  const char* id;
  std::function<void(FakeFirmware&)> apply;
};

const Breakage kBreakages[] = {
    {"efi.map.form", [](FakeFirmware& f) { f.bend_call = [](MapCall& c) { c.version = 2; }; }},
    {"efi.map.small-buffer", [](FakeFirmware& f) { f.small_buffer_wants = 48; }},
    {"efi.map.stable", [](FakeFirmware& f) { f.key_wanders = true; }},
    {"efi.map.stable",
     [](FakeFirmware& f) {
       f.bend_map = [n = uint64_t{0}](Map& map) mutable { map.back().virtual_start = ++n; };
     }},
    {"efi.map.alignment", more(reserved(0x2'0000'0800, 1))},
    {"efi.map.size", more(reserved(0x2'0000'0000, 0))},
    {"efi.map.size", more(reserved(0x2'0000'0000, ~uint64_t{0}))},
    {"efi.map.size", more(reserved(0xffff'ffff'ffff'f000, 1))},
    {"efi.map.reach", more(reserved(0xfffd'0000'0000, 0x30'0000))},  // 40 address bits
    {"efi.map.reach",
     [](FakeFirmware& f) {
       f.facts.ends = {.cpu = mm::Phys{uint64_t{1} << 52},
                       .memory = mm::Phys{64 * mm::kTiB},
                       .runtime = mm::Phys{128 * mm::kTiB}};
       f.bend_map = [](Map& map) {
         map.push_back({Type::MemoryMappedIo, 0, 128 * mm::kTiB, 0, 1, kEfiMemoryRuntime | 1});
       };
     }},
    {"efi.map.reach",
     [](FakeFirmware& f) {
       f.facts.ends = {.cpu = mm::Phys{uint64_t{1} << 52},
                       .memory = mm::Phys{64 * mm::kTiB},
                       .runtime = mm::Phys{128 * mm::kTiB}};
       f.bend_map = [](Map& map) {
         map.push_back({Type::Persistent, 0, 64 * mm::kTiB, 0, 1, FakeFirmware::kWb});
         map.push_back({Type::Conventional, 0, 65 * mm::kTiB, 0, 1, FakeFirmware::kWb});
       };
     }},
    {"efi.map.overlap",
     bend([](Map& map) { map.push_back(reserved(map.back().physical_start, 1)); })},
    {"efi.map.order", bend([](Map& map) { std::swap(map[0], map[1]); })},
    {"efi.map.gaps", bend([](Map& map) {
       EfiDescriptor& nvs = of_type(map, Type::AcpiNvs);
       nvs.pages -= 2;
     })},
    {"efi.map.types", more({static_cast<Type>(42), 0, 0x2'0000'0000, 0, 1, 0})},
    {"efi.map.attributes", more(reserved(0x2'0000'0000, 1, uint64_t{1} << 30))},
    {"efi.map.attributes", bend([](Map& map) { map[1].attributes = 1; })},
    {"efi.map.runtime-flag", bend([](Map& map) {
       of_type(map, Type::RuntimeServicesData).attributes = FakeFirmware::kWb;
     })},
    {"efi.map.runtime-flag", bend([](Map& map) { map[0].attributes |= kEfiMemoryRuntime; })},
    {"efi.map.runtime-align", more({Type::AcpiNvs, 0, 0x2'0000'0800, 0, 1, FakeFirmware::kWb})},
    {"efi.map.own-image",
     bend([](Map& map) { of_type(map, Type::LoaderCode).type = Type::BootServicesCode; })},
    {"efi.map.boots",
     [](FakeFirmware& f) {
       static const MapChange moved[] = {
           {MapChange::Kind::Usable, {{}, Type::Conventional}, {{}, Type::Conventional}},
           {MapChange::Kind::Moved,
            {{mm::Phys{0x1000}, mm::Phys{0x2000}}, Type::AcpiNvs},
            {{mm::Phys{0x2000}, mm::Phys{0x3000}}, Type::AcpiNvs}}};
       f.facts.over_boots.changes = moved;
     }},
    {"efi.map.stack", [](FakeFirmware& f) { f.facts.stack = 0x900'0000; }},
    {"efi.alloc.any", [](FakeFirmware& f) { f.gives_twice = true; }},
    {"efi.alloc.shows", [](FakeFirmware& f) { f.key_stays = true; }},
    {"efi.alloc.address", [](FakeFirmware& f) { f.ignores_address = true; }},
    {"efi.alloc.taken", [](FakeFirmware& f) { f.takes_taken = true; }},
    {"efi.alloc.max", [](FakeFirmware& f) { f.ignores_max = true; }},
    {"efi.alloc.type", [](FakeFirmware& f) { f.shows_wrong_type = true; }},
    {"efi.alloc.bad-type", [](FakeFirmware& f) { f.takes_bad_types = true; }},
    {"efi.alloc.huge", [](FakeFirmware& f) { f.wraps_pages = true; }},
    {"efi.alloc.zero", [](FakeFirmware& f) { f.counts_zero = true; }},
    {"efi.alloc.content",
     [](FakeFirmware& f) { f.alias(FakeFirmware::kRam - 0x1000, FakeFirmware::kRam - 0x3000); }},
    {"efi.free.returns", [](FakeFirmware& f) { f.keeps_freed = true; }},
    {"efi.free.unowned", [](FakeFirmware& f) { f.frees_free = true; }},
    {"efi.free.unaligned", [](FakeFirmware& f) { f.frees_odd = true; }},
    {"efi.pool.alignment", [](FakeFirmware& f) { f.pool_odd = true; }},
    {"efi.pool.huge", [](FakeFirmware& f) { f.pool_wraps = true; }},
    {"efi.pool.null", [](FakeFirmware& f) { f.pool_frees_null = true; }},
    {"efi.mat.sorted", mat([](Map& m) { std::swap(m[0], m[1]); })},
    {"efi.mat.inside", mat([](Map& m) { m[2].pages += 0x10; })},
    {"efi.mat.bits", mat([](Map& m) { m[2].attributes |= 8; })},
    {"efi.mat.wx", mat([](Map& m) { m[0].attributes = kEfiMemoryRuntime; })},
    {"efi.mat.coverage", mat([](Map& m) { m.erase(m.begin() + 1); })},
    {"efi.nx.stack", [](FakeFirmware& f) { f.stack_executable = true; }},
    {"efi.nx.data", [](FakeFirmware& f) { f.data_executable = true; }},
    {"efi.nx.code", [](FakeFirmware& f) { f.code_writable = true; }},
    {"efi.memory-attribute-protocol",
     [](FakeFirmware& f) { f.facts.has_memory_attribute = false; }},
    {"efi.tables.headers",
     [](FakeFirmware& f) { f.at<SystemTable>(FakeFirmware::kSystemTable).header.crc32 ^= 1; }},
    {"efi.tables.headers",
     [](FakeFirmware& f) {
       f.at<EfiTableHeader>(FakeFirmware::kBootTable).signature = 0;
       f.seal();
     }},
    {"efi.config.entries", config([](Config& c) {
       c.push_back({{1, 2, 3, {}}, 0});
     })},
    {"efi.config.entries", config([](Config& c) { c.push_back(c[0]); })},
    {"efi.config.acpi", config([](Config& c) { c.erase(c.begin()); })},
    {"efi.config.smbios", config([](Config& c) { c.erase(c.begin() + 1); })},
    {"efi.config.placement", config([](Config& c) { c[0].address = 0x10'0000; })},
    {"efi.runtime.services",
     [](FakeFirmware& f) {
       f.at<RuntimeServices>(FakeFirmware::kRuntimeTable).functions[kResetSystem] = 0x10'0000;
       f.seal();
     }},
    {"efi.runtime.services",
     [](FakeFirmware& f) {
       f.at<RuntimeServices>(FakeFirmware::kRuntimeTable).functions[kResetSystem] = 0;
       f.seal();
     }},
    {"efi.esrt", [](FakeFirmware& f) { f.at<uint32_t>(FakeFirmware::kEsrt) = 9; }},
    {"efi.esrt", config([](Config& c) { c.pop_back(); })},
    {"efi.rng", [](FakeFirmware& f) { f.random_repeats = true; }},
    {"efi.rng", [](FakeFirmware& f) { f.facts.has_rng = false; }},
    {"efi.rng", [](FakeFirmware& f) { f.facts.rng_is_null = true; }},
    {"efi.time", [](FakeFirmware& f) { f.time.month = 13; }},
    {"efi.time", [](FakeFirmware& f) { f.time.year = 1999; }},
    {"efi.variables.list", [](FakeFirmware& f) { f.variables_repeat = true; }},
    {"efi.variables.read", [](FakeFirmware& f) { f.unreadable_variable = true; }},
    {"efi.variables.missing", [](FakeFirmware& f) { f.invents_variables = true; }},
    {"efi.secure-boot", [](FakeFirmware& f) { f.variables[u"SetupMode"] = {1}; }},
    {"efi.secure-boot", [](FakeFirmware& f) { f.variables[u"SecureBoot"] = {0}; }},
    {"efi.tcg2", [](FakeFirmware& f) { f.facts.has_tcg2 = false; }},
    {"efi.graphics", [](FakeFirmware& f) { f.facts.framebuffer.pixels_per_line = 4096 * 4; }},
    {"efi.graphics", [](FakeFirmware& f) { f.facts.framebuffer.address = 0x100'0000; }},
    {"efi.graphics", [](FakeFirmware& f) { f.facts.framebuffer.address = 0x7000'0000'0000; }},
    {"efi.graphics", [](FakeFirmware& f) { f.facts.framebuffer.address = ~uint64_t{0} << 20; }},
};

TEST(FirmwareTests, ASoundFirmwarePassesAll) {
  FakeFirmware firmware;
  EXPECT_EQ(tripped(firmware), (std::map<std::string, std::string>{}));
}

TEST(FirmwareTests, EachBreakageTripsItsTestAndNoOther) {
  for (const Breakage& breakage : kBreakages) {
    FakeFirmware firmware;
    breakage.apply(firmware);
    std::set<std::string> ids;
    std::string said;
    for (const auto& [id, facts] : tripped(firmware)) {
      ids.insert(id);
      said += id + ": " + facts + "\n";
    }
    EXPECT_EQ(ids, std::set<std::string>{breakage.id}) << said;
  }
}

TEST(FirmwareTests, WhatMayMoveFromStartToStartIsNoFailure) {
  static const MapChange others[] = {
      {MapChange::Kind::Usable, {{}, Type::Conventional}, {{}, Type::Conventional}},
      {MapChange::Kind::Went, {{mm::Phys{0x1000}, mm::Phys{0x2000}}, Type::Reserved}, {}}};
  FakeFirmware firmware;
  firmware.facts.over_boots.changes = others;
  EXPECT_EQ(tripped(firmware), (std::map<std::string, std::string>{}));
  firmware.facts.over_boots.known = false;
  EXPECT_EQ(
      tripped(firmware),
      (std::map<std::string, std::string>{{"efi.map.boots", "no earlier start's map is known"}}));
}

// The Memory Attributes Table's tests hang together: one that cannot be read is told once, and the
// others have nothing to look at.
TEST(FirmwareTests, AnUnreadableAttributesTableIsToldOnce) {
  FakeFirmware firmware;
  firmware.at<uint32_t>(FakeFirmware::kMat) = 7;
  const auto said = tripped(firmware);
  EXPECT_EQ(said.at("efi.mat.form"), "version 7, 3 entries of 48 bytes");
  for (const auto& [id, facts] : said) EXPECT_EQ(id.substr(0, 8), "efi.mat.");
}

TEST(FirmwareTests, MoreVariablesThanAreComparedIsSaid) {
  constexpr size_t kCompared = 14 * 1024 / sizeof(uint64_t);
  FakeFirmware firmware;
  for (char16_t i = 0; firmware.variables.size() < kCompared + 8; ++i) {
    firmware.variables[std::u16string(u"V") + static_cast<char16_t>(u'a' + i)] = {1};
  }
  EXPECT_EQ(tripped(firmware),
            (std::map<std::string, std::string>{
                {"efi.variables.list",
                 "8 variables behind the first 1792 are compared with those only"}}));
}

TEST(FirmwareTests, EveryTestCanBeTripped) {
  std::set<std::string> ids{"efi.mat.form"};
  for (const Breakage& breakage : kBreakages) ids.insert(breakage.id);
  for (const SelfTest& row : kFirmwareTestRows) EXPECT_EQ(ids.count(row.id), 1U) << row.id;
  EXPECT_EQ(ids.size(), kFirmwareTestRows.size());
}

TEST(FirmwareTests, WhatIsAllocatedIsFreedAgain) {
  FakeFirmware firmware;
  Map before;
  firmware.bend_map = [&](Map& map) { before = map; };
  (void)tripped(firmware);
  const Map after = before;
  FakeFirmware fresh;
  fresh.bend_map = [&](Map& map) { before = map; };
  std::vector<std::byte> buffer(64 * 1024);
  MapCall call;
  call.size = buffer.size();
  ASSERT_EQ(fresh.get_memory_map(buffer.data(), call), kEfiSuccess);
  ASSERT_EQ(after.size(), before.size());
}

TEST(Crc32, OfTheSpecificationsExample) {
  const uint8_t digits[] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  EXPECT_EQ(crc32(digits), 0xcbf43926U);
}

}  // namespace
}  // namespace loader
