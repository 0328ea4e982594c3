#include "kernel/firmware_map.h"

#include <array>

#include "loader/acpi/tables.h"

namespace kernel {

const char* efi_memory_type_name(uint32_t type) {
  constexpr std::array kNames{"Reserved",  "Loader Code",  "Loader Data",  "Boot Code",
                              "Boot Data", "Runtime Code", "Runtime Data", "Conventional",
                              "Unusable",  "ACPI Reclaim", "ACPI Mem NVS", "MMIO",
                              "MMIO Port", "PAL Code",     "Persistent",   "Unaccepted"};
  return type < kNames.size() ? kNames[type] : nullptr;
}

FirmwareRange FirmwareMap::operator[](size_t index) const {
  const auto d = bytes_.subspan(index * stride_, stride_);
  const mm::Phys start{loader::field<uint64_t>(d, 8)};
  return {loader::field<uint32_t>(d, 0),
          {start, start + loader::field<uint64_t>(d, 24) * mm::kPageSize},
          loader::field<uint64_t>(d, 32)};
}

std::optional<FirmwareRange> FirmwareMap::find(mm::Phys address) const {
  for (size_t i = 0; i < size(); ++i) {
    const FirmwareRange d = (*this)[i];
    if (d.range.contains(address)) return d;
  }
  return std::nullopt;
}

mm::FirmwareClaims FirmwareMap::claims() const {
  return {size(),
          [](const void* context, size_t index) {
            return static_cast<const FirmwareMap*>(context)->claim(index);
          },
          this};
}

// UEFI 2.10 section 7.2.6, "Memory Type Usage after ExitBootServices": loader, boot services and
// conventional memory are the operating system's, unless they are for a special purpose.
mm::FirmwareClaim FirmwareMap::claim(size_t index) const {
  constexpr uint32_t kLoaderCode = 1;
  constexpr uint32_t kBootServicesData = 4;
  constexpr uint32_t kConventional = 7;
  constexpr uint64_t kSpecificPurpose = 0x40000;
  const auto d = bytes_.subspan(index * stride_, stride_);
  const uint32_t type = loader::field<uint32_t>(d, 0);
  const uint64_t start = loader::field<uint64_t>(d, 8);
  const uint64_t pages = loader::field<uint64_t>(d, 24);
  mm::FirmwareClaim claim;
  claim.usable = ((type >= kLoaderCode && type <= kBootServicesData) || type == kConventional) &&
                 (loader::field<uint64_t>(d, 32) & kSpecificPurpose) == 0;
  if (start >= mm::kMaxPhys) return claim;
  if (pages <= (mm::kMaxPhys - start) / mm::kPageSize) {
    claim.range = {{start}, {start + pages * mm::kPageSize}};
  } else if (!claim.usable) {
    claim.range = {{start}, {mm::kMaxPhys}};
  }
  return claim;
}

size_t FirmwareMap::count_mirrored() const {
  size_t count = 0;
  for (size_t i = 0; i < size(); ++i) count += (*this)[i].mirrored() ? 1 : 0;
  return count;
}

void FirmwareMap::print_mirrored(const mm::Printer& out) const {
  uint64_t mirrored = 0;
  uint64_t all = 0;
  for (size_t i = 0; i < size(); ++i) {
    const FirmwareRange d = (*this)[i];
    all += d.range.size();
    if (d.mirrored()) mirrored += d.range.size();
  }
  if (mirrored == 0) return;
  out.line("efi: Memory: {}M/{}M mirrored memory", mirrored / mm::kMiB, all / mm::kMiB);
}

void FirmwareMap::copy_mirrored(std::span<mm::Range> to) const {
  size_t filled = 0;
  for (size_t i = 0; i < size() && filled < to.size(); ++i) {
    if ((*this)[i].mirrored()) to[filled++] = (*this)[i].range;
  }
}

}  // namespace kernel
