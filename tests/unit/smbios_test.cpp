// What the machine is called.
#include "loader/acpi/smbios.h"

#include <gtest/gtest.h>

#include "tests/unit/acpi_bytes.h"

namespace loader {
namespace {

using acpi_test::Bytes;

// A structure of `fields` behind its header, with its strings.
Bytes& structure(Bytes& table, uint8_t type, const std::vector<uint8_t>& fields,
                 const std::vector<std::string>& strings) {
  table.u8(type).u8(4 + fields.size()).u16(type).put(fields);
  for (const std::string& text : strings) {
    table.put({text.begin(), text.end()});
    table.u8(0);
  }
  if (strings.empty()) table.u8(0);
  return table.u8(0);
}

std::string printed(const Bytes& table) {
  acpi_test::Log log;
  print_machine_name(machine_name(SmbiosStructures(table.bytes())), log.printer());
  return log.text();
}

const std::vector<uint8_t> kBiosFields{1, 2, 0, 0xe0, 3}, kTwo{1, 2};

TEST(MachineName, AsLinuxPrintsIt) {
  Bytes table;
  structure(table, 0, kBiosFields, {"ACME", "2.3", "01/02/2026"});
  structure(table, 1, kTwo, {"ACME Inc.", "Rocket 5"});
  structure(table, 2, kTwo, {"ACME", "X5-B"});
  structure(table, 127, {}, {});
  EXPECT_EQ(printed(table), "DMI: ACME Inc. Rocket 5/X5-B, BIOS 2.3 01/02/2026\n");
}

TEST(MachineName, TheFirstOfAKindWithoutABoard) {
  Bytes table;
  structure(table, 1, kTwo, {"QEMU", "Standard PC"});
  structure(table, 1, kTwo, {"second", "second"});
  structure(table, 0, kBiosFields, {"SeaBIOS", "1.16", "04/01/2014"});
  EXPECT_EQ(printed(table), "DMI: QEMU Standard PC, BIOS 1.16 04/01/2014\n");
}

TEST(MachineName, WhatIsNoTextIsNotPrinted) {
  Bytes table;
  structure(table, 1, kTwo, {"AC\x1b[2JME", "\xc3\xa4"});
  structure(table, 0, {}, {});  // no fields at all
  EXPECT_EQ(printed(table), "DMI: AC?[2JME ??, BIOS  \n");
}

TEST(MachineName, NothingToldNothingPrinted) {
  EXPECT_EQ(printed(Bytes()), "");
  Bytes table;
  structure(table, 1, {9, 9}, {"one"});
  EXPECT_EQ(printed(table), "");
  EXPECT_EQ(printed(Bytes().put({1, 200, 0, 0, 1, 2})), "");  // does not end
}

}  // namespace
}  // namespace loader
