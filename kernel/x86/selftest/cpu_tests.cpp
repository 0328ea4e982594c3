// What the CPU keeps the kernel from.
#include "kernel/x86/selftest/cpu_tests.h"

#include "kernel/arch.h"

namespace kernel {
Verdict test_protections(Booted&) {
  const auto all = arch::protections();
  for (const arch::Protection& p : all) {
    if (p.there && !p.on) return Verdict::fail("the CPU has {}, and it is off", p.name);
  }
  if (!all[0].on && !all[1].on && !all[2].on) {
    return Verdict::skip("the CPU has neither SMEP nor SMAP nor UMIP");
  }
  const auto how = [](const arch::Protection& p) { return p.on ? "on" : "missing in CPU"; };
  loader::Facts facts;
  facts.say("{} {}, {} {}, {} {}", all[0].name, how(all[0]), all[1].name, how(all[1]), all[2].name,
            how(all[2]));
  return {loader::Outcome::Pass, facts};
}

}  // namespace kernel
