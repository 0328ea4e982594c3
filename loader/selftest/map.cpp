// The memory map as it stands.
#include "loader/selftest/firmware_tests.h"

namespace loader {
namespace {

constexpr uint64_t kLowEnd = mm::kMiB;  // below it lie the BIOS areas of old PCs

// UEFI 2.10 section 7.2.3.
constexpr uint64_t kWriteBack = 0x8;
constexpr uint64_t kKnownAttributes = 0x1f        // UC, WC, WT, WB, UCE
                                      | 0xf000    // WP, RP, XP, NV
                                      | 0xf0000   // MORE_RELIABLE, RO, SP, CPU_CRYPTO
                                      | 0x100000  // HOT_PLUGGABLE
                                      | kEfiMemoryRuntime | uint64_t{0xffff} << 44  // ISA_MASK
                                      | uint64_t{1} << 62;                          // ISA_VALID
constexpr uint32_t kTypes = 16;
constexpr uint32_t kFirstOemType = 0x7000'0000;

bool is_usable(EfiMemoryType type) {
  switch (type) {
    case EfiMemoryType::LoaderCode:
    case EfiMemoryType::LoaderData:
    case EfiMemoryType::BootServicesCode:
    case EfiMemoryType::BootServicesData:
    case EfiMemoryType::Conventional:
      return true;
    default:
      return false;
  }
}

bool is_runtime(EfiMemoryType type) {
  return type == EfiMemoryType::RuntimeServicesCode || type == EfiMemoryType::RuntimeServicesData;
}

bool is_acpi(EfiMemoryType type) {
  return type == EfiMemoryType::AcpiReclaim || type == EfiMemoryType::AcpiNvs;
}

// Kept aligned by a rule of their own.
bool is_kept_aligned(const EfiDescriptor& d) {
  return (d.attributes & kEfiMemoryRuntime) != 0 || is_runtime(d.type) || is_acpi(d.type);
}

// Whether a range is RAM, whoever has it.
bool is_ram(EfiMemoryType type) {
  return is_usable(type) || is_runtime(type) || is_acpi(type) ||
         type == EfiMemoryType::Unaccepted || type == EfiMemoryType::Unusable;
}

uint64_t end_of(const EfiDescriptor& d) { return d.physical_start + d.pages * mm::kPageSize; }

// Calls wrong(descriptor, index) for each descriptor of the map until that fails.
template <class Wrong>
Verdict each(FirmwareBench& bench, Wrong wrong) {
  MapSnapshot now;
  if (const Verdict v = take_map(bench, bench.first_map, now); !v.passed()) return v;
  for (size_t i = 0; i < now.map.count(); ++i) {
    if (const Verdict v = wrong(now.map.at(i), i); v.failed()) return v;
  }
  return Verdict::pass();
}

Verdict form(FirmwareBench& bench) {
  MapCall call;
  call.size = bench.first_map.size();
  const EfiStatus status = bench.firmware.get_memory_map(bench.first_map.data(), call);
  if (status != kEfiSuccess) return Verdict::fail("GetMemoryMap: status {:#x}", status);
  if (call.version != 1) return Verdict::fail("descriptor version {}", call.version);
  if (call.stride < sizeof(EfiDescriptor) || call.stride % 8 != 0) {
    return Verdict::fail("descriptor size {}", call.stride);
  }
  if (call.size == 0 || call.size % call.stride != 0) {
    return Verdict::fail("map of {} bytes, descriptors of {}", call.size, call.stride);
  }
  return Verdict::pass();
}

Verdict small_buffer(FirmwareBench& bench) {
  MapCall call;
  call.size = 8;
  for (std::byte& b : bench.second_map.first(64)) b = std::byte{0xa5};
  const EfiStatus status = bench.firmware.get_memory_map(bench.second_map.data(), call);
  if (status != kEfiBufferTooSmall) {
    return Verdict::fail("a buffer of 8 bytes gives status {:#x}", status);
  }
  for (size_t i = 8; i < 64; ++i) {
    if (bench.second_map[i] != std::byte{0xa5}) {
      return Verdict::fail("byte {} behind a buffer of 8 bytes was written", i);
    }
  }
  const uint64_t wanted = call.size;
  MapSnapshot now;
  if (const Verdict v = take_map(bench, bench.first_map, now); !v.passed()) return v;
  if (wanted < now.map.bytes().size()) {
    return Verdict::fail("it wants {} bytes, but the map has {}", wanted, now.map.bytes().size());
  }
  return Verdict::pass();
}

Verdict stable(FirmwareBench& bench) {
  MapSnapshot first;
  MapSnapshot second;
  if (const Verdict v = take_map(bench, bench.first_map, first); !v.passed()) return v;
  // A timer of the firmware's may have its say once; a map that never keeps still is a fault.
  size_t at = 0;
  for (int tries = 0; tries < 4; ++tries) {
    if (const Verdict v = take_map(bench, bench.second_map, second); !v.passed()) return v;
    const bool same_size = first.map.bytes().size() == second.map.bytes().size();
    at = 0;
    while (same_size && at < first.map.bytes().size() &&
           first.map.bytes()[at] == second.map.bytes()[at]) {
      ++at;
    }
    if (same_size && at == first.map.bytes().size() && first.key == second.key)
      return Verdict::pass();
    if (const Verdict v = take_map(bench, bench.first_map, first); !v.passed()) return v;
  }
  if (first.key != second.key) {
    return Verdict::fail("the key went from {:#x} to {:#x} with nothing in between", second.key,
                         first.key);
  }
  return Verdict::fail("two maps in a row differ from descriptor {} on", at / first.map.stride());
}

Verdict alignment(FirmwareBench& bench) {
  return each(bench, [&](const EfiDescriptor& d, size_t i) {
    if (is_kept_aligned(d) || d.physical_start % mm::kPageSize == 0) return Verdict::pass();
    return Verdict::fail("descriptor {} begins at {:#x}", i, d.physical_start);
  });
}

Verdict runtime_align(FirmwareBench& bench) {
  return each(bench, [&](const EfiDescriptor& d, size_t i) {
    if (!is_kept_aligned(d) || d.physical_start % mm::kPageSize == 0) return Verdict::pass();
    return Verdict::fail("descriptor {} ({}) begins at {:#x}", i, d.type, d.physical_start);
  });
}

Verdict size(FirmwareBench& bench) {
  return each(bench, [&](const EfiDescriptor& d, size_t i) {
    if (d.pages == 0)
      return Verdict::fail("descriptor {}, at {:#x}, has no pages", i, d.physical_start);
    const uint64_t most = mm::kMaxPhys >> mm::kPageShift;
    if (d.pages > most || d.physical_start > mm::kMaxPhys || end_of(d) > mm::kMaxPhys) {
      return Verdict::fail("descriptor {} begins at {:#x} and has {:#x} pages", i, d.physical_start,
                           d.pages);
    }
    return Verdict::pass();
  });
}

Verdict reach(FirmwareBench& bench) {
  const Reach& ends = bench.facts.ends;
  return each(bench, [&](const EfiDescriptor& d, size_t i) {
    const auto range = range_of(d);
    if (!range.ok()) return Verdict::pass();  // efi.map.size has something to say
    mm::Phys end = ends.cpu;
    if (e820_type(d) == mm::E820Type::Ram) end = ends.memory;
    if ((d.attributes & kEfiMemoryRuntime) != 0 && ends.runtime < end) end = ends.runtime;
    if (range.value().end <= end) return Verdict::pass();
    const char* const name = efi_type_name(d.type);
    return Verdict::fail("descriptor {}, {} {}, reaches beyond {}", i,
                         name != nullptr ? name : "of unknown type", range.value(), end);
  });
}

Verdict overlap(FirmwareBench& bench) {
  MapSnapshot now;
  if (const Verdict v = take_map(bench, bench.first_map, now); !v.passed()) return v;
  for (size_t i = 0; i < now.map.count(); ++i) {
    const EfiDescriptor a = now.map.at(i);
    const auto range_a = range_of(a);
    if (!range_a.ok()) continue;
    for (size_t j = i + 1; j < now.map.count(); ++j) {
      const EfiDescriptor b = now.map.at(j);
      const auto range_b = range_of(b);
      if (!range_b.ok() || !range_a.value().overlaps(range_b.value())) continue;
      return Verdict::fail("descriptor {} [{:#x}-{:#x}) type {} and {} [{:#x}-{:#x}) type {}", i,
                           a.physical_start, end_of(a), static_cast<unsigned>(a.type), j,
                           b.physical_start, end_of(b), static_cast<unsigned>(b.type));
    }
  }
  return Verdict::pass();
}

Verdict order(FirmwareBench& bench) {
  uint64_t before = 0;
  bool descends = false;
  const Verdict verdict = each(bench, [&](const EfiDescriptor& d, size_t i) {
    if (d.physical_start < before) {
      descends = true;
      return Verdict::fail(
          "descriptor {} begins at {:#x}, the one before at {:#x}; no rule is broken", i,
          d.physical_start, before);
    }
    before = d.physical_start;
    return Verdict::pass();
  });
  return descends ? Verdict::skip("{}", verdict.facts()) : verdict;
}

// A descriptor of RAM that begins where `from` does or later, the first such; none at the end.
std::optional<EfiDescriptor> next_described(const MapSnapshot& now, uint64_t from) {
  std::optional<EfiDescriptor> next;
  for (size_t i = 0; i < now.map.count(); ++i) {
    const EfiDescriptor d = now.map.at(i);
    if (d.physical_start < from || d.pages == 0) continue;
    if (!next || d.physical_start < next->physical_start) next = d;
  }
  return next;
}

Verdict gaps(FirmwareBench& bench) {
  MapSnapshot now;
  if (const Verdict v = take_map(bench, bench.first_map, now); !v.passed()) return v;
  for (size_t i = 0; i < now.map.count(); ++i) {
    const EfiDescriptor d = now.map.at(i);
    if (!is_ram(d.type) || !range_of(d).ok() || end_of(d) < kLowEnd) continue;
    if (now.find(end_of(d))) continue;
    const auto next = next_described(now, end_of(d));
    if (!next || !is_ram(next->type)) continue;
    const uint64_t hole = next->physical_start - end_of(d);
    if (hole != 0 && hole < mm::kMiB) {
      return Verdict::fail("nobody describes [{:#x}-{:#x}), {} KiB between RAM and RAM", end_of(d),
                           next->physical_start, hole / mm::kKiB);
    }
  }
  return Verdict::pass();
}

Verdict types(FirmwareBench& bench) {
  return each(bench, [&](const EfiDescriptor& d, size_t i) {
    const auto type = static_cast<uint32_t>(d.type);
    if (type < kTypes || type >= kFirstOemType) return Verdict::pass();
    return Verdict::fail("descriptor {}, at {:#x}, has type {}", i, d.physical_start, type);
  });
}

Verdict attributes(FirmwareBench& bench) {
  return each(bench, [&](const EfiDescriptor& d, size_t i) {
    if ((d.attributes & ~kKnownAttributes) != 0) {
      return Verdict::fail("descriptor {}, at {:#x}, has attributes {:#x}", i, d.physical_start,
                           d.attributes);
    }
    if (is_usable(d.type) && (d.attributes & kWriteBack) == 0) {
      return Verdict::fail("RAM at {:#x} (descriptor {}) cannot be mapped write-back: {:#x}",
                           d.physical_start, i, d.attributes);
    }
    return Verdict::pass();
  });
}

Verdict runtime_flag(FirmwareBench& bench) {
  return each(bench, [&](const EfiDescriptor& d, size_t i) {
    const bool flag = (d.attributes & kEfiMemoryRuntime) != 0;
    if (is_runtime(d.type) && !flag) {
      return Verdict::fail("runtime memory at {:#x} (descriptor {}) lacks EFI_MEMORY_RUNTIME",
                           d.physical_start, i);
    }
    if ((is_usable(d.type) || d.type == EfiMemoryType::Unusable) && flag) {
      return Verdict::fail("memory at {:#x} (descriptor {}, type {}) has EFI_MEMORY_RUNTIME",
                           d.physical_start, i, static_cast<unsigned>(d.type));
    }
    return Verdict::pass();
  });
}

Verdict own_image(FirmwareBench& bench) {
  MapSnapshot now;
  if (const Verdict v = take_map(bench, bench.first_map, now); !v.passed()) return v;
  const mm::Range image = bench.facts.image;
  for (mm::Phys at = image.start; at < image.end;) {
    const auto d = now.find(at.v);
    if (!d) return Verdict::fail("{}, in our image, is not in the map", at);
    if (d->type != EfiMemoryType::LoaderCode && d->type != EfiMemoryType::LoaderData) {
      return Verdict::fail("{}, in our image, has type {}", at, static_cast<unsigned>(d->type));
    }
    at = mm::Phys{end_of(*d)};
  }
  return Verdict::pass();
}

Verdict stack(FirmwareBench& bench) {
  MapSnapshot now;
  if (const Verdict v = take_map(bench, bench.first_map, now); !v.passed()) return v;
  const auto d = now.find(bench.facts.stack);
  if (!d) return Verdict::fail("the stack, at {:#x}, is not in the map", bench.facts.stack);
  if (d->type == EfiMemoryType::Conventional) {
    return Verdict::fail("the stack, at {:#x}, is in free memory", bench.facts.stack);
  }
  return Verdict::pass();
}

Verdict over_boots(FirmwareBench& bench) {
  const MapOverBoots& boots = bench.facts.over_boots;
  if (!boots.known) return Verdict::skip("no earlier start's map is known");
  const MapChange* first = nullptr;
  size_t count = 0;
  for (const MapChange& change : boots.changes) {
    if (!must_stay(change)) continue;
    if (count++ == 0) first = &change;
  }
  if (count == 0) return Verdict::pass();
  const MapRange& range = first->kind == MapChange::Kind::Appeared ? first->after : first->before;
  return Verdict::fail("{} ranges are not as they were, the first: {} of {} KiB at {}", count,
                       range.type, range.range.size() / mm::kKiB, range.range.start);
}

constexpr FirmwareTest kTests[] = {
    {"efi.map.form", form},
    {"efi.map.small-buffer", small_buffer},
    {"efi.map.stable", stable},
    {"efi.map.alignment", alignment},
    {"efi.map.size", size},
    {"efi.map.reach", reach},
    {"efi.map.overlap", overlap},
    {"efi.map.order", order},
    {"efi.map.gaps", gaps},
    {"efi.map.types", types},
    {"efi.map.attributes", attributes},
    {"efi.map.runtime-flag", runtime_flag},
    {"efi.map.runtime-align", runtime_align},
    {"efi.map.own-image", own_image},
    {"efi.map.stack", stack},
    {"efi.map.boots", over_boots},
};

}  // namespace

std::span<const FirmwareTest> map_tests() { return kTests; }

}  // namespace loader
