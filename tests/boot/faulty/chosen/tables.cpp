// Tables that the firmware left: ACPI's, SMBIOS's, a device tree, and the list of them all.
#include <cstring>

#include "tests/boot/faulty/chosen/chosen.h"

namespace faulty::chosen {
namespace {

constexpr EFI_GUID kAcpi2 = {
    0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
constexpr EFI_GUID kAcpi1 = {
    0xeb9d2d30, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
constexpr EFI_GUID kSmbios3 = {
    0xf2fd1544, 0x9794, 0x4a2c, {0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94}};
constexpr EFI_GUID kSmbios2 = {
    0xeb9d2d31, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
constexpr EFI_GUID kDeviceTree = {
    0xb1b621d5, 0xf19c, 0x41a5, {0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0}};
constexpr UINTN kHeader = 36;  // of a table of ACPI's

// The list of tables is the firmware's own and goes on being used: ours is changed, and told to Baton.
EFI_CONFIGURATION_TABLE own_list[64];

void take_list(EFI_SYSTEM_TABLE& system) {
  if (system.ConfigurationTable == own_list) return;
  for (UINTN i = 0; i < system.NumberOfTableEntries; ++i)
    own_list[i] = system.ConfigurationTable[i];
  system.ConfigurationTable = own_list;
}

void lead(EFI_SYSTEM_TABLE& system, const EFI_GUID& guid, UINT64 address) {
  take_list(system);
  auto* const place = reinterpret_cast<void*>(static_cast<UINTN>(address));
  for (UINTN i = 0; i < system.NumberOfTableEntries; ++i) {
    if (!same(own_list[i].VendorGuid, guid)) continue;
    own_list[i].VendorTable = place;
    return;
  }
  own_list[system.NumberOfTableEntries++] = {guid, place};
}

UINT64 allocate(EFI_BOOT_SERVICES& services, UINTN pages) {
  EFI_PHYSICAL_ADDRESS address = 0;
  if (services.AllocatePages(AllocateAnyPages, EfiACPIReclaimMemory, pages, &address) !=
      EFI_SUCCESS) {
    return 0;
  }
  for (UINTN i = 0; i < pages * EFI_PAGE_SIZE; ++i) at<UINT8>(address + i) = 0;
  return address;
}

void sum_up(UINT64 start, UINTN length, UINTN where) {
  UINT8 sum = 0;
  at<UINT8>(start + where) = 0;
  for (UINTN i = 0; i < length; ++i) sum = static_cast<UINT8>(sum + at<UINT8>(start + i));
  at<UINT8>(start + where) = static_cast<UINT8>(0 - sum);
}

// --- The list --------------------------------------------------------------------------------------

EFI_STATUS list_count(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64 number) {
  take_list(*baton.SystemTable);
  baton.SystemTable->NumberOfTableEntries = static_cast<UINTN>(number);
  return EFI_SUCCESS;
}

EFI_STATUS list_at(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64 number) {
  baton.SystemTable->ConfigurationTable =
      reinterpret_cast<EFI_CONFIGURATION_TABLE*>(static_cast<UINTN>(number));
  return EFI_SUCCESS;
}

// --- ACPI ------------------------------------------------------------------------------------------

EFI_STATUS rsdp_at(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64 number) {
  lead(*baton.SystemTable, kAcpi1, number);
  lead(*baton.SystemTable, kAcpi2, number);
  return EFI_SUCCESS;
}

EFI_STATUS rsdp_sum(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE&, UINT64) {
  at<UINT8>(find_rsdp() + 8) ^= 1;
  return EFI_SUCCESS;
}

EFI_STATUS rsdp_length(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE&, UINT64 number) {
  at<UINT32>(find_rsdp() + 20) = static_cast<UINT32>(number);
  return EFI_SUCCESS;
}

EFI_STATUS xsdt_at(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE&, UINT64 number) {
  const UINT64 rsdp = find_rsdp();
  at<UINT64>(rsdp + 24) = number;
  sum_up(rsdp, 36, 32);
  return EFI_SUCCESS;
}

EFI_STATUS xsdt_length(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE&, UINT64 number) {
  const UINT64 xsdt = find_xsdt();
  at<UINT32>(xsdt + 4) = static_cast<UINT32>(number);
  if (number >= kHeader && number < 1000) mend_checksum(xsdt);
  return EFI_SUCCESS;
}

// All entries, or with a number the first.
void fill_xsdt(UINT64 address, bool all) {
  const UINT64 xsdt = find_xsdt();
  for (UINT64 at_entry = xsdt + kHeader; at_entry < xsdt + at<UINT32>(xsdt + 4); at_entry += 8) {
    at<UINT64>(at_entry) = address;
    if (!all) break;
  }
  mend_checksum(xsdt);
}
EFI_STATUS xsdt_cyclic(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE&, UINT64) {
  fill_xsdt(find_xsdt(), true);
  return EFI_SUCCESS;
}
EFI_STATUS xsdt_entry(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE&, UINT64 number) {
  fill_xsdt(number, false);
  return EFI_SUCCESS;
}

// An XSDT of so many entries, that all lead to one table.
EFI_STATUS xsdt_many(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, UINT64 number) {
  const UINT64 xsdt = find_xsdt();
  const auto length = static_cast<UINT32>(kHeader + 8 * number);
  const UINT64 large = allocate(services, length / EFI_PAGE_SIZE + 1);
  if (large == 0) return EFI_OUT_OF_RESOURCES;
  for (UINTN i = 0; i < kHeader; ++i) at<UINT8>(large + i) = at<UINT8>(xsdt + i);
  for (UINT64 i = 0; i < number; ++i) {
    at<UINT64>(large + kHeader + 8 * i) = at<UINT64>(xsdt + kHeader);
  }
  at<UINT32>(large + 4) = length;
  mend_checksum(large);
  return xsdt_at(services, baton, large);
}

EFI_STATUS madt_length(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE&, UINT64 number) {
  const UINT64 madt = *table_pointer("APIC");
  at<UINT32>(madt + 4) = static_cast<UINT32>(number);
  if (number >= kHeader && number < 4096) mend_checksum(madt);
  return EFI_SUCCESS;
}

EFI_STATUS madt_entry(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE&, UINT64 number) {
  const UINT64 madt = *table_pointer("APIC");
  at<UINT8>(madt + 45) = static_cast<UINT8>(number);  // of the first entry, its length
  mend_checksum(madt);
  return EFI_SUCCESS;
}

EFI_STATUS dsdt_at(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE&, UINT64 number) {
  const UINT64 fadt = *table_pointer("FACP");
  at<UINT32>(fadt + 40) = static_cast<UINT32>(number);
  if (at<UINT32>(fadt + 4) >= 148) at<UINT64>(fadt + 140) = number;
  mend_checksum(fadt);
  return EFI_SUCCESS;
}

// A table more, of which these are the bytes behind the header; `length` is what it says of itself.
EFI_STATUS add_table(EFI_BOOT_SERVICES& services, const char* signature,
                     std::span<const UINT8> body, UINTN length = 0) {
  const UINT64 xsdt = find_xsdt();
  const UINT32 old = at<UINT32>(xsdt + 4);
  const UINT64 place = allocate(services, 2);
  if (place == 0) return EFI_OUT_OF_RESOURCES;
  const UINT64 table = place + EFI_PAGE_SIZE;
  for (UINTN i = 0; i < 4; ++i) at<char>(table + i) = signature[i];
  at<UINT32>(table + 4) = static_cast<UINT32>(length != 0 ? length : kHeader + body.size());
  at<UINT8>(table + 8) = 3;
  for (UINTN i = 0; i < body.size(); ++i) at<UINT8>(table + kHeader + i) = body[i];
  mend_checksum(table);
  for (UINT32 i = 0; i < old; ++i) at<UINT8>(place + i) = at<UINT8>(xsdt + i);
  at<UINT64>(place + old) = table;
  at<UINT32>(place + 4) = old + 8;
  mend_checksum(place);
  const UINT64 rsdp = find_rsdp();
  at<UINT64>(rsdp + 24) = place;
  sum_up(rsdp, 36, 32);
  return EFI_SUCCESS;
}

struct [[gnu::packed]] SratMemory {
  UINT8 type = 1, length = 40;
  UINT32 domain = 0;
  UINT16 zero = 0;
  UINT64 base = 0, size = 0;
  UINT32 zero2 = 0, flags = 1;
  UINT64 zero3 = 0;
};
static_assert(sizeof(SratMemory) == 40);

// 0: an entry of length 0; 1: ranges that wrap, overlap and are empty; 2: an entry cut off; 3: domains
// by the hundred, each with a page; 4: RAM that is nowhere.
EFI_STATUS srat(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE&, UINT64 number) {
  static UINT8 body[12 + 100 * sizeof(SratMemory)];
  UINTN size = 12;
  const auto put = [&](const SratMemory& memory) {
    std::memcpy(body + size, &memory, sizeof memory);
    size += sizeof memory;
  };
  if (number == 0) put({.length = 0});
  if (number == 1) {
    put({.base = ~UINT64{0} - 4095, .size = 8192});
    put({.domain = 1, .base = 0, .size = ~UINT64{0}});
    put({.domain = 2, .base = 0x100'0000, .size = 0});
    put({.domain = 3, .base = 0x100'0000, .size = 0x200'0000});
  }
  if (number == 2) {
    put({.base = 0, .size = UINT64{4} << 30});
    put({});
    size -= 20;
  }
  if (number == 3) {
    for (UINT32 i = 0; i < 100; ++i) {
      put({.domain = 1000 + i, .base = 0x100'0000 + i * UINT64{8192}, .size = 4096});
    }
  }
  if (number == 4) put({.domain = ~UINT32{0}, .base = UINT64{1} << 50, .size = UINT64{1} << 40});
  return add_table(services, "SRAT", {body, size});
}

// So many localities, and hardly any distance.
EFI_STATUS slit(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, UINT64 number) {
  UINT8 body[12] = {};
  std::memcpy(body, &number, sizeof number);
  const EFI_STATUS status = srat(services, baton, 1);
  return EFI_ERROR(status) ? status : add_table(services, "SLIT", body);
}

// A structure of that length.
EFI_STATUS hmat(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, UINT64 number) {
  UINT8 body[4 + 16] = {};
  const auto length = static_cast<UINT32>(number);
  body[4] = 1;
  std::memcpy(body + 8, &length, sizeof length);
  const EFI_STATUS status = srat(services, baton, 1);
  return EFI_ERROR(status) ? status : add_table(services, "HMAT", body);
}

// --- SMBIOS ----------------------------------------------------------------------------------------

EFI_STATUS smbios_at(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64 number) {
  lead(*baton.SystemTable, kSmbios2, number);
  lead(*baton.SystemTable, kSmbios3, number);
  return EFI_SUCCESS;
}

// A right entry point, in front of structures. 0: they have the length 0; 1: no strings end; 2: their
// size is the largest there is; 3: they are nowhere.
EFI_STATUS smbios(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, UINT64 number) {
  constexpr UINTN kStructures = 64;
  const UINT64 page = allocate(services, 1);
  if (page == 0) return EFI_OUT_OF_RESOURCES;
  constexpr UINT8 kEntry[24] = {'_', 'S', 'M', '3', '_', 0, 24, 3, 0, 0, 1};
  for (UINTN i = 0; i < sizeof kEntry; ++i) at<UINT8>(page + i) = kEntry[i];
  at<UINT32>(page + 12) =
      number == 2 ? 0xffff'ffff : static_cast<UINT32>(EFI_PAGE_SIZE - kStructures);
  at<UINT64>(page + 16) = number == 3 ? UINT64{1} << 46 : page + kStructures;
  sum_up(page, 24, 5);
  for (UINTN i = kStructures; i < EFI_PAGE_SIZE; ++i) {
    at<UINT8>(page + i) = static_cast<UINT8>(number == 1 ? 'x' : 0);
  }
  at<UINT8>(page + kStructures) = 17;
  at<UINT8>(page + kStructures + 1) = static_cast<UINT8>(number == 0 ? 0 : 40);
  lead(*baton.SystemTable, kSmbios3, page);
  return EFI_SUCCESS;
}

// --- Device tree -----------------------------------------------------------------------------------

EFI_STATUS tree_at(EFI_BOOT_SERVICES&, EFI_LOADED_IMAGE& baton, UINT64 number) {
  lead(*baton.SystemTable, kDeviceTree, number);
  return EFI_SUCCESS;
}

// Its magic is right, its version too; all else is that number.
EFI_STATUS tree_of(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& baton, UINT64 number) {
  const UINT64 page = allocate(services, 1);
  if (page == 0) return EFI_OUT_OF_RESOURCES;
  const UINT32 word = __builtin_bswap32(static_cast<UINT32>(number));
  for (UINTN i = 0; i < EFI_PAGE_SIZE; i += 4) at<UINT32>(page + i) = word;
  at<UINT32>(page) = __builtin_bswap32(0xd00dfeed);
  at<UINT32>(page + 20) = __builtin_bswap32(17);
  at<UINT32>(page + 24) = __builtin_bswap32(16);
  return tree_at(services, baton, page);
}

constexpr Bend kBends[] = {
    {"tables-count", list_count},
    {"tables-at", list_at},
    {"rsdp-at", rsdp_at},
    {"rsdp-sum", rsdp_sum},
    {"rsdp-length", rsdp_length},
    {"xsdt-at", xsdt_at},
    {"xsdt-length", xsdt_length},
    {"xsdt-cyclic", xsdt_cyclic},
    {"xsdt-entry", xsdt_entry},
    {"xsdt-many", xsdt_many},
    {"madt-length", madt_length},
    {"madt-entry", madt_entry},
    {"dsdt-at", dsdt_at},
    {"srat", srat},
    {"slit", slit},
    {"hmat", hmat},
    {"smbios-at", smbios_at},
    {"smbios", smbios},
    {"tree-at", tree_at},
    {"tree-of", tree_of},
};

}  // namespace

std::span<const Bend> table_bends() { return kBends; }

}  // namespace faulty::chosen
