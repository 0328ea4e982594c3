// A kernel's file of any content, and the notes in it: what is accepted holds what loader/elf.h promises,
// and lies in memory as the file has it.
//
// The first byte chooses: a whole file, or the notes of one, which are soonest come to so.
#include "loader/elf.h"

#include "loader/kernel_note.h"
#include "loader/relocations.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::Bytes;
using fuzz::check;

void check_wishes(const loader::KernelWishes& wishes) {
  check(wishes.stack_size % mm::kPageSize == 0 && wishes.stack_size <= loader::kMostStack);
}

void check_segments(const loader::ElfImage& image, size_t file_size) {
  uint64_t end = image.start, last_flags = 0;
  bool entry_runs = false;
  for (const loader::ElfSegment& s : image.segments()) {
    check(s.file_size <= s.size && s.file_offset <= file_size &&
          s.file_size <= file_size - s.file_offset);
    check(s.virt + s.size >= s.virt && s.virt >= end);
    check(s.page_start() >= mm::align_up(end, mm::kPageSize) - mm::kPageSize ||
          s.page_start() >= end);
    check((s.flags & 3) != 3);
    if (s.page_start() < mm::align_up(end, mm::kPageSize)) check(s.flags == last_flags);
    if ((s.flags & 1) != 0 && image.entry - s.virt < s.size) entry_runs = true;
    if (s.size != 0) end = s.virt + s.size;
    last_flags = s.flags;
  }
  check(end <= image.start + image.size && image.start % mm::kPageSize == 0 && entry_runs);
}

// What is wrong with a relocation is wrong wherever the image goes; and where its words are all its own,
// one that goes nowhere stays as it is.
void check_moved(const loader::ElfImage& image, const Bytes& file, Bytes& memory) {
  const Bytes loaded = memory;
  const bool stays = loader::relocate(image, file, memory, 0, "kernel.elf").ok();
  check(!stays || image.relocations.rela.size != 0 || memory == loaded);
  check(loader::relocate(image, file, memory, 6 * mm::kMiB, "kernel.elf").ok() == stays);
}

void check_loaded(const loader::ElfImage& image, const Bytes& file) {
  Bytes memory(image.size, 0xa5);
  loader::load_elf(image, file, memory);
  Bytes expected(image.size, 0);
  for (const loader::ElfSegment& s : image.segments()) {
    std::copy_n(file.begin() + static_cast<long>(s.file_offset), s.file_size,
                expected.begin() + static_cast<long>(s.virt - image.start));
  }
  check(memory == expected);
  std::array<loader::HandoffSegment, loader::kMaxSegments> placed{};
  const size_t count = loader::place_segments(image, mm::Phys{2 * mm::kMiB}, placed);
  check(count <= image.count);
  for (size_t i = 1; i < count; ++i) {
    check(placed[i].physical >= placed[i - 1].physical + placed[i - 1].size);
  }
  check_moved(image, file, memory);
}

}  // namespace

FUZZ_TARGET(elf) {
  fuzz::Input input(data, size);
  const bool notes = (input.byte() & 1) != 0;
  const Bytes bytes = input.rest();
  if (notes) {
    const auto wishes = loader::kernel_wishes(bytes, "notes");
    if (wishes.ok() && wishes.value()) check_wishes(*wishes.value());
    return;
  }
  (void)loader::refuse_foreign(bytes, "kernel.elf");
  (void)loader::refuse_foreign_elf(bytes, "kernel.elf");
  const auto image = loader::parse_elf(bytes, "kernel.elf");
  if (!image.ok()) return;
  check_wishes(image.value().wishes);
  check_segments(image.value(), bytes.size());
  if (image.value().size <= 64 * mm::kMiB) check_loaded(image.value(), bytes);
}
