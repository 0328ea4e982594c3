// The kernel, the initrd and modules, from files into the memory in which the kernel will find them.
#pragma once

#include <array>
#include <span>

#include "efi/files.h"
#include "efi/firmware.h"
#include "efi/memory.h"
#include "efi/memory_map.h"
#include "efi/trust.h"
#include "loader/elf.h"
#include "loader/handoff/handoff.h"
#include "loader/menu/config.h"
#include "mm/print.h"
#include "mm/result.h"

namespace efi {

// A kernel laid out as it will run.
struct Kernel {
  // What it was read from is not given back either (allocate_aligned() says why).
  File file;
  loader::ElfImage image;
  AlignedPages memory;  // image.size bytes, congruent to the link address modulo 2 MiB
  std::array<loader::HandoffSegment, loader::kMaxSegments> segment_storage{};
  size_t segment_count = 0;
  loader::HandoffKaslr kaslr{};    // the direct map is not chosen yet
  uint64_t direct_map_number = 0;  // drawn for it

  // Than this application, and so than the firmware.
  [[nodiscard]] bool is_wider() const {
    return image.kind.wide && !loader::elf_kinds().front().wide;
  }
  [[nodiscard]] mm::Range place() const { return memory.place; }
  [[nodiscard]] uint64_t entry() const { return image.entry + kaslr.image_offset; }
  [[nodiscard]] std::span<const loader::HandoffSegment> segments() const {
    return {segment_storage.data(), segment_count};
  }
};

// What it is that chooses where a kernel is put (loader/kaslr.h).
struct KaslrFacts {
  const MemoryMap& map;  // where there is room; it may have changed
  const char* options;   // nokaslr, and what keeps_place() looks for
  uint64_t tsc_entry;
};

// baton.conf's modules, each in memory of its own.
struct Modules {
  std::array<File, loader::kMaxModules> files;
  std::array<loader::HandoffModule, loader::kMaxModules> storage{};
  size_t count = 0;
  [[nodiscard]] std::span<const loader::HandoffModule> list() const {
    return {storage.data(), count};
  }
};

// All are checked in the memory that they are used from: no byte is read again.
mm::Result<Kernel> load_kernel(const Firmware& firmware, const Volume& volume, const Trust& trust,
                               const char* path, const KaslrFacts& facts,
                               const mm::Printer& progress);

// Without a path (null) an empty file.
mm::Result<File> load_initrd(const Firmware& firmware, const Volume& volume, const Trust& trust,
                             const char* path, const mm::Printer& progress);

// All of the configuration's, or an error about the first that cannot be had.
mm::Result<Modules> load_modules(const Firmware& firmware, const Volume& volume, const Trust& trust,
                                 const loader::Config& config, const mm::Printer& progress);

}  // namespace efi
