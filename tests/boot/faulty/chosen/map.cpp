// The memory map: its form, its order, its entries, and what asking for it comes to.
#include "tests/boot/faulty/chosen/chosen.h"

namespace faulty::chosen {
namespace {

constexpr UINTN kMost = 24'000;     // entries
constexpr UINTN kRaw = 128 * 1024;  // bytes of the true map
constexpr UINT64 kPage = 4096;
constexpr UINTN kUsual = 48;

EFI_MEMORY_DESCRIPTOR* entries = nullptr;
UINTN count = 0;
UINT8* raw = nullptr;

UINTN calls = 0;
UINTN stride_told = kUsual;
UINTN more_stride = 0;  // from one call to the next
UINTN more_size = 0;    // than the entries come to
UINT32 version_told = EFI_MEMORY_DESCRIPTOR_VERSION;
UINT64 number_given = 0;
UINTN first_failure = 0;  // 0: none
EFI_STATUS failure = EFI_DEVICE_ERROR;

using Change = void (*)();
Change changes[4] = {};
UINTN change_count = 0;

void fetch_true(UINTN* key) {
  UINTN size = kRaw;
  UINTN stride = 0;
  UINT32 version = 0;
  count = 0;
  auto* const map = reinterpret_cast<EFI_MEMORY_DESCRIPTOR*>(raw);
  if (true_get_memory_map(&size, map, key, &stride, &version) != EFI_SUCCESS) return;
  for (UINTN at = 0; at < size; at += stride) {
    entries[count++] = *reinterpret_cast<EFI_MEMORY_DESCRIPTOR*>(raw + at);
  }
}

void put(UINT8* to, UINTN stride) {
  for (UINTN i = 0; i < count; ++i) {
    const auto* const from = reinterpret_cast<const UINT8*>(&entries[i]);
    for (UINTN at = 0; at < stride; ++at) {
      to[i * stride + at] = at < sizeof(entries[i]) ? from[at] : 0xa5;
    }
  }
}

EFI_STATUS EFIAPI bent(UINTN* size, EFI_MEMORY_DESCRIPTOR* map, UINTN* key, UINTN* stride,
                       UINT32* version) {
  if (!CALLED_BY_BATON) return true_get_memory_map(size, map, key, stride, version);
  ++calls;
  if (first_failure != 0 && calls >= first_failure) return failure;
  fetch_true(key);
  for (UINTN i = 0; i < change_count; ++i) changes[i]();
  const UINTN now = stride_told + more_stride * calls;
  const UINTN room = *size;
  *stride = now;
  *version = version_told;
  *size = count * now + more_size;
  if (map == nullptr || room < *size) return EFI_BUFFER_TOO_SMALL;
  put(reinterpret_cast<UINT8*>(map), now);
  return EFI_SUCCESS;
}

EFI_STATUS start(EFI_BOOT_SERVICES& services) {
  if (entries != nullptr) return EFI_SUCCESS;
  void* place = nullptr;
  EFI_STATUS status = services.AllocatePool(EfiLoaderData, kMost * sizeof(*entries), &place);
  if (EFI_ERROR(status)) return status;
  entries = static_cast<EFI_MEMORY_DESCRIPTOR*>(place);
  status = services.AllocatePool(EfiLoaderData, kRaw, &place);
  if (EFI_ERROR(status)) return status;
  raw = static_cast<UINT8*>(place);
  return bend_memory_map(services, bent);
}

void add(UINT32 type, UINT64 begin, UINT64 pages, UINT64 attributes = 0xf) {
  if (count < kMost) entries[count++] = {type, 0, begin, 0, pages, attributes};
}

EFI_MEMORY_DESCRIPTOR& largest_free() {
  EFI_MEMORY_DESCRIPTOR* largest = &entries[0];
  UINT64 pages = 0;
  for (UINTN i = 0; i < count; ++i) {
    if (entries[i].Type != EfiConventionalMemory || entries[i].NumberOfPages <= pages) continue;
    largest = &entries[i];
    pages = largest->NumberOfPages;
  }
  return *largest;
}

// --- Changes ---------------------------------------------------------------------------------------

void swap(UINTN a, UINTN b) {
  const EFI_MEMORY_DESCRIPTOR kept = entries[a];
  entries[a] = entries[b];
  entries[b] = kept;
}

void turn_round() {
  for (UINTN i = 0; i < count / 2; ++i) swap(i, count - 1 - i);
}

void shuffle() {
  UINT32 chance = 12345;
  for (UINTN i = count; i > 1; --i) {
    chance = chance * 1664525 + 1013904223;
    swap(i - 1, (chance >> 8) % i);
  }
}

// Each twice, and a reserved one over the middle of what is free.
void overlap() {
  const EFI_MEMORY_DESCRIPTOR free = largest_free();
  for (UINTN i = 0, end = count; i < end && count < kMost; ++i) entries[count++] = entries[i];
  add(EfiReservedMemoryType, free.PhysicalStart + free.NumberOfPages / 8 * kPage, 256);
}

// One that says that all is free, from 0 to that address.
void cover() { add(EfiConventionalMemory, 0, number_given / kPage); }

void wrap() {
  add(EfiConventionalMemory, 0xffff'ffff'ffff'f000, 2);
  add(EfiReservedMemoryType, 0xffff'ffff'0000'0000, 0x200000);
  add(EfiConventionalMemory, 0x1000, ~UINT64{0});
  add(EfiACPIMemoryNVS, UINT64{1} << 51, ~UINT64{0} / kPage);
}

void add_empty() {
  const UINT64 free = largest_free().PhysicalStart;
  add(EfiConventionalMemory, free, 0);
  add(EfiReservedMemoryType, free + kPage, 0);
  add(0xffff'ffff, ~UINT64{0}, 0);
}

void add_unaligned() {
  const UINT64 free = largest_free().PhysicalStart;
  add(EfiConventionalMemory, free + 0x123, 3);
  add(EfiReservedMemoryType, free + 16 * kPage + 0x800, 1);
  add(EfiACPIMemoryNVS, free + 32 * kPage + 1, 1);
}

void give_attributes() {
  for (UINTN i = 0; i < count; ++i) entries[i].Attribute = number_given;
}

// Cuts pages off what is free, one an entry: that many, every second one of `type`.
void cut(UINT64 pieces, UINT32 type) {
  EFI_MEMORY_DESCRIPTOR& free = largest_free();
  for (UINT64 i = 0; i < pieces && free.NumberOfPages > 1 && count < kMost; ++i) {
    add(i % 2 == 0 ? UINT32{EfiConventionalMemory} : type, free.PhysicalStart, 1, free.Attribute);
    free.PhysicalStart += kPage;
    --free.NumberOfPages;
  }
}
void cut_free() { cut(number_given, EfiBootServicesData); }
void cut_islands() { cut(number_given, EfiReservedMemoryType); }
void grow() { cut(number_given * calls, EfiBootServicesData); }

void unknown_types() {
  constexpr UINT32 kTypes[] = {0x1234, 0x6fff'ffff, 0x7000'0001, 0x8000'0001, 0xffff'ffff, 17};
  for (const UINT32 type : kTypes) {
    EFI_MEMORY_DESCRIPTOR& free = largest_free();
    add(type, free.PhysicalStart, 16, free.Attribute);
    free.PhysicalStart += 16 * kPage;
    free.NumberOfPages -= 16;
  }
}

void free_is() {
  for (UINTN i = 0; i < count; ++i) {
    if (entries[i].Type == EfiConventionalMemory)
      entries[i].Type = static_cast<UINT32>(number_given);
  }
}

void all_is() {
  for (UINTN i = 0; i < count; ++i) entries[i].Type = static_cast<UINT32>(number_given);
}

void forget_all() { count = 0; }

// What is loaded, or was allocated by a program, is in no entry.
void forget_loaded() {
  for (UINTN i = 0; i < count;) {
    const bool loaded = entries[i].Type == EfiLoaderCode || entries[i].Type == EfiLoaderData;
    if (loaded) {
      entries[i] = entries[--count];
    } else {
      ++i;
    }
  }
}

// --- Bends -----------------------------------------------------------------------------------------

template <Change change>
EFI_STATUS changed(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64 number) {
  if (number != 0) number_given = number;
  if (change_count == sizeof(changes) / sizeof(changes[0])) return EFI_OUT_OF_RESOURCES;
  changes[change_count++] = change;
  return start(services);
}

template <UINTN& value>
EFI_STATUS told(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64 number) {
  value = static_cast<UINTN>(number);
  return start(services);
}

EFI_STATUS version(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64 number) {
  version_told = static_cast<UINT32>(number);
  return start(services);
}

EFI_STATUS fails(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64 number) {
  if (first_failure == 0) first_failure = 1;
  failure = error_of(number);
  return start(services);
}

// Success, and nothing else.
EFI_STATUS EFIAPI silent(UINTN* size, EFI_MEMORY_DESCRIPTOR* map, UINTN* key, UINTN* stride,
                         UINT32* version) {
  if (!CALLED_BY_BATON) return true_get_memory_map(size, map, key, stride, version);
  *stride = kUsual;
  return EFI_SUCCESS;
}
EFI_STATUS says_nothing(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64) {
  return bend_memory_map(services, silent);
}

// --- Leaving ---------------------------------------------------------------------------------------

EFI_STATUS stale(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64 number) {
  bend_exit(services, number == 0 ? ~UINTN{0} : static_cast<UINTN>(number));
  return EFI_SUCCESS;
}

EFI_STATUS exit_status = EFI_SUCCESS;

EFI_STATUS EFIAPI failing_exit(EFI_HANDLE /*image*/, UINTN /*key*/) { return exit_status; }

EFI_STATUS exit_fails(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64 number) {
  exit_status = error_of(number);
  services.ExitBootServices = failing_exit;
  return EFI_SUCCESS;
}

// The first try fails, and then there is no map any more.
EFI_STATUS EFIAPI exit_without_map(EFI_HANDLE /*image*/, UINTN /*key*/) {
  first_failure = 1;
  return EFI_INVALID_PARAMETER;
}
EFI_STATUS map_fails_after_exit(EFI_BOOT_SERVICES& services, EFI_LOADED_IMAGE& /*baton*/, UINT64) {
  services.ExitBootServices = exit_without_map;
  return start(services);
}

constexpr Bend kBends[] = {
    {"stride", told<stride_told>},
    {"stride-grows", told<more_stride>},
    {"map-size-more", told<more_size>},
    {"map-fails-from", told<first_failure>},
    {"map-fails", fails},
    {"map-version", version},
    {"map-silent", says_nothing},
    {"map-reversed", changed<turn_round>},
    {"map-shuffled", changed<shuffle>},
    {"map-overlaps", changed<overlap>},
    {"map-covered", changed<cover>},
    {"map-wraps", changed<wrap>},
    {"map-empty-entries", changed<add_empty>},
    {"map-unaligned", changed<add_unaligned>},
    {"map-attributes", changed<give_attributes>},
    {"map-pieces", changed<cut_free>},
    {"map-islands", changed<cut_islands>},
    {"map-grows", changed<grow>},
    {"map-unknown-types", changed<unknown_types>},
    {"map-free-is", changed<free_is>},
    {"map-all-is", changed<all_is>},
    {"map-of-nothing", changed<forget_all>},
    {"map-without-loaded", changed<forget_loaded>},
    {"exit-stale", stale},
    {"exit-fails", exit_fails},
    {"exit-loses-map", map_fails_after_exit},
};

}  // namespace

std::span<const Bend> map_bends() { return kBends; }

}  // namespace faulty::chosen
