#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "tests/firmware/services.h"

namespace pretend {
namespace {

std::array<uint32_t, kRamPages> types;
std::map<uint64_t, uint64_t> blocks;  // that are taken: address, pages
std::map<void*, UINTN> pools;
UINTN map_key = 1;

size_t index_of(uint64_t address) { return static_cast<size_t>((address - kRam) / kPage); }

void give(uint64_t address, uint64_t pages, uint32_t type) {
  std::fill_n(types.begin() + static_cast<std::ptrdiff_t>(index_of(address)), pages, type);
  ++map_key;
}

bool is_free(uint64_t address, uint64_t pages) {
  if (address < kRam || address >= kRamEnd || pages > (kRamEnd - address) / kPage) return false;
  const auto first = types.begin() + static_cast<std::ptrdiff_t>(index_of(address));
  return std::all_of(first, first + static_cast<std::ptrdiff_t>(pages),
                     [](uint32_t type) { return type == EfiConventionalMemory; });
}

// The highest that is free below `end`; 0: there is none.
uint64_t find(uint64_t pages, uint64_t end) {
  for (uint64_t at = std::min(end, kRamEnd) - pages * kPage; at >= kRam; at -= kPage) {
    if (is_free(at, pages)) return at;
  }
  return 0;
}

}  // namespace

void reset_memory() {
  static void* const ram =
      mmap(reinterpret_cast<void*>(kRam), kRamPages * kPage, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (ram != reinterpret_cast<void*>(kRam)) machine->fault("the host has no room for the RAM");
  types.fill(EfiConventionalMemory);
  blocks.clear();
  pools.clear();
  give(kImage, kImagePages, EfiLoaderCode);
  give(kTables, 64, EfiBootServicesData);
  give(kStack, kStackPages, EfiBootServicesData);
  std::memset(reinterpret_cast<void*>(kTables), 0, kPage);
}

unsigned pages_taken() {
  unsigned pages = 0;
  for (const auto& block : blocks) pages += static_cast<unsigned>(block.second);
  return pages;
}
unsigned pools_taken() { return static_cast<unsigned>(pools.size()); }

EFI_STATUS EFIAPI allocate_pages(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, UINTN pages,
                                 EFI_PHYSICAL_ADDRESS* memory) {
  if (machine->fails("AllocatePages", true)) return machine->plan.status;
  if (pages == 0 || pages > kRamPages) return EFI_OUT_OF_RESOURCES;
  uint64_t place = 0;
  if (how == AllocateAddress) {
    if (!is_free(*memory, pages)) return EFI_NOT_FOUND;
    place = *memory;
  } else {
    place = find(pages, how == AllocateMaxAddress ? *memory + 1 : kRamEnd);
  }
  if (place == 0) return EFI_OUT_OF_RESOURCES;
  give(place, pages, static_cast<uint32_t>(type));
  blocks[place] = pages;
  std::memset(reinterpret_cast<void*>(place), 0xaf, pages * kPage);
  *memory = place;
  return EFI_SUCCESS;
}

// Whatever it says, it gives back: what matters is that it was called.
EFI_STATUS EFIAPI free_pages(EFI_PHYSICAL_ADDRESS memory, UINTN pages) {
  const bool fails = machine->fails("FreePages");
  const auto block = blocks.find(memory);
  if (block == blocks.end() || block->second != pages) {
    machine->fault("FreePages of what was not allocated so");
    return EFI_NOT_FOUND;
  }
  std::memset(reinterpret_cast<void*>(memory), 0xdf, pages * kPage);
  give(memory, pages, EfiConventionalMemory);
  blocks.erase(block);
  return fails ? machine->plan.status : EFI_SUCCESS;
}

EFI_STATUS EFIAPI get_memory_map(UINTN* size, EFI_MEMORY_DESCRIPTOR* map, UINTN* key, UINTN* stride,
                                 UINT32* version) {
  if (machine->fails("GetMemoryMap")) return machine->plan.status;
  constexpr UINTN kStride = 48;
  const EFI_MEMORY_DESCRIPTOR others[] = {
      {EfiReservedMemoryType, 0, 0xf'0000, 0, 16, 0xf},
      {EfiMemoryMappedIO, 0, 0xffe0'0000, 0, 512, EFI_MEMORY_RUNTIME | 1}};
  std::vector<EFI_MEMORY_DESCRIPTOR> entries(std::begin(others), std::end(others));
  for (size_t i = 0; i < types.size();) {
    const size_t first = i;
    while (i < types.size() && types[i] == types[first]) ++i;
    entries.push_back({types[first], 0, kRam + first * kPage, 0, i - first, 0xf});
  }
  const UINTN room = *size;
  *stride = kStride;
  *version = EFI_MEMORY_DESCRIPTOR_VERSION;
  *key = map_key;
  *size = entries.size() * kStride;
  if (map == nullptr || room < *size) return EFI_BUFFER_TOO_SMALL;
  auto* at = reinterpret_cast<uint8_t*>(map);
  for (const EFI_MEMORY_DESCRIPTOR& entry : entries) {
    std::memset(at, 0xa5, kStride);
    std::memcpy(at, &entry, sizeof(entry));
    at += kStride;
  }
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI allocate_pool(EFI_MEMORY_TYPE /*type*/, UINTN size, void** memory) {
  if (machine->fails("AllocatePool", true)) return machine->plan.status;
  *memory = new uint8_t[size];
  pools[*memory] = size;
  ++map_key;
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI free_pool(void* memory) {
  const bool fails = machine->fails("FreePool");
  if (pools.erase(memory) == 0) {
    machine->fault("FreePool of what was not allocated");
    return EFI_INVALID_PARAMETER;
  }
  delete[] static_cast<uint8_t*>(memory);
  ++map_key;
  return fails ? machine->plan.status : EFI_SUCCESS;
}

EFI_STATUS EFIAPI exit_boot_services(EFI_HANDLE /*image*/, UINTN key) {
  if (machine->fails("ExitBootServices")) return machine->plan.status;
  if (key != map_key) return EFI_INVALID_PARAMETER;
  machine->left = true;
  return EFI_SUCCESS;
}

}  // namespace pretend
