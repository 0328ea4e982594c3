#include <gtest/gtest.h>

#include <vector>

#include "loader/acpi/fadt.h"
#include "loader/acpi/madt.h"
#include "loader/acpi/spcr.h"
#include "tests/unit/acpi_bytes.h"

namespace kernel {
namespace {

using acpi_test::Bytes;
using acpi_test::Log;

std::vector<uint8_t> dsdt(std::vector<uint8_t> code) {
  return acpi_test::table("DSDT", 2, Bytes().put(code));
}

TEST(S5, FoundInEitherSpelling) {
  // Name (_S5_, Package (0x04) {Zero, Zero, Zero, Zero}), as QEMU has it
  const auto zeros =
      loader::find_s5(dsdt({0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0, 0, 0, 0}));
  ASSERT_TRUE(zeros.has_value());
  EXPECT_EQ(zeros->a, 0);
  // Name (\_S5_, Package (0x02) {0x07, One}) with a two-byte package length
  const auto bytes = loader::find_s5(
      dsdt({0x08, '\\', '_', 'S', '5', '_', 0x12, 0x46, 0x00, 0x02, 0x0a, 0x07, 0x01}));
  ASSERT_TRUE(bytes.has_value());
  EXPECT_EQ(bytes->a, 7);
  EXPECT_EQ(bytes->b, 1);
}

TEST(S5, NotFoundWhereItIsSomethingElse) {
  EXPECT_FALSE(loader::find_s5(dsdt({'_', 'S', '5', '_', 0x12, 0x06, 0x04, 0, 0})).has_value());
  EXPECT_FALSE(loader::find_s5(dsdt({0x08, '_', 'S', '5', '_'})).has_value());
  EXPECT_FALSE(loader::find_s5(dsdt({0x08, '_', 'S', '5', '_', 0x12, 0xc6, 0x04})).has_value());
  EXPECT_FALSE(
      loader::find_s5(dsdt({0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a})).has_value());
  EXPECT_FALSE(
      loader::find_s5(dsdt({0x08, '_', 'S', '4', '_', 0x12, 0x06, 0x04, 0, 0})).has_value());
  EXPECT_FALSE(loader::find_s5({}).has_value());
}

std::vector<uint8_t> fadt(size_t size) {
  std::vector<uint8_t> t = acpi_test::table("FACP", 3, Bytes().zeros(size - 36));
  t[48] = 0xb2;  // SMI_CMD
  t[52] = 0xf1;  // ACPI_ENABLE
  t[64] = 0x04;  // PM1a_CNT_BLK
  t[65] = 0x06;
  t[76] = 0x08;  // PM_TMR_BLK
  t[77] = 0x06;
  return t;
}

TEST(Fadt, OldTablesHaveTheOldFields) {
  const auto facts = loader::parse_fadt(fadt(116));
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts.value().pm1a_control.address, 0x604U);
  EXPECT_EQ(facts.value().pm1b_control.address, 0U);
  EXPECT_EQ(facts.value().pm_timer, 0x608U);
  EXPECT_EQ(facts.value().smi_command, 0xb2U);
  EXPECT_EQ(facts.value().reset.address, 0U);
  EXPECT_FALSE(loader::parse_fadt(fadt(116)).value().s5.has_value());
  EXPECT_FALSE(loader::parse_fadt(std::vector<uint8_t>(115)).ok());
}

TEST(Fadt, ReducedHardwareHasASleepRegister) {
  auto t = fadt(268);
  t[114] = 0x10;  // flags: bit 20
  t[244] = 0;     // memory
  t[248] = 0x40;
  t[251] = 0xfe;
  const auto facts = loader::parse_fadt(t);
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts.value().sleep_control.address, 0xfe00'0040U);
  EXPECT_EQ(facts.value().sleep_control.space, loader::GenericAddress::kMemory);
  EXPECT_EQ(facts.value().pm1a_control.address, 0U) << "what stands there means nothing";
  t.resize(244);
  EXPECT_EQ(loader::parse_fadt(t).value().sleep_control.address, 0U);
}

TEST(Fadt, NewTablesHaveResetAndWideAddresses) {
  auto t = fadt(244);
  t[113] = 4;  // flags: bit 10, the reset register is there
  t[116] = 1;  // an I/O port
  t[120] = 0xf9;
  t[121] = 0x0c;
  t[128] = 0x0f;
  t[172] = 1;
  t[176] = 0x44;
  const auto facts = loader::parse_fadt(t);
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts.value().reset.address, 0xcf9U);
  EXPECT_EQ(facts.value().reset.space, loader::GenericAddress::kIo);
  EXPECT_EQ(facts.value().reset_value, 0x0f);
  EXPECT_EQ(facts.value().pm1a_control.address, 0x44U);
  t[113] = 0;
  EXPECT_EQ(loader::parse_fadt(t).value().reset.address, 0U) << "the flag says there is none";
}

std::vector<uint8_t> madt(const Bytes& entries) {
  return acpi_test::table("APIC", 3, Bytes().u32(0xfee00000).u32(1).put(entries.bytes()));
}

TEST(Madt, CountsWhatIsThereAndWhatMayCome) {
  Bytes e;
  e.u8(0).u8(8).u8(0).u8(0).u32(1);              // CPU 0
  e.u8(0).u8(8).u8(1).u8(1).u32(0);              // neither there nor to come
  e.u8(0).u8(8).u8(2).u8(2).u32(2);              // may be plugged in
  e.u8(9).u8(16).u16(0).u32(300).u32(1).u32(3);  // an x2APIC
  e.u8(1).u8(12).u8(0).u8(0).u32(0xfec00000).u32(0);
  e.u8(5).u8(12).u16(0).u64(0x1fee00000);
  std::vector<loader::MadtCpu> storage(4);
  Log log;
  const auto m = loader::parse_madt(madt(e), storage, log.printer());
  ASSERT_TRUE(m.ok());
  EXPECT_EQ(m.value().cpus.size(), 3U);
  EXPECT_EQ(m.value().enabled, 2U);
  EXPECT_EQ(m.value().cpus[2].apic_id, 300U);
  EXPECT_EQ(m.value().local_apic, 0x1fee00000U);
  EXPECT_EQ(m.value().io_apics, 1U);
  EXPECT_EQ(log.text(), "smpboot: Allowing 3 CPUs, 1 hotplug CPUs\n");
  Log short_of_room;
  const auto first =
      loader::parse_madt(madt(e), std::span(storage).first(2), short_of_room.printer());
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first.value().cpus.size(), 2U);
  EXPECT_EQ(first.value().left_out, 1U);
  EXPECT_EQ(first.value().io_apics, 1U) << "what comes behind is read";
  EXPECT_EQ(short_of_room.text(),
            "ACPI: MADT: 1 CPUs behind the first 2 left out\n"
            "smpboot: Allowing 2 CPUs, 1 hotplug CPUs\n");
}

TEST(Madt, BadEntriesAreErrors) {
  std::vector<loader::MadtCpu> storage(4);
  Log log;
  EXPECT_FALSE(loader::parse_madt(madt(Bytes().u8(0).u8(4).u16(0)), storage, log.printer()).ok());
  EXPECT_FALSE(loader::parse_madt(madt(Bytes().u8(0).u8(0)), storage, log.printer()).ok());
  EXPECT_FALSE(loader::parse_madt(madt(Bytes().u8(0).u8(8).u16(0)), storage, log.printer()).ok());
}

std::vector<uint8_t> spcr(uint8_t type, uint8_t space, uint64_t address, uint8_t baud) {
  return acpi_test::table(
      "SPCR", 2,
      Bytes().u8(type).zeros(3).u8(space).zeros(3).u64(address).zeros(6).u8(baud).zeros(21));
}

TEST(Spcr, PortAndBaud) {
  const auto port = loader::parse_spcr(spcr(0, 1, 0x2f8, 7));
  ASSERT_TRUE(port.ok());
  EXPECT_EQ(port.value().port, 0x2f8);
  EXPECT_EQ(port.value().baud, 115200U);
  EXPECT_EQ(loader::parse_spcr(spcr(1, 1, 0x3f8, 0)).value().baud, 0U);
}

TEST(Spcr, WhatIsNoPortIsAnError) {
  EXPECT_FALSE(loader::parse_spcr(spcr(3, 1, 0x2f8, 7)).ok()) << "an ARM PL011";
  EXPECT_FALSE(loader::parse_spcr(spcr(0, 0, 0xfe000000, 7)).ok()) << "in memory";
  EXPECT_FALSE(loader::parse_spcr(spcr(0, 1, 0, 7)).ok()) << "switched off";
  EXPECT_FALSE(loader::parse_spcr(std::vector<uint8_t>(79)).ok());
}

}  // namespace
}  // namespace kernel
