// The firmware phase of the self-tests: is what the firmware says about memory true, and do its
// services keep their word? Rows: loader/handoff/firmware_test_rows.h.
//
// The tests call the firmware through TestedFirmware and read its tables through a DirectMap, so
// that a firmware made up on the host can be tested too: that is how each test is shown to fail
// when it should. On the machine efi/firmware_phase.cpp stands behind it, while boot services run.
// What a test allocates it frees again. Nothing is written that outlives the phase: variables and
// the clock are only read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "loader/efi_memory_map.h"
#include "loader/handoff/efi_guid.h"
#include "loader/handoff/firmware_test_rows.h"
#include "loader/handoff/handoff.h"
#include "loader/handoff/self_test.h"
#include "loader/map_record.h"
#include "loader/reach.h"
#include "mm/direct_map.h"
#include "mm/types.h"

namespace loader {

// EFI_STATUS, UEFI 2.10 appendix D: an error has the highest bit of the firmware's own word.
using EfiStatus = size_t;
inline constexpr EfiStatus kEfiError = ~(~EfiStatus{0} >> 1);
inline constexpr EfiStatus kEfiSuccess = 0;
inline constexpr EfiStatus kEfiInvalidParameter = kEfiError | 2;
inline constexpr EfiStatus kEfiUnsupported = kEfiError | 3;
inline constexpr EfiStatus kEfiBufferTooSmall = kEfiError | 5;
inline constexpr EfiStatus kEfiOutOfResources = kEfiError | 9;
inline constexpr EfiStatus kEfiNotFound = kEfiError | 14;

enum class AllocateHow : uint32_t { AnyPages, MaxAddress, Address };

// EFI_TIME, UEFI 2.10 section 8.3.
struct EfiTime {
  uint16_t year;
  uint8_t month, day, hour, minute, second, pad1;
  uint32_t nanosecond;
  int16_t time_zone;  // minutes, or 0x7ff: local time
  uint8_t daylight, pad2;
};
static_assert(sizeof(EfiTime) == 16);

// A call of GetMemoryMap. `size` is the buffer's before, the map's (or the size needed) after.
struct MapCall {
  uint64_t size = 0, key = 0, stride = 0;
  uint32_t version = 0;
};

// How the firmware's page tables map an address.
struct LivePage {
  bool writable = false, executable = false;
};

// The services, as UEFI defines them; addresses are physical.
class TestedFirmware {
 public:
  virtual EfiStatus get_memory_map(std::byte* buffer, MapCall& call) = 0;
  virtual EfiStatus allocate_pages(AllocateHow how, uint32_t type, uint64_t pages,
                                   uint64_t& address) = 0;
  virtual EfiStatus free_pages(uint64_t address, uint64_t pages) = 0;
  virtual EfiStatus allocate_pool(uint32_t type, uint64_t size, uint64_t& address) = 0;
  virtual EfiStatus free_pool(uint64_t address) = 0;
  virtual EfiStatus get_time(EfiTime& time) = 0;
  // `size` is in bytes, `name` NUL-terminated UTF-16.
  virtual EfiStatus next_variable(uint64_t& size, char16_t* name, EfiGuid& vendor) = 0;
  virtual EfiStatus get_variable(const char16_t* name, const EfiGuid& vendor, uint64_t& size,
                                 void* data) = 0;
  // EFI_RNG_PROTOCOL.GetRNG with the default algorithm; Unsupported when there is no such protocol.
  virtual EfiStatus random(std::span<uint8_t> out) = 0;
  // Nothing: not mapped.
  virtual std::optional<LivePage> page_at(uint64_t address) = 0;

 protected:
  ~TestedFirmware() = default;
};

// What has moved in the map since an earlier start (loader/map_record.h).
struct MapOverBoots {
  bool known = false;  // whether an earlier start's map is there
  std::span<const MapChange> changes;
};

// What does not have to be asked for during a test.
struct FirmwareFacts {
  mm::DirectMap reach;
  uint64_t system_table = 0;
  mm::Range image;     // our own
  uint64_t code = 0;   // an address in our code
  uint64_t stack = 0;  // the stack pointer
  bool has_rng = false, has_tcg2 = false, has_memory_attribute = false;
  bool rng_is_null = false;          // it has no function
  HandoffFramebuffer framebuffer{};  // address 0: none
  Reach ends;                        // where addresses end
  MapOverBoots over_boots;
};

// Room for two maps and for names and values of variables, allocated before the first test and
// larger than the map is then.
struct FirmwareBench {
  TestedFirmware& firmware;
  const FirmwareFacts& facts;
  std::span<std::byte> first_map, second_map;
  std::span<std::byte> scratch;  // 8 KiB at least
};

// Runs the test of one of kFirmwareTestRows.
[[nodiscard]] Verdict run_firmware_test(const SelfTest& row, FirmwareBench& bench);

// --- For the tests' own files --------------------------------------------------------------------

using FirmwareCheck = Verdict (*)(FirmwareBench& bench);
// A row's code. An id without a row does not compile.
struct FirmwareTest {
  consteval FirmwareTest(std::string_view id, FirmwareCheck code)
      : row(&kFirmwareTestRows[firmware_test_index(id)]), check(code) {}

  const SelfTest* row;
  FirmwareCheck check;
};
[[nodiscard]] std::span<const FirmwareTest> map_tests();
[[nodiscard]] std::span<const FirmwareTest> allocation_tests();
[[nodiscard]] std::span<const FirmwareTest> attribute_table_tests();
[[nodiscard]] std::span<const FirmwareTest> table_tests();
[[nodiscard]] std::span<const FirmwareTest> service_tests();

// The map as it is now.
struct MapSnapshot {
  EfiMemoryMap map;
  uint64_t key = 0;
  uint32_t version = 0;

  // Pages of a type; of all types together.
  [[nodiscard]] uint64_t pages(EfiMemoryType type) const;
  [[nodiscard]] uint64_t pages() const;
  // The descriptor that has the address.
  [[nodiscard]] std::optional<EfiDescriptor> find(uint64_t address) const;
  // Whether each byte of the range is in a descriptor.
  [[nodiscard]] bool describes(mm::Range range) const;
};
// Fails the test when the firmware does not give a map.
[[nodiscard]] Verdict take_map(FirmwareBench& bench, std::span<std::byte> buffer, MapSnapshot& map);

// UINTN, and a pointer's number: the firmware is as wide as we are.
using FirmwareWord = uintptr_t;

// A configuration table's address (UEFI 2.10 section 4.6).
struct ConfigurationTable {
  EfiGuid guid;
  FirmwareWord address;
};
static_assert(sizeof(ConfigurationTable) == 16 + sizeof(FirmwareWord));
[[nodiscard]] std::span<const ConfigurationTable> configuration_tables(const FirmwareFacts& facts);
[[nodiscard]] std::optional<uint64_t> configuration_table(const FirmwareFacts& facts,
                                                          const EfiGuid& guid);

inline constexpr EfiGuid kAcpi20Table{
    0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
inline constexpr EfiGuid kSmbios3Table{
    0xf2fd1544, 0x9794, 0x4a2c, {0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94}};
inline constexpr EfiGuid kSmbiosTable{
    0xeb9d2d31, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
inline constexpr EfiGuid kMemoryAttributesTable{
    0xdcfa911d, 0x26eb, 0x469f, {0xa2, 0x20, 0x38, 0xb7, 0xdc, 0x46, 0x12, 0x20}};
inline constexpr EfiGuid kDeviceTreeTable{
    0xb1b621d5, 0xf19c, 0x41a5, {0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0}};
inline constexpr EfiGuid kEsrtTable{
    0xb122a263, 0x3661, 0x4f68, {0x99, 0x29, 0x78, 0xf8, 0xb0, 0xd6, 0x21, 0x80}};

// System table, boot services and runtime services: UEFI 2.10 sections 4.2 to 4.5.
inline constexpr uint64_t kSystemTableSignature = 0x5453'5953'2049'4249;      // "IBI SYST"
inline constexpr uint64_t kBootServicesSignature = 0x5652'4553'544f'4f42;     // "BOOTSERV"
inline constexpr uint64_t kRuntimeServicesSignature = 0x5652'4553'544e'5552;  // "RUNTSERV"
struct EfiTableHeader {
  uint64_t signature;
  uint32_t revision, size, crc32, reserved;
};
static_assert(sizeof(EfiTableHeader) == 24);
struct SystemTable {
  EfiTableHeader header;
  FirmwareWord firmware_vendor;
  uint32_t firmware_revision;
  FirmwareWord console[6];
  FirmwareWord runtime_services, boot_services;
  FirmwareWord table_count, tables;
};
static_assert(sizeof(SystemTable) == 24 + 12 * sizeof(FirmwareWord));
inline constexpr size_t kRuntimeFunctions = 14;  // GetTime to QueryVariableInfo
inline constexpr size_t kResetSystem = 10;
struct RuntimeServices {
  EfiTableHeader header;
  FirmwareWord functions[kRuntimeFunctions];
};
static_assert(sizeof(RuntimeServices) == 24 + kRuntimeFunctions * sizeof(FirmwareWord));

}  // namespace loader
