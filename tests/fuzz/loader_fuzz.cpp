// What stands on a disk, of any content: the kernel's ELF file, baton.conf, load options, boot
// entries, loader.conf, and the kernel's command line. A parser may refuse it, but reads nothing
// beyond it, and what it accepts can be loaded.
//
// The first byte chooses what the rest is.
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kernel/options.h"
#include "loader/elf.h"
#include "loader/menu/boot_entries.h"
#include "loader/menu/boot_loader_interface.h"
#include "loader/menu/config.h"
#include "loader/relocations.h"
#include "mm/print.h"

namespace {

const mm::Printer kQuiet;

// Moved there and back it is as if it had never been moved, wherever its words are all its own.
void moved(const loader::ElfImage& image, const std::vector<uint8_t>& file,
           std::vector<uint8_t>& memory) {
  constexpr uint64_t kOffset = 6 * mm::kMiB;
  if (!loader::relocate(image, file, memory, 0, "kernel.elf").ok()) return;
  const std::vector<uint8_t> linked = memory;
  const bool there = loader::relocate(image, file, memory, kOffset, "kernel.elf").ok();
  const bool back = loader::relocate(image, file, memory, 0 - kOffset, "kernel.elf").ok();
  if (!there || !back) __builtin_trap();  // it depends on the file only
  if (image.relocations.rela.size == 0 && memory != linked) __builtin_trap();
}

void elf(const std::vector<uint8_t>& file) {
  const auto image = loader::parse_elf(file, "kernel.elf");
  if (!image.ok() || image.value().size > 64 * mm::kMiB) return;
  std::vector<uint8_t> memory(image.value().size);
  loader::load_elf(image.value(), file, memory);
  std::array<loader::HandoffSegment, loader::kMaxSegments> segments{};
  (void)loader::place_segments(image.value(), mm::Phys{2 * mm::kMiB}, 0, segments);
  moved(image.value(), file, memory);
}

void entries(std::string_view text) {
  std::vector<loader::BootEntry> found;
  // Several entries, with a NUL between: their order is a matter of comparing versions.
  for (size_t start = 0; start <= text.size() && found.size() < 16;) {
    const size_t end = std::min(text.find('\0', start), text.size());
    const std::string_view piece = text.substr(start, end - start);
    if (const auto entry = loader::parse_entry("a+1-2.conf", piece, kQuiet)) {
      found.push_back(*entry);
      std::array<char, 64> options{};
      (void)entry->join_options(options);
    }
    start = end + 1;
  }
  loader::sort_entries(found);
  const size_t half = std::min<size_t>(text.size(), 8);
  (void)loader::wanted_entry(found, {text.substr(0, half), text.substr(half, 8), text});
  std::array<char, 16> name{};
  for (const loader::BootEntry& entry : found) (void)loader::counted_name(entry, name);
  const std::span bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  std::array<char, loader::kGuidText> guid{};
  (void)loader::partition_guid(bytes, guid);
  (void)loader::parse_loader_text(bytes, "text", name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::vector<uint8_t> bytes(data + 1, data + size);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  switch (data[0] % 6) {
    case 0:
      elf(bytes);
      break;
    case 1: {
      std::vector<char> copy(text.begin(), text.end());
      copy.push_back('\0');
      (void)loader::parse_config(copy, "baton.conf", kQuiet);
      break;
    }
    case 2: {
      std::vector<char> out(bytes.size() / 2 + 1);
      (void)loader::parse_load_options(bytes, (data[0] & 0x80) != 0, out);
      break;
    }
    case 3:
      entries(text);
      break;
    case 4:
      (void)loader::parse_loader_conf(text, kQuiet);
      break;
    default:
      (void)kernel::Options(text).complain(kQuiet);
      break;
  }
  return 0;
}
