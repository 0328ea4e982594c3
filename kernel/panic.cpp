#include "kernel/panic.h"

#include <array>
#include <string_view>

#include "kernel/arch.h"
#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/run_record.h"
#include "kernel/smp/cpus.h"

namespace kernel {
namespace {

constexpr unsigned kNobody = ~0u;
constinit unsigned panicking = kNobody;  // the CPU that does
constinit unsigned depth = 0;            // how often it did
constinit InShort first_fault;
constinit unsigned left_running = 0;  // CPUs that did not stop for it

// By nothing that a report uses: that may be what broke.
using Say = void (*)(std::string_view text);

void say_number(Say say, uint64_t number) {
  std::array<char, 16> digits{};
  for (size_t i = digits.size(); i-- > 0; number >>= 4) digits[i] = "0123456789abcdef"[number & 15];
  say({digits.data(), digits.size()});
}

void say_in_short(Say say, const InShort& fault) {
  say(fault.what);
  say(" (");
  say_number(say, fault.at);
  say(", ");
  say_number(say, fault.about);
  say(")");
}

void say_both(Say say, const InShort& first, const InShort& second) {
  say("\nKernel panic while telling of another: ");
  say_in_short(say, second);
  say("; the first: ");
  say_in_short(say, first);
  say("\n");
}

}  // namespace

void print_end(const mm::Printer& out) {
  print_image_offset(out);
  out.line("---[ end Kernel panic ]---");
}

void last_words(const InShort& in_short, Report report, const void* facts) {
  unsigned nobody = kNobody;
  const unsigned own = arch::this_cpu();
  if (__atomic_compare_exchange_n(&panicking, &nobody, own, false, __ATOMIC_ACQ_REL,
                                  __ATOMIC_ACQUIRE)) {
    left_running = arch::stop_other_cpus(cpus().all());
  } else if (nobody != own) {
    arch::stop_cpu();  // another was first, and tells
  }
  switch (++depth) {
    case 1:
      first_fault = in_short;
      arch::prepare_last_words();
      for (const auto hearers : {Console::Hearers::Lines, Console::Hearers::Others}) {
        console().speak_to(hearers);
        if (cpus().all().size() > 1) log().line("On CPU {}:", own);
        report(facts, log());
        if (left_running != 0) log().line("{} CPUs did not stop for this", left_running);
      }
      keep_last_words();
      break;
    case 2:
      arch::prepare_last_words();
      say_both(arch::say_on_first_port, first_fault, in_short);
      console().speak_to(Console::Hearers::Others);
      say_both([](std::string_view text) { console().bare(text); }, first_fault, in_short);
      break;
    default:
      break;
  }
  arch::stop_after_panic();
}

void panic_values(mm::Wording format, const uint64_t* values) {
  struct Facts {
    mm::Wording format;
    const uint64_t* values;
  } const facts{format, values};
  last_words(
      {format.text},
      [](const void* context, const mm::Printer& out) {
        const auto& told = *static_cast<const Facts*>(context);
        out.part("Kernel panic - not syncing: ");
        out.line_of(told.format, told.values);
        arch::print_backtrace(out);
        print_end(out);
      },
      &facts);
}

void panic(const char* where, const mm::Error& error) {
  struct Facts {
    const char* where;
    const mm::Error& error;
  } const facts{where, error};
  last_words(
      {error.what, error.a, error.b},
      [](const void* context, const mm::Printer& out) {
        const auto& told = *static_cast<const Facts*>(context);
        out.part("Kernel panic - not syncing: ");
        out.error(told.where, told.error);
        arch::print_backtrace(out);
        print_end(out);
      },
      &facts);
}

}  // namespace kernel
