#include "kernel/iomem.h"

namespace kernel {
namespace {

constexpr uint32_t kExecutable = 1, kWritable = 2;

constexpr uint64_t kib(uint64_t pages) { return pages << (mm::kPageShift - 10); }

// Segments of the kernel image, by what they hold; the stacks count as bss.
const char* segment_name(std::span<const loader::HandoffSegment> image, size_t index) {
  if ((image[index].flags & kExecutable) != 0) return "Kernel code";
  if ((image[index].flags & kWritable) == 0) return "Kernel rodata";
  for (size_t i = 0; i < index; ++i) {
    if ((image[i].flags & kWritable) != 0) return "Kernel bss";
  }
  return "Kernel data";
}

uint64_t kib_of(std::span<const loader::HandoffSegment> image, std::string_view name) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < image.size(); ++i) {
    if (segment_name(image, i) == name) bytes += image[i].size;
  }
  return bytes >> 10;
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

void print_memory_line(const mm::PageAllocatorCore& pages,
                       std::span<const loader::HandoffSegment> image, const mm::Printer& out) {
  const mm::ZoneCounts counts = pages.counts();
  out.part(
      "Memory: {}K/{}K available ({}K kernel code, {}K rwdata, {}K rodata, {}K init, {}K bss, {}K "
      "reserved, {}K cma-reserved",
      kib(counts.free + counts.on_cpu_lists), kib(counts.present), kib_of(image, "Kernel code"),
      kib_of(image, "Kernel data"), kib_of(image, "Kernel rodata"), 0, kib_of(image, "Kernel bss"),
      kib(counts.present - counts.managed), 0);
  // As Linux has it, where the architecture has such a zone.
  if (pages.layout().zones.has[mm::ZoneType::HighMem]) {
    uint64_t highmem = 0;
    for (const mm::NodeLayout& node : pages.layout().nodes) {
      highmem += pages.zone_counts(node.id, mm::ZoneType::HighMem).managed;
    }
    out.part(", {}K highmem", kib(highmem));
  }
  out.line(")");
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
