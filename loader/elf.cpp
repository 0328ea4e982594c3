#include "loader/elf.h"

#include <cstring>

#include "loader/arch.h"
#include "loader/kernel_note.h"
#include "loader/relocations.h"

namespace loader {
namespace {

using mm::Error;
using mm::Result;

// Of either class: of 64 bits, or of 32, where these words are as narrow.
template <class Word>
struct FileHeaderOf {
  uint8_t ident[16];
  uint16_t type;
  uint16_t machine;
  uint32_t version;
  Word entry;
  Word program_headers;  // file offset
  Word section_headers;
  uint32_t flags;
  uint16_t header_size;
  uint16_t program_header_size;
  uint16_t program_header_count;
  uint16_t section_header_size;
  uint16_t section_header_count;
  uint16_t section_names;
};
using FileHeader = FileHeaderOf<uint64_t>;
using FileHeader32 = FileHeaderOf<uint32_t>;
static_assert(sizeof(FileHeader) == 64 && sizeof(FileHeader32) == 52);

struct ProgramHeader {
  uint32_t type;
  uint32_t flags;
  uint64_t offset;
  uint64_t virt;
  uint64_t physical;  // means nothing here: the loader chooses
  uint64_t file_size;
  uint64_t memory_size;
  uint64_t align;
};
static_assert(sizeof(ProgramHeader) == 56);

struct ProgramHeader32 {
  uint32_t type;
  uint32_t offset;
  uint32_t virt;
  uint32_t physical;
  uint32_t file_size;
  uint32_t memory_size;
  uint32_t flags;
  uint32_t align;
};
static_assert(sizeof(ProgramHeader32) == 32);

constexpr size_t file_header_size(bool wide) {
  return wide ? sizeof(FileHeader) : sizeof(FileHeader32);
}
constexpr size_t program_header_size(bool wide) {
  return wide ? sizeof(ProgramHeader) : sizeof(ProgramHeader32);
}

constexpr uint8_t kMagic[] = {0x7f, 'E', 'L', 'F'};
constexpr uint8_t kClass32 = 1, kClass64 = 2, kLittleEndian = 1, kVersion = 1;
constexpr uint16_t kExecutable = 2, kShared = 3;
constexpr uint32_t kLoad = 1, kDynamic = 2, kInterpreter = 3, kNote = 4;
constexpr uint32_t kX = 1, kW = 2, kKnownFlags = 7;

// Whether [offset, offset + size) lies in [0, whole). No sum that could wrap.
constexpr bool inside(uint64_t offset, uint64_t size, uint64_t whole) {
  return offset <= whole && size <= whole - offset;
}

template <class Header>
Header header_at(std::span<const uint8_t> file, uint64_t offset) {
  Header header;
  std::memcpy(&header, file.data() + offset, sizeof(header));
  return header;
}

// The file's header, which is there, in the wide form.
FileHeader read_file_header(std::span<const uint8_t> file, bool wide) {
  if (wide) return header_at<FileHeader>(file, 0);
  const auto h = header_at<FileHeader32>(file, 0);
  FileHeader out{.ident = {},
                 .type = h.type,
                 .machine = h.machine,
                 .version = h.version,
                 .entry = h.entry,
                 .program_headers = h.program_headers,
                 .section_headers = h.section_headers,
                 .flags = h.flags,
                 .header_size = h.header_size,
                 .program_header_size = h.program_header_size,
                 .program_header_count = h.program_header_count,
                 .section_header_size = h.section_header_size,
                 .section_header_count = h.section_header_count,
                 .section_names = h.section_names};
  std::memcpy(out.ident, h.ident, sizeof(out.ident));
  return out;
}

ProgramHeader read_program_header(std::span<const uint8_t> file, uint64_t offset, bool wide) {
  if (wide) return header_at<ProgramHeader>(file, offset);
  const auto p = header_at<ProgramHeader32>(file, offset);
  return {.type = p.type,
          .flags = p.flags,
          .offset = p.offset,
          .virt = p.virt,
          .physical = p.physical,
          .file_size = p.file_size,
          .memory_size = p.memory_size,
          .align = p.align};
}

ElfKind kind_of(std::span<const uint8_t> file, std::span<const ElfKind> kinds) {
  constexpr size_t kClass = 4;  // in e_ident
  for (const ElfKind& kind : kinds) {
    if (file.size() > kClass && file[kClass] == (kind.wide ? kClass64 : kClass32)) return kind;
  }
  return kinds.front();
}

// The System V gABI's registry of e_machine.
constexpr mm::ErrorText for_machine(uint16_t machine) {
  switch (machine) {
    case 3:
      return "e_machine: for IA-32 (given {:#x}, this one is {:#x})";
    case 40:
      return "e_machine: for ARM of 32 bits (given {:#x}, this one is {:#x})";
    case 62:
      return "e_machine: for x86-64 (given {:#x}, this one is {:#x})";
    case 183:
      return "e_machine: for AArch64 (given {:#x}, this one is {:#x})";
    case 243:
      return "e_machine: for RISC-V (given {:#x}, this one is {:#x})";
    default:
      return "e_machine: for another machine (given {:#x}, this one is {:#x})";
  }
}

Result<FileHeader> file_header(std::span<const uint8_t> file, const char* name,
                               const ElfKind& kind) {
  if (file.size() < sizeof(kMagic) || std::memcmp(file.data(), kMagic, sizeof(kMagic)) != 0) {
    BATON_TRY(refuse_foreign(file, name));
    return Error{"not an ELF file", name};
  }
  const size_t header_size = file_header_size(kind.wide);
  if (file.size() < header_size) {
    return Error{"truncated inside the ELF header (bytes there {}, needed {})", name, file.size(),
                 header_size};
  }
  const FileHeader h = read_file_header(file, kind.wide);
  if (kind.wide && h.ident[4] != kClass64) {
    return Error{"e_ident: not a 64-bit image (class {}, wanted {})", name, h.ident[4], kClass64};
  }
  if (!kind.wide && h.ident[4] != kClass32) {
    return Error{"e_ident: not a 32-bit image (class {}, wanted {})", name, h.ident[4], kClass32};
  }
  if (h.ident[5] != kLittleEndian) {
    return Error{"e_ident: not little endian (data encoding {}, wanted {})", name, h.ident[5],
                 kLittleEndian};
  }
  if (h.ident[6] != kVersion || h.version != kVersion) {
    return Error{"e_version: not the current one (e_ident's {}, e_version {})", name, h.ident[6],
                 h.version};
  }
  if (h.machine != kind.machine) {
    return Error{for_machine(h.machine), name, h.machine, kind.machine};
  }
  if (h.type != kExecutable && !kind.wide) {
    return Error{"e_type: not an executable with fixed addresses (given {:#x}, wanted {:#x})", name,
                 h.type, kExecutable};
  }
  if (h.type != kExecutable && h.type != kShared) {
    return Error{"e_type: neither an executable nor a static PIE (given {:#x}, wanted {:#x})", name,
                 h.type, kExecutable};
  }
  if (h.header_size != header_size) {
    return Error{"e_ehsize: wrong (given {}, wanted {})", name, h.header_size, header_size};
  }
  if (h.program_header_count == 0) return Error{"e_phnum: no program headers", name};
  const size_t each = program_header_size(kind.wide);
  if (h.program_header_size != each) {
    return Error{"e_phentsize: wrong (given {}, wanted {})", name, h.program_header_size, each};
  }
  // At most 65535 * 56: the product cannot wrap.
  if (!inside(h.program_headers, uint64_t{h.program_header_count} * each, file.size())) {
    return Error{
        "truncated: the program headers lie outside the file (e_phoff {:#x}, file size {})", name,
        h.program_headers, file.size()};
  }
  return h;
}

// The fields of one loadable segment's header, by themselves.
Result<ElfSegment> segment_of(const ProgramHeader& p, uint64_t file_size, const char* name,
                              bool wide) {
  if (p.file_size > p.memory_size) {
    return Error{"segment larger in the file than in memory (p_filesz {}, p_memsz {})", name,
                 p.file_size, p.memory_size};
  }
  if (!inside(p.offset, p.file_size, file_size)) {
    return Error{"truncated: a segment lies outside the file (p_offset {:#x}, p_filesz {})", name,
                 p.offset, p.file_size};
  }
  if (p.align > 1) {
    if ((p.align & (p.align - 1)) != 0) {
      return Error{"p_align is no power of two (p_align {:#x}, p_vaddr {:#x})", name, p.align,
                   p.virt};
    }
    if ((p.virt ^ p.offset) % p.align != 0) {
      return Error{"p_vaddr and p_offset differ within p_align (p_vaddr {:#x}, p_offset {:#x})",
                   name, p.virt, p.offset};
    }
  }
  // What is rounded up to a page must not wrap either, so the last page of all stays free.
  if (!wide && (p.virt < kNarrowKernel || p.virt - kNarrowKernel > kNarrowKernelSize ||
                p.memory_size > kNarrowKernelSize - (p.virt - kNarrowKernel))) {
    return Error{"segment not mappable: outside the kernel's 16 MiB (p_vaddr {:#x}, p_memsz {})",
                 name, p.virt, p.memory_size};
  }
  if (wide && (p.virt < kKernelBase || p.memory_size > 0 - mm::kPageSize - p.virt ||
               p.virt > 0 - mm::kPageSize)) {
    return Error{"segment not mappable: outside the kernel's 2 GiB (p_vaddr {:#x}, p_memsz {})",
                 name, p.virt, p.memory_size};
  }
  if ((p.flags & ~kKnownFlags) != 0) {
    return Error{"segment with unknown flags (p_flags {:#x}, p_vaddr {:#x})", name, p.flags,
                 p.virt};
  }
  if ((p.flags & (kX | kW)) == (kX | kW)) {
    return Error{"segment both writable and executable (p_vaddr {:#x}, p_flags {:#x})", name,
                 p.virt, p.flags};
  }
  return ElfSegment{p.virt, p.memory_size, p.offset, p.file_size, p.flags};
}

// Files the segment behind those before it, which are in ascending order.
Result<> add_segment(ElfImage& image, const ElfSegment& segment, const char* name) {
  if (image.count == kMaxSegments) {
    return Error{"more loadable segments than supported (supported {})", name, kMaxSegments};
  }
  size_t at = image.count;
  for (; at > 0 && image.storage[at - 1].virt > segment.virt; --at) {
    image.storage[at] = image.storage[at - 1];
  }
  image.storage[at] = segment;
  ++image.count;
  return {};
}

Result<> check_neighbours(const ElfImage& image, const char* name) {
  for (size_t i = 1; i < image.count; ++i) {
    const ElfSegment& left = image.storage[i - 1];
    const ElfSegment& right = image.storage[i];
    if (left.virt + left.size > right.virt) {
      return Error{"segments overlap (p_vaddr {:#x} and {:#x})", name, left.virt, right.virt};
    }
    if (left.page_end() > right.page_start() && left.flags != right.flags) {
      return Error{"segments with different rights share a page (p_vaddr {:#x} and {:#x})", name,
                   left.virt, right.virt};
    }
  }
  return {};
}

// What the kernel says of itself in its notes; of one that says nothing, whether it is others'.
Result<KernelWishes> find_wishes(std::span<const uint8_t> file, const FileHeader& h,
                                 const char* name, bool wide) {
  for (uint64_t i = 0; i < h.program_header_count; ++i) {
    const ProgramHeader p =
        read_program_header(file, h.program_headers + i * program_header_size(wide), wide);
    if (p.type != kNote) continue;
    if (!inside(p.offset, p.file_size, file.size())) {
      return Error{"truncated: notes lie outside the file (p_offset {:#x}, p_filesz {})", name,
                   p.offset, p.file_size};
    }
    const auto notes =
        file.subspan(static_cast<size_t>(p.offset), static_cast<size_t>(p.file_size));
    if (const auto wishes = BATON_TRY(kernel_wishes(notes, name))) return *wishes;
  }
  BATON_TRY(refuse_foreign_elf(file, name));
  return KernelWishes{.stack_size = kUsualStack};
}

Result<> check_entry(const ElfImage& image, const char* name) {
  for (const ElfSegment& segment : image.segments()) {
    if ((segment.flags & kX) != 0 && image.entry >= segment.virt &&
        image.entry - segment.virt < segment.size) {
      return {};
    }
  }
  return Error{"e_entry: not in an executable segment (e_entry {:#x})", name, image.entry};
}

}  // namespace

Result<ElfImage> parse_elf(std::span<const uint8_t> file, const char* name,
                           std::span<const ElfKind> kinds) {
  const ElfKind kind = kind_of(file, kinds);
  const FileHeader h = BATON_TRY(file_header(file, name, kind));
  ElfImage image;
  image.entry = h.entry;
  image.kind = kind;
  std::span<const uint8_t> dynamic;
  image.wishes = BATON_TRY(find_wishes(file, h, name, kind.wide));
  for (uint64_t i = 0; i < h.program_header_count; ++i) {
    const ProgramHeader p = read_program_header(
        file, h.program_headers + i * program_header_size(kind.wide), kind.wide);
    if (p.type == kInterpreter || (p.type == kDynamic && !kind.wide)) {
      return Error{"needs a dynamic linker (p_type {:#x}, program header {})", name, p.type, i};
    }
    if (p.type == kDynamic) {
      if (!inside(p.offset, p.file_size, file.size())) {
        return Error{
            "truncated: the dynamic section lies outside the file (p_offset {:#x}, p_filesz {})",
            name, p.offset, p.file_size};
      }
      dynamic = file.subspan(static_cast<size_t>(p.offset), static_cast<size_t>(p.file_size));
    }
    if (p.type != kLoad || (p.memory_size == 0 && p.file_size == 0)) continue;
    const ElfSegment segment = BATON_TRY(segment_of(p, file.size(), name, kind.wide));
    BATON_TRY(add_segment(image, segment, name));
  }
  if (image.count == 0) return Error{"no loadable segment", name};
  BATON_TRY(check_neighbours(image, name));
  BATON_TRY(check_entry(image, name));
  image.start = image.storage[0].page_start();
  image.size = image.storage[image.count - 1].page_end() - image.start;
  // GNU's linker calls one that is not linked to address 0 an executable.
  image.relocations = BATON_TRY(find_relocations(image, dynamic, name));
  if (h.type == kShared && dynamic.empty()) {
    return Error{"no dynamic section says how it is moved (e_type {:#x})", name, h.type};
  }
  if (h.type == kShared) image.relocations.movable = true;
  if (!image.relocations.movable && !dynamic.empty()) {
    return Error{"needs a dynamic linker: it is no static PIE (p_type {:#x})", name, kDynamic};
  }
  return image;
}

void load_elf(const ElfImage& image, std::span<const uint8_t> file, std::span<uint8_t> memory) {
  size_t done = 0;  // bytes of memory that are as they must be
  for (const ElfSegment& segment : image.segments()) {
    const auto at = static_cast<size_t>(segment.virt - image.start);
    const auto size = static_cast<size_t>(segment.file_size);
    std::memset(memory.data() + done, 0, at - done);
    std::memcpy(memory.data() + at, file.data() + segment.file_offset, size);
    done = at + size;
  }
  std::memset(memory.data() + done, 0, static_cast<size_t>(image.size) - done);
}

size_t place_segments(const ElfImage& image, mm::Phys physical,
                      std::span<HandoffSegment, kMaxSegments> out, uint64_t offset) {
  size_t count = 0;
  for (const ElfSegment& segment : image.segments()) {
    const uint64_t start = segment.page_start() + offset, end = segment.page_end() + offset;
    if (count != 0 && out[count - 1].virt + out[count - 1].size > start) {
      out[count - 1].size = end - out[count - 1].virt;  // same flags: parse_elf()
      continue;
    }
    const uint64_t behind = segment.page_start() - image.start;
    out[count++] = {physical.v + behind, start, end - start, segment.flags, 0};
  }
  return count;
}

}  // namespace loader
