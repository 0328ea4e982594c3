// Clock, variables, random numbers, protection, screen.
#include <algorithm>
#include <string_view>

#include "loader/selftest/firmware_tests.h"

namespace loader {
namespace {

using enum Outcome;

// --- Protection ----------------------------------------------------------------------------------

Outcome nx_stack(FirmwareBench& bench, Facts& facts) {
  const auto page = bench.firmware.page_at(bench.facts.stack);
  if (!page) return fail(facts, "the stack, at {:#x}, is not mapped", bench.facts.stack);
  if (page->executable) {
    return skip(facts, "the stack, at {:#x}, is executable; a firmware may leave it so",
                bench.facts.stack);
  }
  return Pass;
}

Outcome nx_data(FirmwareBench& bench, Facts& facts) {
  uint64_t at = 0;
  const EfiStatus status = bench.firmware.allocate_pages(
      AllocateHow::AnyPages, static_cast<uint32_t>(EfiMemoryType::LoaderData), 1, at);
  if (status != kEfiSuccess) return fail(facts, "a page of any kind: status {:#x}", status);
  const auto page = bench.firmware.page_at(at);
  (void)bench.firmware.free_pages(at, 1);
  if (!page) return fail(facts, "pages just allocated at {:#x} are not mapped", at);
  if (page->executable) {
    return skip(facts, "data allocated at {:#x} is executable; a firmware may leave it so", at);
  }
  return Pass;
}

Outcome nx_code(FirmwareBench& bench, Facts& facts) {
  const auto page = bench.firmware.page_at(bench.facts.code);
  if (!page || !page->executable) {
    return fail(facts, "our code, at {:#x}, is not mapped executable", bench.facts.code);
  }
  if (page->writable) {
    return skip(facts, "our code, at {:#x}, is writable; a firmware may leave it so",
                bench.facts.code);
  }
  return Pass;
}

Outcome memory_attribute(FirmwareBench& bench, Facts& facts) {
  if (bench.facts.has_memory_attribute) return Pass;
  return skip(facts, "this firmware has no EFI_MEMORY_ATTRIBUTE_PROTOCOL");
}

Outcome tcg2(FirmwareBench& bench, Facts& facts) {
  if (bench.facts.has_tcg2) return Pass;
  return skip(facts, "no TPM, or the firmware has no EFI_TCG2_PROTOCOL");
}

// --- Random numbers, clock -----------------------------------------------------------------------

Outcome rng(FirmwareBench& bench, Facts& facts) {
  if (!bench.facts.has_rng) return skip(facts, "this firmware has no EFI_RNG_PROTOCOL");
  std::array<uint8_t, 32> first{};
  std::array<uint8_t, 32> second{};
  for (auto* bytes : {&first, &second}) {
    const EfiStatus status = bench.firmware.random(*bytes);
    if (status != kEfiSuccess) return fail(facts, "GetRNG: status {:#x}", status);
  }
  if (first == second)
    return fail(facts, "two times 32 bytes are the same, beginning 0x{:02x}", first[0]);
  return Pass;
}

Outcome time(FirmwareBench& bench, Facts& facts) {
  EfiTime t{};
  const EfiStatus status = bench.firmware.get_time(t);
  if (status == kEfiUnsupported) return skip(facts, "this machine has no clock");
  if (status != kEfiSuccess) return fail(facts, "GetTime: status {:#x}", status);
  constexpr uint8_t kDays[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool date = t.year >= 1900 && t.year <= 9999 && t.month >= 1 && t.month <= 12 &&
                    t.day >= 1 && t.day <= kDays[t.month - 1];
  const bool hour = t.hour < 24 && t.minute < 60 && t.second < 60 && t.nanosecond < 1'000'000'000;
  const bool zone = t.time_zone == 0x7ff || (t.time_zone >= -1440 && t.time_zone <= 1440);
  if (!date || !hour || !zone || (t.daylight & ~3) != 0) {
    return fail(facts, "{}-{:02}-{:02} {:02}:{:02}:{:02}.{:09}, zone {}, daylight {:#x}", t.year,
                t.month, t.day, t.hour, t.minute, t.second, t.nanosecond, t.time_zone, t.daylight);
  }
  // Before there was UEFI 2.0 no battery can have kept the time.
  if (t.year < 2006) return fail(facts, "the clock says {}-{:02}-{:02}", t.year, t.month, t.day);
  return Pass;
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

// Calls visit(name, vendor) for each variable; ends with the first that does not return Pass.
template <class Visit>
Outcome each_variable(FirmwareBench& bench, Facts& facts, Visit visit) {
  auto* const name = reinterpret_cast<char16_t*>(bench.scratch.data());
  name[0] = 0;
  EfiGuid vendor{};
  for (size_t i = 0; i < kMostVariables; ++i) {
    uint64_t size = kNameBytes;
    const EfiStatus status = bench.firmware.next_variable(size, name, vendor);
    if (status == kEfiNotFound) return Pass;
    if (status != kEfiSuccess) {
      return fail(facts, "GetNextVariableName: status {:#x} after {} variables", status, i);
    }
    const Outcome outcome = visit(name, vendor);
    if (outcome != Pass) return outcome;
  }
  return fail(facts, "the list has not ended after {} variables", kMostVariables);
}

Outcome variables_list(FirmwareBench& bench, Facts& facts) {
  // Names seen, by a checksum of name and vendor; 64 bits do not meet by chance.
  const std::span<uint64_t> seen{reinterpret_cast<uint64_t*>(bench.scratch.data() + kNameBytes),
                                 (bench.scratch.size() - kNameBytes) / sizeof(uint64_t)};
  size_t count = 0;
  return each_variable(bench, facts, [&](const char16_t* name, const EfiGuid& vendor) {
    uint64_t hash = 0xcbf2'9ce4'8422'2325U;
    const auto mix = [&hash](uint64_t v) { hash = (hash ^ v) * 0x100'0000'01b3U; };
    for (const char16_t* c = name; *c != 0; ++c) mix(*c);
    mix(vendor.a);
    mix(uint64_t{vendor.b} << 16 | vendor.c);
    for (const uint8_t byte : vendor.d) mix(byte);
    for (size_t i = 0; i < count; ++i) {
      if (seen[i] == hash) {
        return fail(facts, "{} is listed twice", PlainName(name).text.data());
      }
    }
    if (count < seen.size()) seen[count++] = hash;
    return Pass;
  });
}

Outcome variables_read(FirmwareBench& bench, Facts& facts) {
  const std::span<std::byte> value = bench.scratch.subspan(kNameBytes);
  Facts listing;  // efi.variables.list tells what is wrong with the list
  bool wrong = false;
  (void)each_variable(bench, listing, [&](const char16_t* name, const EfiGuid& vendor) {
    uint64_t size = 0;
    EfiStatus status = bench.firmware.get_variable(name, vendor, size, nullptr);
    const char* const step = status == kEfiBufferTooSmall ? "value" : "size";
    if (status == kEfiBufferTooSmall) {
      if (size > value.size()) return Pass;  // more than there is room for here
      const uint64_t said = size;
      status = bench.firmware.get_variable(name, vendor, size, value.data());
      if (status == kEfiSuccess && size == said) return Pass;
    }
    wrong = true;
    return fail(facts, "{}: status {:#x} for its {}", PlainName(name).text.data(), status, step);
  });
  return wrong ? Fail : Pass;
}

Outcome variables_missing(FirmwareBench& bench, Facts& facts) {
  constexpr EfiGuid kOurs{
      0xba701105, 0x7e57, 0x4a11, {0x90, 0x0d, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79}};
  uint8_t byte = 0;
  uint64_t size = sizeof(byte);
  const EfiStatus status = bench.firmware.get_variable(u"BatonSelfTest", kOurs, size, &byte);
  if (status == kEfiNotFound) return Pass;
  return fail(facts, "a variable that nobody made: status {:#x}", status);
}

std::optional<uint8_t> byte_variable(FirmwareBench& bench, const char16_t* name) {
  uint8_t value = 0;
  uint64_t size = sizeof(value);
  const EfiStatus status = bench.firmware.get_variable(name, kGlobalVariables, size, &value);
  if (status != kEfiSuccess || size != sizeof(value)) return std::nullopt;
  return value;
}

Outcome secure_boot(FirmwareBench& bench, Facts& facts) {
  const auto on = byte_variable(bench, u"SecureBoot");
  const auto setup = byte_variable(bench, u"SetupMode");
  if (!on) return skip(facts, "this firmware has no Secure Boot");
  if (*on > 1 || !setup || *setup > 1 || (*on == 1 && *setup == 1)) {
    return fail(facts, "SecureBoot is {}, SetupMode {}{}", *on, setup ? "" : "missing ",
                setup ? *setup : 0U);
  }
  if (*on == 0) return skip(facts, "Secure Boot is off{}", *setup == 1 ? ", no keys enrolled" : "");
  return Pass;
}

// --- Screen --------------------------------------------------------------------------------------

Outcome graphics(FirmwareBench& bench, Facts& facts) {
  const HandoffFramebuffer& screen = bench.facts.framebuffer;
  if (screen.address == 0) return skip(facts, "there is no linear framebuffer");
  const uint64_t needed =
      uint64_t{screen.pixels_per_line} * screen.height * bytes_per_pixel(screen);
  if (screen.width == 0 || screen.height == 0 || screen.pixels_per_line < screen.width ||
      needed > screen.size) {
    return fail(facts, "{}x{}, {} pixels a line, in {} bytes", screen.width, screen.height,
                screen.pixels_per_line, screen.size);
  }
  const mm::Range range{mm::Phys{screen.address}, mm::Phys{screen.address + screen.size}};
  if (range.empty() || range.end > bench.facts.ends.memory) {
    return fail(facts, "it ends at {}, beyond {}", range.end, bench.facts.ends.memory);
  }
  MapSnapshot now;
  if (take_map(bench, bench.first_map, now, facts) != Pass) return Fail;
  for (size_t i = 0; i < now.map.count(); ++i) {
    const EfiDescriptor d = now.map.at(i);
    const auto other = range_of(d);
    if (!other.ok() || !other.value().overlaps(range) || e820_type(d) != mm::E820Type::Ram) {
      continue;
    }
    const mm::Phys at = std::max(other.value().start, range.start);
    return fail(facts, "{}, in the framebuffer, is {}", at, efi_type_name(d.type));
  }
  return Pass;
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
