// What the CPU keeps the kernel from.
#include "kernel/x86/selftest/cpu_tests.h"

#include <array>

#include "kernel/arch.h"
#include "kernel/selftest/each_cpu.h"
#include "mm/print.h"

namespace kernel {

Verdict test_protections(Booted&) {
  bool any = false;
  const Verdict verdict = on_each([&](const Cpu& cpu) {
    for (const arch::Protection& p : arch::protections()) {
      if (p.there && !p.on)
        return Verdict::fail("CPU {} has {}, and it is off", cpu.number, p.name);
      any = any || p.on;
    }
    return Verdict::pass();
  });
  if (!verdict.passed()) return verdict;
  if (!any) return Verdict::skip("the CPU has none of them");
  std::array<char, 160> text{};
  size_t length = 0;
  for (const arch::Protection& p : arch::protections()) {
    if (length >= text.size()) break;
    length += mm::format(std::span(text).subspan(length), "{}{} {}", length == 0 ? "" : ", ",
                         p.name, p.on ? "on" : "missing in CPU");
  }
  loader::Facts facts;
  facts.say("{}", text.data());
  return {loader::Outcome::Pass, facts};
}

}  // namespace kernel
