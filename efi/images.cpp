#include "efi/images.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "efi/arch.h"
#include "efi/random.h"
#include "loader/handoff/text.h"
#include "loader/kaslr.h"
#include "loader/relocations.h"
#include "loader/world.h"
#include "mm/option_words.h"

namespace efi {
namespace {

// Where memory ends for the kernel and for this application, which has to fill it.
mm::Phys end_for(const Firmware& firmware, const Kernel& kernel) {
  const Cpu cpu = examine_cpu(firmware);
  const mm::Phys end =
      loader::reach_of(kernel.is_wider() && cpu.wide ? *cpu.wide : cpu.paging).memory;
  return sizeof(void*) == sizeof(uint32_t) ? std::min(end, mm::Phys{4 * mm::kGiB}) : end;
}

// Some firmware's own stack and tables lie in memory that it calls free and would give away (U-Boot on
// PCs). It is not asked for any place, but left to choose one.
bool is_believed(const loader::EfiMemoryMap& map) {
  const LiveState live = live_state();
  const mm::Phys used[] = {live.stack, live.page_tables.root, live.tables[0].range.start,
                           live.tables[1].range.start};
  return std::none_of(std::begin(used), std::end(used),
                      [&](mm::Phys at) { return at.v != 0 && loader::calls_free(map, at); });
}

bool is_writable(mm::Range place) {
  const auto can_write = [](mm::Phys at) {
    const auto rights = live_page(at.v);
    return rights && rights->writable;
  };
  return can_write(place.start) && can_write(place.end - 1);
}

// What the firmware gives away as free it may have taken since it was asked, for the kernel's file
// first of all.
std::optional<AlignedPages> take_any_place(const Firmware& firmware, Kernel& kernel,
                                           const KaslrFacts& facts, loader::RandomPool& pool) {
  constexpr unsigned kTries = 16;
  const loader::EfiMemoryMap map = facts.map.view();
  if (!is_believed(map)) return std::nullopt;
  const mm::Phys end = end_for(firmware, kernel);
  const bool first = loader::keeps_place(facts.options);
  const loader::Choice choice = loader::place_choice(map, kernel.image, end);
  const uint64_t tries = first ? choice.places : kTries;
  for (uint64_t i = 0; i < tries; ++i) {
    const uint64_t which = first ? i : choice.by(pool.next());
    const auto start = loader::place_of(map, kernel.image, end, which);
    if (!start) break;
    const mm::Range place{*start, *start + kernel.image.size};
    if (!is_writable(place)) continue;
    std::optional<Pages> pages = allocate_at(firmware, place);
    if (!pages) continue;
    kernel.kaslr.place_bits = first ? uint8_t{0} : choice.bits();
    return AlignedPages{std::move(*pages), place};
  }
  return std::nullopt;
}

void draw(const Firmware& firmware, Kernel& kernel, const KaslrFacts& facts) {
  loader::HandoffKaslr& kaslr = kernel.kaslr;
  const loader::ElfImage& image = kernel.image;
  if (!image.wishes.kaslr || !image.kind.wide) return;
  kaslr.state = loader::kKaslrRefused;
  if (mm::has_option_word(facts.options, "nokaslr")) return;
  kaslr.state = loader::kKaslrOn;
  loader::RandomPool pool = gather_randomness(firmware, facts.tsc_entry);
  kaslr.sources = pool.sources();
  const loader::Choice images = loader::image_choice(image);
  kaslr.image_offset = loader::image_offset(image, images.by(pool.next()));
  kaslr.image_bits = images.bits();
  kernel.direct_map_number = pool.next();
  if (auto place = take_any_place(firmware, kernel, facts, pool)) {
    kernel.memory = std::move(*place);
  }
}

}  // namespace

mm::Result<Kernel> load_kernel(const Firmware& firmware, const Volume& volume, const Trust& trust,
                               const char* path, const KaslrFacts& facts,
                               const mm::Printer& progress) {
  Kernel kernel;
  kernel.file = BATON_TRY(volume.read(firmware, path, progress));
  BATON_TRY(trust.check_kernel(kernel.file, path));
  const std::span<const uint8_t> bytes = kernel.file.bytes();
  kernel.image = BATON_TRY(loader::parse_elf(bytes, path));
  draw(firmware, kernel, facts);
  if (kernel.place().empty()) {
    kernel.memory = BATON_TRY(allocate_aligned(firmware, kernel.image.size, loader::kImageAlign,
                                               kernel.image.start % loader::kImageAlign, path));
  }
  const std::span memory(reinterpret_cast<uint8_t*>(kernel.place().start.v),
                         static_cast<size_t>(kernel.place().size()));
  const uint64_t offset = kernel.kaslr.image_offset;
  loader::load_elf(kernel.image, bytes, memory);
  BATON_TRY(loader::relocate(kernel.image, bytes, memory, offset, path));
  kernel.kaslr.image = kernel.image.start + offset;
  kernel.segment_count =
      loader::place_segments(kernel.image, kernel.place().start, kernel.segment_storage, offset);
  return kernel;
}

mm::Result<File> load_initrd(const Firmware& firmware, const Volume& volume, const Trust& trust,
                             const char* path, const mm::Printer& progress) {
  if (path == nullptr) return File{};
  File file = BATON_TRY(volume.read(firmware, path, progress));
  if (file.size == 0) return mm::Error{"is empty", path};
  BATON_TRY(trust.check(file, path));
  return file;
}

mm::Result<Modules> load_modules(const Firmware& firmware, const Volume& volume, const Trust& trust,
                                 const loader::Config& config, const mm::Printer& progress) {
  Modules modules;
  for (const auto& [name, path] : std::span(config.modules).first(config.module_count)) {
    File& file = modules.files[modules.count];
    file = BATON_TRY(load_initrd(firmware, volume, trust, path, progress));
    loader::HandoffModule& module = modules.storage[modules.count++];
    module = {file.pages.range().start.v, file.size, {}};
    loader::put_text(module.name, name);
  }
  return modules;
}

}  // namespace efi
