#include "kernel/monitor/tour.h"

#include <optional>

#include "kernel/console.h"
#include "kernel/keys.h"
#include "kernel/leave_report.h"
#include "kernel/monitor/monitor.h"
#include "kernel/monitor/pager.h"
#include "kernel/monitor/pictures.h"
#include "kernel/screen/screen.h"
#include "kernel/screen/screen_console.h"

namespace kernel {
namespace {

using mm::Printer;

constexpr std::string_view kClear = "\x1b[H\x1b[2J";
constexpr std::string_view kTitleLook = "\x1b[94m", kFaintLook = "\x1b[2m", kPlainLook = "\x1b[m";
// Above each page: what it is, and an empty row.
constexpr size_t kHeadRows = 3;

Printer on_screen() {
  return {[](void*, std::string_view text) { screen().write(text); }, nullptr};
}

// The log goes where console().replay() can be told to hand it.
constinit const Printer* log_reader = nullptr;

void show_log(Booted&, const Printer& out) {
  log_reader = &out;
  console().replay([](std::string_view text) { log_reader->text(text); });
}

struct Stop {
  const char* title;
  void (*show)(Booted& machine, const Printer& out);  // null: the picture of memory
};
constexpr Stop kStops[] = {
    {"this run in short", [](Booted&, const Printer& out) { out.text(summary_of_log()); }},
    {"memory as a picture", nullptr},
    {"who has how many bytes",
     [](Booted& m, const Printer& out) { run_command(m, "ledger", out); }},
    {"the memory map", [](Booted& m, const Printer& out) { run_command(m, "e820", out); }},
    {"what is reserved",
     [](Booted& m, const Printer& out) { run_command(m, "reservations", out); }},
    {"free blocks by order",
     [](Booted& m, const Printer& out) { run_command(m, "buddyinfo", out); }},
    {"nodes and distances", [](Booted& m, const Printer& out) { run_command(m, "srat", out); }},
    {"processors", [](Booted& m, const Printer& out) { run_command(m, "cpus", out); }},
    {"ACPI tables", [](Booted& m, const Printer& out) { run_command(m, "acpi", out); }},
    {"the log", show_log},
};

class Tour {
 public:
  explicit Tour(Booted& machine) : machine_(machine) {}

  arch::Typed run() {
    for (;;) {
      for (const Stop& stop : kStops) {
        if (stop.show != nullptr) {
          visit(stop);
        } else {
          picture();
        }
        if (typed_) return *typed_;
      }
    }
  }

 private:
  void picture() {
    screen().hide();
    if (draw_map(machine_, {})) rest();
    screen().show();
  }

  void visit(const Stop& stop) {
    stop_ = &stop;
    head();
    Pager pager(on_screen(), screen().rows() - kHeadRows + 1, screen().columns(), turn, this);
    stop.show(machine_, pager.printer());
    if (!pager.quit()) rest();
  }

  void head() const {
    const Printer out = on_screen();
    out.text(kClear);
    out.part("{}{}{}", kTitleLook.data(), stop_->title, kPlainLook.data());
    out.line(
        "   {}no keyboard works here: pages turn by themselves every {} s; a serial console ends "
        "that{}\n",
        kFaintLook.data(), kPageSeconds, kPlainLook.data());
  }

  static Pager::Answer turn(void* self) {
    auto& tour = *static_cast<Tour*>(self);
    tour.rest();
    if (tour.typed_) return Pager::Answer::Quit;
    tour.head();
    return Pager::Answer::Page;
  }

  void rest() {
    screen().flush();
    const uint64_t start = arch::microseconds();
    while (!typed_ && arch::microseconds() - start < kPageSeconds * 1'000'000) {
      typed_ = read_key();
      arch::doze();
    }
  }

  Booted& machine_;
  const Stop* stop_ = nullptr;
  std::optional<arch::Typed> typed_;
};

}  // namespace

arch::Typed run_tour(Booted& machine) {
  const arch::Typed typed = Tour(machine).run();
  screen().write(kClear);
  return typed;
}

}  // namespace kernel
