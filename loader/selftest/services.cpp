// Clock, variables, random numbers, protection, screen.
#include <algorithm>
#include <string_view>

#include "loader/selftest/firmware_tests.h"

namespace loader {
namespace {

// --- Protection ----------------------------------------------------------------------------------

Verdict nx_stack(FirmwareBench& bench) {
  const auto page = bench.firmware.page_at(bench.facts.stack);
  if (!page) return Verdict::fail("the stack, at {:#x}, is not mapped", bench.facts.stack);
  if (page->executable) {
    return Verdict::skip("the stack, at {:#x}, is executable; a firmware may leave it so",
                         bench.facts.stack);
  }
  return Verdict::pass();
}

Verdict nx_data(FirmwareBench& bench) {
  uint64_t at = 0;
  const EfiStatus status = bench.firmware.allocate_pages(
      AllocateHow::AnyPages, static_cast<uint32_t>(EfiMemoryType::LoaderData), 1, at);
  if (status != kEfiSuccess) return Verdict::fail("a page of any kind: status {:#x}", status);
  const auto page = bench.firmware.page_at(at);
  (void)bench.firmware.free_pages(at, 1);
  if (!page) return Verdict::fail("pages just allocated at {:#x} are not mapped", at);
  if (page->executable) {
    return Verdict::skip("data allocated at {:#x} is executable; a firmware may leave it so", at);
  }
  return Verdict::pass();
}

Verdict nx_code(FirmwareBench& bench) {
  const auto page = bench.firmware.page_at(bench.facts.code);
  if (!page || !page->executable) {
    return Verdict::fail("our code, at {:#x}, is not mapped executable", bench.facts.code);
  }
  if (page->writable) {
    return Verdict::skip("our code, at {:#x}, is writable; a firmware may leave it so",
                         bench.facts.code);
  }
  return Verdict::pass();
}

Verdict memory_attribute(FirmwareBench& bench) {
  if (bench.facts.has_memory_attribute) return Verdict::pass();
  return Verdict::skip("this firmware has no EFI_MEMORY_ATTRIBUTE_PROTOCOL");
}

Verdict tcg2(FirmwareBench& bench) {
  if (bench.facts.has_tcg2) return Verdict::pass();
  return Verdict::skip("no TPM, or the firmware has no EFI_TCG2_PROTOCOL");
}

// --- Random numbers, clock -----------------------------------------------------------------------

Verdict rng(FirmwareBench& bench) {
  if (!bench.facts.has_rng) return Verdict::skip("this firmware has no EFI_RNG_PROTOCOL");
  if (bench.facts.rng_is_null) return Verdict::fail("EFI_RNG_PROTOCOL's GetRNG is null");
  std::array<uint8_t, 32> first{};
  std::array<uint8_t, 32> second{};
  for (auto* bytes : {&first, &second}) {
    const EfiStatus status = bench.firmware.random(*bytes);
    if (status != kEfiSuccess) return Verdict::fail("GetRNG: status {:#x}", status);
  }
  if (first == second)
    return Verdict::fail("two times 32 bytes are the same, beginning 0x{:02x}", first[0]);
  return Verdict::pass();
}

Verdict time(FirmwareBench& bench) {
  EfiTime t{};
  const EfiStatus status = bench.firmware.get_time(t);
  if (status == kEfiUnsupported) return Verdict::skip("this machine has no clock");
  if (status != kEfiSuccess) return Verdict::fail("GetTime: status {:#x}", status);
  constexpr uint8_t kDays[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool date = t.year >= 1900 && t.year <= 9999 && t.month >= 1 && t.month <= 12 &&
                    t.day >= 1 && t.day <= kDays[t.month - 1];
  const bool hour = t.hour < 24 && t.minute < 60 && t.second < 60 && t.nanosecond < 1'000'000'000;
  const bool zone = t.time_zone == 0x7ff || (t.time_zone >= -1440 && t.time_zone <= 1440);
  if (!date || !hour || !zone || (t.daylight & ~3) != 0) {
    return Verdict::fail("{}-{:02}-{:02} {:02}:{:02}:{:02}.{:09}, zone {}, daylight {:#x}", t.year,
                         t.month, t.day, t.hour, t.minute, t.second, t.nanosecond, t.time_zone,
                         t.daylight);
  }
  // Before there was UEFI 2.0 no battery can have kept the time.
  if (t.year < 2006) return Verdict::fail("the clock says {}-{:02}-{:02}", t.year, t.month, t.day);
  return Verdict::pass();
}

// --- Variables -----------------------------------------------------------------------------------

constexpr size_t kNameBytes = 2048;
constexpr size_t kMostVariables = 4096;

// For messages: the name's printable ASCII.
struct PlainName {
  std::array<char, 40> text{};
  explicit PlainName(const char16_t* name) {
    for (size_t i = 0; i + 1 < text.size() && name[i] != 0; ++i) {
      text[i] = name[i] >= ' ' && name[i] <= '~' ? static_cast<char>(name[i]) : '?';
    }
  }
};

// Calls visit(name, vendor) for each variable; ends with the first that does not pass.
template <class Visit>
Verdict each_variable(FirmwareBench& bench, Visit visit) {
  auto* const name = reinterpret_cast<char16_t*>(bench.scratch.data());
  name[0] = 0;
  EfiGuid vendor{};
  for (size_t i = 0; i < kMostVariables; ++i) {
    uint64_t size = kNameBytes;
    const EfiStatus status = bench.firmware.next_variable(size, name, vendor);
    if (status == kEfiNotFound) return Verdict::pass();
    if (status != kEfiSuccess) {
      return Verdict::fail("GetNextVariableName: status {:#x} after {} variables", status, i);
    }
    if (const Verdict v = visit(name, vendor); !v.passed()) return v;
  }
  return Verdict::fail("the list has not ended after {} variables", kMostVariables);
}

Verdict variables_list(FirmwareBench& bench) {
  // Names seen, by a checksum of name and vendor; 64 bits do not meet by chance.
  const std::span<uint64_t> seen{reinterpret_cast<uint64_t*>(bench.scratch.data() + kNameBytes),
                                 (bench.scratch.size() - kNameBytes) / sizeof(uint64_t)};
  size_t count = 0, left_out = 0;
  const Verdict verdict = each_variable(bench, [&](const char16_t* name, const EfiGuid& vendor) {
    uint64_t hash = 0xcbf2'9ce4'8422'2325U;
    const auto mix = [&hash](uint64_t v) { hash = (hash ^ v) * 0x100'0000'01b3U; };
    for (const char16_t* c = name; *c != 0; ++c) mix(*c);
    mix(vendor.a);
    mix(uint64_t{vendor.b} << 16 | vendor.c);
    for (const uint8_t byte : vendor.d) mix(byte);
    for (size_t i = 0; i < count; ++i) {
      if (seen[i] == hash) {
        return Verdict::fail("{} is listed twice", PlainName(name).text.data());
      }
    }
    if (count < seen.size()) {
      seen[count++] = hash;
    } else {
      ++left_out;
    }
    return Verdict::pass();
  });
  if (!verdict.passed() || left_out == 0) return verdict;
  return Verdict::skip("{} variables behind the first {} are compared with those only", left_out,
                       count);
}

Verdict variables_read(FirmwareBench& bench) {
  const std::span<std::byte> value = bench.scratch.subspan(kNameBytes);
  Verdict verdict = Verdict::pass();
  // efi.variables.list tells what is wrong with the list.
  (void)each_variable(bench, [&](const char16_t* name, const EfiGuid& vendor) {
    uint64_t size = 0;
    EfiStatus status = bench.firmware.get_variable(name, vendor, size, nullptr);
    const char* const step = status == kEfiBufferTooSmall ? "value" : "size";
    if (status == kEfiBufferTooSmall) {
      if (size > value.size()) return Verdict::pass();  // more than there is room for here
      const uint64_t said = size;
      status = bench.firmware.get_variable(name, vendor, size, value.data());
      if (status == kEfiSuccess && size == said) return Verdict::pass();
    }
    verdict =
        Verdict::fail("{}: status {:#x} for its {}", PlainName(name).text.data(), status, step);
    return verdict;
  });
  return verdict;
}

Verdict variables_missing(FirmwareBench& bench) {
  constexpr EfiGuid kOurs{
      0xba701105, 0x7e57, 0x4a11, {0x90, 0x0d, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79}};
  uint8_t byte = 0;
  uint64_t size = sizeof(byte);
  const EfiStatus status = bench.firmware.get_variable(u"BatonSelfTest", kOurs, size, &byte);
  if (status == kEfiNotFound) return Verdict::pass();
  return Verdict::fail("a variable that nobody made: status {:#x}", status);
}

std::optional<uint8_t> byte_variable(FirmwareBench& bench, const char16_t* name) {
  uint8_t value = 0;
  uint64_t size = sizeof(value);
  const EfiStatus status = bench.firmware.get_variable(name, kGlobalVariables, size, &value);
  if (status != kEfiSuccess || size != sizeof(value)) return std::nullopt;
  return value;
}

Verdict secure_boot(FirmwareBench& bench) {
  const auto on = byte_variable(bench, u"SecureBoot");
  const auto setup = byte_variable(bench, u"SetupMode");
  if (!on) return Verdict::skip("this firmware has no Secure Boot");
  if (*on > 1 || !setup || *setup > 1 || (*on == 1 && *setup == 1)) {
    return Verdict::fail("SecureBoot is {}, SetupMode {}{}", *on, setup ? "" : "missing ",
                         setup ? *setup : 0U);
  }
  if (*on == 0)
    return Verdict::skip("Secure Boot is off{}", *setup == 1 ? ", no keys enrolled" : "");
  return Verdict::pass();
}

// --- Screen --------------------------------------------------------------------------------------

Verdict graphics(FirmwareBench& bench) {
  const HandoffFramebuffer& screen = bench.facts.framebuffer;
  if (screen.address == 0) return Verdict::skip("there is no linear framebuffer");
  const uint64_t needed =
      uint64_t{screen.pixels_per_line} * screen.height * bytes_per_pixel(screen);
  if (screen.width == 0 || screen.height == 0 || screen.pixels_per_line < screen.width ||
      needed > screen.size) {
    return Verdict::fail("{}x{}, {} pixels a line, in {} bytes", screen.width, screen.height,
                         screen.pixels_per_line, screen.size);
  }
  const mm::Range range{mm::Phys{screen.address}, mm::Phys{screen.address + screen.size}};
  if (range.empty() || range.end > bench.facts.ends.memory) {
    return Verdict::fail("it ends at {}, beyond {}", range.end, bench.facts.ends.memory);
  }
  MapSnapshot now;
  if (const Verdict v = take_map(bench, bench.first_map, now); !v.passed()) return v;
  for (size_t i = 0; i < now.map.count(); ++i) {
    const EfiDescriptor d = now.map.at(i);
    const auto other = range_of(d);
    if (!other.ok() || !other.value().overlaps(range) || e820_type(d) != mm::E820Type::Ram) {
      continue;
    }
    const mm::Phys at = std::max(other.value().start, range.start);
    return Verdict::fail("{}, in the framebuffer, is {}", at, d.type);
  }
  return Verdict::pass();
}

constexpr FirmwareTest kTests[] = {
    {"efi.nx.stack", nx_stack},
    {"efi.nx.data", nx_data},
    {"efi.nx.code", nx_code},
    {"efi.memory-attribute-protocol", memory_attribute},
    {"efi.tcg2", tcg2},
    {"efi.rng", rng},
    {"efi.time", time},
    {"efi.variables.list", variables_list},
    {"efi.variables.read", variables_read},
    {"efi.variables.missing", variables_missing},
    {"efi.secure-boot", secure_boot},
    {"efi.graphics", graphics},
};

}  // namespace

std::span<const FirmwareTest> service_tests() { return kTests; }

}  // namespace loader
