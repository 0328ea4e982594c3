#include "loader/relocations.h"

#include <cstring>

namespace loader {
namespace {

using mm::Error;
using mm::Result;

struct DynamicEntry {
  uint64_t tag;
  uint64_t value;
};
constexpr uint64_t kEnd = 0, kNeeded = 1, kRela = 7, kRelaSize = 8, kRelaEntry = 9, kRel = 17,
                   kPltRelocations = 23, kRelrSize = 35, kRelr = 36, kRelrEntry = 37,
                   kFlags = 0x6ffffffb;
constexpr uint64_t kPie = 0x08000000;  // of kFlags

struct Rela {
  uint64_t at;    // linked address of the word
  uint64_t info;  // its kind, and a symbol in the upper half
  uint64_t addend;
};
static_assert(sizeof(Rela) == 24);

constexpr uint64_t kNone = 0;
constexpr size_t kWord = sizeof(uint64_t);

// R_X86_64_RELATIVE, R_AARCH64_RELATIVE.
constexpr uint64_t relative_of(uint16_t machine) { return machine == 183 ? 1027 : 8; }

template <class T>
T read(std::span<const uint8_t> bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

struct Table {
  uint64_t virt = 0, size = 0, each = 0;
};

// Where in the file it lies.
Result<FileBytes> place(const ElfImage& image, const Table& table, size_t each, const char* name) {
  if (table.size == 0) return FileBytes{};
  if (table.each != each || table.size % each != 0) {
    return Error{"a table of relocations has no such form (bytes {}, each {})", name, table.size,
                 table.each};
  }
  for (const ElfSegment& segment : image.segments()) {
    if (table.virt < segment.virt || table.virt - segment.virt > segment.file_size) continue;
    const uint64_t before = table.virt - segment.virt;
    if (table.size > segment.file_size - before) continue;
    return FileBytes{segment.file_offset + before, table.size};
  }
  return Error{"a table of relocations lies in no segment (address {:#x}, bytes {})", name,
               table.virt, table.size};
}

// The words of an image, by their linked addresses. (Copied in place: one by one std::memcpy is a call.)
class Words {
 public:
  Words(const ElfImage& image, std::span<uint8_t> memory, uint64_t offset, const char* name)
      : start_(image.start), memory_(memory), offset_(offset), name_(name) {}

  Result<> set(uint64_t at, uint64_t value) {
    uint8_t* const word = BATON_TRY(find(at));
    value += offset_;
    __builtin_memcpy(word, &value, kWord);
    return {};
  }
  Result<> add(uint64_t at) {
    uint8_t* const word = BATON_TRY(find(at));
    uint64_t value;
    __builtin_memcpy(&value, word, kWord);
    value += offset_;
    __builtin_memcpy(word, &value, kWord);
    return {};
  }

 private:
  [[nodiscard]] Result<uint8_t*> find(uint64_t at) const {
    const uint64_t offset = at - start_;  // of what lies before it is too large
    if (offset > memory_.size() || memory_.size() - offset < kWord) {
      return Error{"a relocation is for a word outside of the image (address {:#x})", name_, at};
    }
    return memory_.data() + static_cast<size_t>(offset);
  }

  uint64_t start_;
  std::span<uint8_t> memory_;
  uint64_t offset_;
  const char* name_;
};

Result<> apply_rela(std::span<const uint8_t> table, uint64_t relative, Words& words,
                    const char* name) {
  for (size_t i = 0; i < table.size(); i += sizeof(Rela)) {
    const auto entry = read<Rela>(table, i);
    if (entry.info == kNone) continue;
    if (entry.info != relative) {
      return Error{"a relocation is not relative (r_info {:#x}, r_offset {:#x})", name, entry.info,
                   entry.at};
    }
    BATON_TRY(words.set(entry.at, entry.addend));
  }
  return {};
}

// An even entry is a word's address; the bits of an odd one, but the lowest, are the 63 words that
// follow those before.
Result<> apply_relr(std::span<const uint8_t> table, Words& words) {
  uint64_t next = 0;
  for (size_t i = 0; i < table.size(); i += kWord) {
    const auto entry = read<uint64_t>(table, i);
    if ((entry & 1) == 0) {
      BATON_TRY(words.add(entry));
      next = entry + kWord;
      continue;
    }
    for (uint64_t bits = entry >> 1, at = next; bits != 0; bits >>= 1, at += kWord) {
      if ((bits & 1) != 0) BATON_TRY(words.add(at));
    }
    next += 63 * kWord;
  }
  return {};
}

}  // namespace

Result<Relocations> find_relocations(const ElfImage& image, std::span<const uint8_t> dynamic,
                                     const char* name) {
  Table rela, relr;
  bool movable = false;
  for (size_t i = 0; i + sizeof(DynamicEntry) <= dynamic.size(); i += sizeof(DynamicEntry)) {
    const auto entry = read<DynamicEntry>(dynamic, i);
    if (entry.tag == kEnd) break;
    switch (entry.tag) {
      case kNeeded:
      case kRel:
      case kPltRelocations:
        return Error{"needs a dynamic linker (d_tag {}, d_val {:#x})", name, entry.tag,
                     entry.value};
      case kRela:
        rela.virt = entry.value;
        break;
      case kRelaSize:
        rela.size = entry.value;
        break;
      case kRelaEntry:
        rela.each = entry.value;
        break;
      case kRelr:
        relr.virt = entry.value;
        break;
      case kRelrSize:
        relr.size = entry.value;
        break;
      case kRelrEntry:
        relr.each = entry.value;
        break;
      case kFlags:
        movable = (entry.value & kPie) != 0;
        break;
      default:
        break;
    }
  }
  return Relocations{movable, BATON_TRY(place(image, rela, sizeof(Rela), name)),
                     BATON_TRY(place(image, relr, kWord, name))};
}

Result<> relocate(const ElfImage& image, std::span<const uint8_t> file, std::span<uint8_t> memory,
                  uint64_t offset, const char* name) {
  Words words(image, memory, offset, name);
  const auto table = [&](const FileBytes& bytes) {
    return file.subspan(static_cast<size_t>(bytes.offset), static_cast<size_t>(bytes.size));
  };
  const Relocations& all = image.relocations;
  BATON_TRY(apply_rela(table(all.rela), relative_of(image.kind.machine), words, name));
  return apply_relr(table(all.relr), words);
}

}  // namespace loader
