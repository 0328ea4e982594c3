#include "kernel/kaslr.h"

namespace kernel {

void print_kaslr(const loader::Handoff& handoff, const mm::Printer& out) {
  struct Source {
    uint32_t bit;
    const char* name;
  };
  static constexpr Source kSources[] = {{loader::kRandomFirmware, "EFI_RNG"},
                                        {loader::kRandomSeed, "RDSEED"},
                                        {loader::kRandomNumber, "RDRAND"},
                                        {loader::kRandomRndr, "RNDR"},
                                        {loader::kRandomCounter, "the time"}};
  const loader::HandoffKaslr& kaslr = handoff.kaslr;
  if (kaslr.state == loader::kKaslrRefused) out.line("KASLR disabled: 'nokaslr' on cmdline");
  if (kaslr.state != loader::kKaslrOn) return;
  out.part("KASLR enabled: image at {:#x} ({} bits), in memory at {:#x} ({}), ", kaslr.image,
           kaslr.image_bits, handoff.kernel_physical, kaslr.place_bits);
  out.part("direct map at {:#x} ({}), by", handoff.direct_map, kaslr.direct_map_bits);
  const char* between = " ";
  for (const Source& source : kSources) {
    if ((kaslr.sources & source.bit) == 0) continue;
    out.part("{}{}", between, source.name);
    between = ", ";
  }
  // Whoever knows when the machine started can try them all.
  if (kaslr.sources == loader::kRandomCounter) out.text(" alone, which can be guessed");
  out.text("\n");
}

}  // namespace kernel
