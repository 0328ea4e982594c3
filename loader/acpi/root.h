// From the RSDP to the list of ACPI tables (ACPI 6.5 sections 5.2.5 to 5.2.8).
//
// The loader walks it to reserve and map the tables, the kernel again to find them; both by this
// code, so that what is mapped is what is read. Tables are read through a DirectMap; `readable`
// says whether a physical range may be touched at all, as addresses in a table are a firmware's
// claims.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "mm/direct_map.h"
#include "mm/result.h"
#include "mm/types.h"

namespace loader {

struct AcpiTable {
  std::array<char, 4> signature{};
  mm::Phys address;
  uint32_t length = 0;         // bytes, as its header says; at least sizeof the header
  bool checksum_good = false;  // all bytes sum to 0 (FACS has no checksum: true)
  uint32_t nth = 0;  // the walk's own: in place i, which table has the i-th lowest address
};

// Bounds of what a walk looks at, far above what machines have: a table's length is a firmware's
// claim, and reading takes time. Of SMBIOS structures no more are read either.
inline constexpr size_t kMaxAcpiTables = 1024;
inline constexpr uint64_t kMaxFirmwareTable = 16 * mm::kMiB;  // one of them
inline constexpr uint64_t kMaxAcpiBytes = 64 * mm::kMiB;      // all that are summed

// Every ACPI table but FACS and RSDP begins with this; ACPI 6.5 table 5.4.
struct __attribute__((packed)) AcpiHeader {
  char signature[4];
  uint32_t length;
  uint8_t revision;
  uint8_t checksum;
  char oem_id[6];
  char oem_table_id[8];
  uint32_t oem_revision;
  char creator_id[4];
  uint32_t creator_revision;
};
static_assert(sizeof(AcpiHeader) == 36);

// What the walk found out, besides the tables.
struct AcpiRoot {
  uint8_t revision = 0;  // RSDP revision: 0 is ACPI 1.0, 2 and up have an XSDT
  mm::Phys root;         // the XSDT, or RSDT when there is no usable XSDT
  bool is_xsdt = false;
  size_t tables = 0;          // how many entries of the caller's array are filled
  size_t skipped = 0;         // pointers to what cannot be a table (null, unreadable, bad length)
  mm::Error first_skipped{};  // why, for the first of them
  size_t duplicates = 0;      // pointers of the root table to what is listed already
  mm::Phys first_duplicate;   // where the first of them leads
  size_t left_out = 0;        // pointers that were not followed, as the array was full
  uint64_t bytes_summed = 0;  // of tables, for their checksums: each table's once
};

class AcpiWalk {
 public:
  using Readable = bool (*)(const void* context, mm::Range range);
  AcpiWalk(const mm::DirectMap& map, Readable readable, const void* context)
      : map_(map), readable_(readable), context_(context) {}

  // Lists the RSDP (signature "RSDP"), the root table, every table it points to, and the DSDT and
  // FACS the FADT points to, in the order found. The XSDT is preferred (ACPI 6.5 section 5.2.8);
  // a broken one (checksum, length) falls back to the RSDT. When `tables` is full the rest is
  // counted and not read; so the work grows with the pointers and the bytes, whatever they claim.
  // Fails when the RSDP is none (signature, checksum) or no root table is good.
  mm::Result<AcpiRoot> list(mm::Phys rsdp, std::span<AcpiTable> tables) const;

  // Whether these bytes are in the address space, and may be touched.
  [[nodiscard]] bool can_read(mm::Phys address, uint64_t size) const;

 private:
  struct List;
  mm::Result<AcpiTable> table_at(mm::Phys address, AcpiRoot& root) const;
  mm::Result<AcpiTable> root_table(mm::Phys address, const char* signature, AcpiRoot& root) const;
  void add_from_fadt(const AcpiTable& fadt, List& list) const;

  mm::DirectMap map_;
  Readable readable_;
  const void* context_;
};

// Sum of all bytes, which is 0 in a good table.
uint8_t acpi_checksum(const void* bytes, size_t size);

}  // namespace loader
