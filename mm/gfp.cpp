#include "mm/gfp.h"

#include <array>

namespace mm {
namespace {

struct Name {
  Gfp flags;
  const char* name;
};

constexpr Gfp kTranshugeLight =
    (kGfpHighUserMovable | kGfpFlagComp | kGfpFlagNoMemAlloc | kGfpFlagNoWarn) - kGfpFlagReclaim;

// Combinations before their parts, most bits first: include/trace/events/mmflags.h's order.
// Debian's GFP_HIGHUSER_MOVABLE has __GFP_SKIP_KASAN bits only where KASAN exists; they are 0 here.
constexpr std::array<Name, 37> kNames{{
    {kTranshugeLight | kGfpFlagDirectReclaim, "GFP_TRANSHUGE"},
    {kTranshugeLight, "GFP_TRANSHUGE_LIGHT"},
    {kGfpHighUserMovable, "GFP_HIGHUSER_MOVABLE"},
    {kGfpHighUser, "GFP_HIGHUSER"},
    {kGfpUser, "GFP_USER"},
    {kGfpKernel | kGfpFlagAccount, "GFP_KERNEL_ACCOUNT"},
    {kGfpKernel, "GFP_KERNEL"},
    {kGfpFlagReclaim | kGfpFlagIo, "GFP_NOFS"},
    {kGfpAtomic, "GFP_ATOMIC"},
    {kGfpFlagReclaim, "GFP_NOIO"},
    {kGfpNoWait, "GFP_NOWAIT"},
    {kGfpDma, "GFP_DMA"},
    {kGfpFlagHighMem, "__GFP_HIGHMEM"},
    {kGfpDma32, "GFP_DMA32"},
    {kGfpFlagHigh, "__GFP_HIGH"},
    {kGfpFlagAtomic, "__GFP_ATOMIC"},
    {kGfpFlagIo, "__GFP_IO"},
    {kGfpFlagFs, "__GFP_FS"},
    {kGfpFlagNoWarn, "__GFP_NOWARN"},
    {kGfpFlagRetryMayfail, "__GFP_RETRY_MAYFAIL"},
    {kGfpFlagNoFail, "__GFP_NOFAIL"},
    {kGfpFlagNoRetry, "__GFP_NORETRY"},
    {kGfpFlagComp, "__GFP_COMP"},
    {kGfpFlagZero, "__GFP_ZERO"},
    {kGfpFlagNoMemAlloc, "__GFP_NOMEMALLOC"},
    {kGfpFlagMemAlloc, "__GFP_MEMALLOC"},
    {kGfpFlagHardwall, "__GFP_HARDWALL"},
    {kGfpFlagThisNode, "__GFP_THISNODE"},
    {kGfpFlagReclaimable, "__GFP_RECLAIMABLE"},
    {kGfpFlagMovable, "__GFP_MOVABLE"},
    {kGfpFlagAccount, "__GFP_ACCOUNT"},
    {kGfpFlagWrite, "__GFP_WRITE"},
    {kGfpFlagReclaim, "__GFP_RECLAIM"},
    {kGfpFlagDirectReclaim, "__GFP_DIRECT_RECLAIM"},
    {kGfpFlagKswapdReclaim, "__GFP_KSWAPD_RECLAIM"},
    {Gfp{0x800000}, "__GFP_ZEROTAGS"},
    {Gfp{0x8000000}, "__GFP_NOLOCKDEP"},
}};

}  // namespace

void print_gfp(const Printer& out, Gfp gfp) {
  if (gfp == Gfp{}) return out.part("none");
  const char* between = "";
  for (const Name& entry : kNames) {
    if (!gfp.has_all(entry.flags)) continue;
    out.part("{}{}", between, entry.name);
    gfp = gfp - entry.flags;
    between = "|";
  }
  if (gfp != Gfp{}) out.part("{}{:#x}", between, gfp.bits());
}

}  // namespace mm
