#include "tests/boot/faulty/faulty.h"

namespace faulty {
namespace {

bool is(UINT64 table, const char* signature) {
  for (UINTN i = 0; i < 4; ++i) {
    if (at<char>(table + i) != signature[i]) return false;
  }
  return true;
}

}  // namespace

bool same(const EFI_GUID& a, const EFI_GUID& b) {
  for (UINTN i = 0; i < sizeof a; ++i) {
    if (reinterpret_cast<const UINT8*>(&a)[i] != reinterpret_cast<const UINT8*>(&b)[i])
      return false;
  }
  return true;
}

UINT64 find_rsdp() {
  constexpr EFI_GUID kAcpi = {
      0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
  for (UINTN i = 0; i < ST->NumberOfTableEntries; ++i) {
    const EFI_CONFIGURATION_TABLE& table = ST->ConfigurationTable[i];
    if (same(table.VendorGuid, kAcpi)) return reinterpret_cast<UINTN>(table.VendorTable);
  }
  return 0;
}

UINT64 find_xsdt() {
  const UINT64 rsdp = find_rsdp();
  return rsdp == 0 ? 0 : at<UINT64>(rsdp + 24);
}

UINT64* table_pointer(const char* signature) {
  const UINT64 xsdt = find_xsdt();
  if (xsdt == 0) return nullptr;
  for (UINT64 pointer = xsdt + 36; pointer < xsdt + at<UINT32>(xsdt + 4); pointer += 8) {
    if (is(at<UINT64>(pointer), signature)) return &at<UINT64>(pointer);
  }
  return nullptr;
}

void mend_checksum(UINT64 table) {
  UINT8 sum = 0;
  at<UINT8>(table + 9) = 0;
  for (UINTN i = 0; i < at<UINT32>(table + 4); ++i) sum += at<UINT8>(table + i);
  at<UINT8>(table + 9) = static_cast<UINT8>(0 - sum);
}

EFI_STATUS add_madt_entry(EFI_BOOT_SERVICES& services, const UINT8* entry) {
  const UINT64 xsdt = find_xsdt();
  UINT64* const pointer = table_pointer("APIC");
  if (xsdt == 0 || pointer == nullptr) return EFI_NOT_FOUND;
  const UINT32 length = at<UINT32>(*pointer + 4);
  const UINT8 more = entry[1];
  void* place = nullptr;
  const EFI_STATUS status = services.AllocatePool(EfiACPIReclaimMemory, length + more, &place);
  if (EFI_ERROR(status)) return status;
  const auto table = reinterpret_cast<UINTN>(place);
  for (UINT32 i = 0; i < length; ++i) at<UINT8>(table + i) = at<UINT8>(*pointer + i);
  for (UINT8 i = 0; i < more; ++i) at<UINT8>(table + length + i) = entry[i];
  at<UINT32>(table + 4) = length + more;
  mend_checksum(table);
  *pointer = table;
  mend_checksum(xsdt);
  return EFI_SUCCESS;
}

}  // namespace faulty
