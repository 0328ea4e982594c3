#include "kernel/firmware_map.h"

#include "loader/acpi/tables.h"

namespace kernel {

FirmwareRange FirmwareMap::operator[](size_t index) const {
  const auto d = bytes_.subspan(index * stride_, stride_);
  const mm::Phys start{loader::field<uint64_t>(d, 8)};
  return {loader::EfiMemoryType{loader::field<uint32_t>(d, 0)},
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

mm::FirmwareClaim FirmwareMap::claim(size_t index) const {
  const auto d = bytes_.subspan(index * stride_, stride_);
  const uint64_t start = loader::field<uint64_t>(d, 8);
  const uint64_t pages = loader::field<uint64_t>(d, 24);
  mm::FirmwareClaim claim;
  claim.usable = (*this)[index].is_ram();
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
