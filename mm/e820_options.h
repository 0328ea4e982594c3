// mem= and memmap=: what the command line changes in e820.
//
// Linux 6.1's arch/x86/kernel/e820.c (parse_memopt, parse_memmap_one) with its lines:
//
//   mem=nn                  no RAM at nn and above
//   memmap=exactmap         forget the firmware's map
//   memmap=nn               as mem=nn
//   memmap=nn@ss            RAM at [ss, ss + nn)
//   memmap=nn#ss            ACPI data
//   memmap=nn$ss            reserved
//   memmap=nn!ss            persistent memory (type 12)
//   memmap=nn%ss-old+new    what is of type `old` becomes `new`; without old: added as `new`;
//                           without new: `old` is removed; without both: all is removed
//   memmap=a,b,c            each in turn
//
// Where Linux does part of a wrong option, or takes no notice of what follows a number, we do
// nothing of it and say what is wrong. Types that overlap go by our order (mm/e820.h), the same as
// Linux's wherever RAM is involved.
#pragma once

#include <cstdint>
#include <string_view>

#include "mm/e820.h"
#include "mm/print.h"
#include "mm/result.h"

namespace mm {

// What options have done to usable memory, in bytes; for the ledger.
struct E820Changes {
  bool any = false;           // an option was applied: Linux prints the map again
  uint64_t taken_by_mem = 0;  // was usable and is not any more
  uint64_t taken_by_memmap = 0;
  uint64_t added_by_memmap = 0;  // was not usable and is now
};

// The value of one option, without its name. Failure names the option, what is wrong and how many
// characters from the end; options before the wrong one in a list stay applied.
Result<> apply_mem(std::string_view value, E820Table& e820, E820Changes& changes,
                   const Printer& out);
Result<> apply_memmap(std::string_view value, E820Table& e820, E820Changes& changes,
                      const Printer& out);

// `user-defined physical RAM map:` and the map, if an option changed it.
void print_user_map(const E820Table& e820, const E820Changes& changes, const Printer& out);

}  // namespace mm
