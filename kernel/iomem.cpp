#include "kernel/iomem.h"

namespace kernel {
namespace {

constexpr uint32_t kExecutable = 1, kWritable = 2;

// Segments of the kernel image, by what they hold; the stacks count as bss.
const char* segment_name(std::span<const loader::HandoffSegment> image, size_t index) {
  if ((image[index].flags & kExecutable) != 0) return "Kernel code";
  if ((image[index].flags & kWritable) == 0) return "Kernel rodata";
  for (size_t i = 0; i < index; ++i) {
    if ((image[i].flags & kWritable) != 0) return "Kernel bss";
  }
  return "Kernel data";
}

uint64_t bytes_of(std::span<const loader::HandoffSegment> image, std::string_view name) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < image.size(); ++i) {
    if (segment_name(image, i) == name) bytes += image[i].size;
  }
  return bytes;
}

const char* iomem_name(mm::E820Type type) {
  switch (type) {
    case mm::E820Type::Ram:
      return "System RAM";
    case mm::E820Type::Acpi:
      return "ACPI Tables";
    case mm::E820Type::Nvs:
      return "ACPI Non-volatile Storage";
    case mm::E820Type::Unusable:
      return "Unusable memory";
    case mm::E820Type::Pmem:
      return "Persistent Memory";
    case mm::E820Type::Pram:
      return "Persistent Memory (legacy)";
    case mm::E820Type::SoftReserved:
      return "Soft Reserved";
    case mm::E820Type::Reserved:
      return "Reserved";
    default:
      return "Unknown E820 type";
  }
}

}  // namespace

mm::ImageSizes image_sizes(std::span<const loader::HandoffSegment> image) {
  return {bytes_of(image, "Kernel code"), bytes_of(image, "Kernel data"),
          bytes_of(image, "Kernel rodata"), 0, bytes_of(image, "Kernel bss")};
}

void print_iomem(const mm::E820Table& e820, std::span<const loader::HandoffSegment> image,
                 const mm::Printer& out) {
  for (const mm::E820Entry& entry : e820.entries()) {
    out.line("{:08x}-{:08x} : {}", entry.range.start, entry.range.end.v - 1,
             iomem_name(entry.type));
    for (size_t i = 0; i < image.size(); ++i) {
      if (!entry.range.contains(mm::Phys{image[i].physical})) continue;
      out.line("  {:08x}-{:08x} : {}", image[i].physical, image[i].physical + image[i].size - 1,
               segment_name(image, i));
    }
  }
}

}  // namespace kernel
