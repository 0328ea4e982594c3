// A firmware with ACPI has a device tree, too, as some boards' have that offer both. It names another
// machine, without CPUs, and a range that is in use.
#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

constexpr EFI_GUID kDeviceTree = {
    0xb1b621d5, 0xf19c, 0x41a5, {0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0}};
constexpr UINT32 kWord = 4;
constexpr UINT32 kReserved = 10;  // words before each block, and of them all
constexpr UINT32 kStructure = kReserved + 8;
constexpr UINT32 kStrings = kStructure + 9;
constexpr UINT32 kEnd = kStrings + 2;

// Devicetree Specification 0.4, chapter 5; its words have the first byte first.
constexpr UINT32 kTree[kEnd] = {
    0xd00dfeed, kEnd* kWord, kStructure* kWord, kStrings* kWord, kReserved* kWord, 17, 16, 0,
    (kEnd - kStrings) * kWord, (kStrings - kStructure) * kWord,
    // Reserved: 64 KiB at 0x5000'0000, and the end.
    0, 0x5000'0000, 0, 0x1'0000, 0, 0, 0, 0,
    // The root, which has one property: model, "no PC".
    1, 0, 3, 6, 0, 0x6e6f'2050, 0x4300'0000, 2, 9, 0x6d6f'6465, 0x6c00'0000};

}  // namespace

EFI_STATUS bend(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/) {
  EFI_PHYSICAL_ADDRESS page = 0;
  const EFI_STATUS status =
      services.AllocatePages(AllocateAnyPages, EfiACPIReclaimMemory, 1, &page);
  if (EFI_ERROR(status)) return status;
  for (UINTN i = 0; i < kEnd; ++i) at<UINT32>(page + i * kWord) = __builtin_bswap32(kTree[i]);
  EFI_GUID guid = kDeviceTree;
  return services.InstallConfigurationTable(&guid, reinterpret_cast<void*>(page));
}

}  // namespace faulty
