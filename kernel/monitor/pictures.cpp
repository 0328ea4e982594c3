// Pictures on the screen, or as text where there is none.
#include "kernel/monitor/commands.h"

#include <algorithm>
#include <array>

#include "kernel/late.h"
#include "kernel/leave_report.h"
#include "kernel/monitor/monitor.h"
#include "kernel/monitor/pictures.h"
#include "kernel/screen/picture.h"
#include "kernel/screen/qr.h"
#include "kernel/screen/screen.h"
#include "kernel/screen/screen_console.h"
#include "mm/picture/text_picture.h"

namespace kernel {
namespace {

using mm::Printer;

constexpr std::string_view kAnyKey = "any key leaves the picture";
constexpr unsigned kTextColumns = 64;

// Whether what is drawn is to be text: asked for, or there is nothing else to draw on.
bool as_text(const char* command, std::string_view argument, const Printer& out) {
  if (argument == "text") return true;
  if (!screen().is_open()) out.line("{}: this machine has no screen, so as text", command);
  return !screen().is_open();
}

// The summary's, when it can be made.
constinit QrCode code;
constexpr Colour kInk{208, 212, 220};
bool encode_summary(const Printer& out) {
  const auto encoded = code.encode(summary_of_log());
  if (!encoded.ok()) out.error("QR code", encoded.error());
  return encoded.ok();
}

void print_map_changes(const Booted& machine, const Printer& out) {
  const std::string_view changes = machine.kept.map_changes();
  if (!changes.empty()) return out.text(changes);
  out.line(
      "map: no earlier start's map is known; each start keeps it where the ESP has a folder "
      "\\baton");
}

void map(Booted& machine, std::string_view argument, const Printer& out) {
  if (argument == "diff") return print_map_changes(machine, out);
  if (as_text("map", argument, out)) return print_text_picture(machine.relay, kTextColumns, out);
  screen().hide();
  if (draw_map(machine, kAnyKey)) {
    out.line("the picture is on the screen, `map text` prints one; any key leaves it");
    (void)wait_for_key();
  } else {
    out.line("map: the screen is too small for a picture, so as text");
    print_text_picture(machine.relay, kTextColumns, out);
  }
  screen().show();
}

void print_qr_code(const Printer& out) {
  if (encode_summary(out)) code.print(out);
}

// With `line` said on the screen; whether there was one for it.
bool draw_qr_code(std::string_view line, const Printer& out) {
  if (!screen().is_open() || !encode_summary(out)) return false;
  const Framebuffer& framebuffer = screen().framebuffer();
  const uint32_t modules = code.side() + 8;
  const uint32_t room = std::min(framebuffer.width(), framebuffer.height());
  const uint32_t scale = room * 9 / 10 / modules;
  // With fewer than three pixels a module no camera reads it.
  if (scale < 3) {
    out.line("the screen is too small for a QR code of {} modules", modules);
    return false;
  }
  const uint32_t side = modules * scale;
  framebuffer.fill(framebuffer.box(), kPaper);
  code.draw(framebuffer, (framebuffer.width() - side) / 2, (framebuffer.height() - side) / 2,
            scale);
  const Font& font = *typeface_for(framebuffer.width(), framebuffer.height()).regular;
  framebuffer.text(font.width, 0, font, line, kInk, kPaper, framebuffer.width());
  return true;
}

void qr(Booted&, std::string_view argument, const Printer& out) {
  if (as_text("qr", argument, out)) return print_qr_code(out);
  screen().hide();
  if (draw_qr_code(kAnyKey, out)) {
    out.line(
        "the summary of this run is on the screen as a QR code, `qr text` prints one; any key "
        "leaves it");
    (void)wait_for_key();
  }
  screen().show();
}

constexpr std::array kMap{
    Command{"map", "[text|diff]", "memory as a picture or as text; what moved since the last start",
            map},
};
constexpr std::array kQr{
    Command{"qr", "[text]", "the same as a QR code on the screen, or as text", qr},
};

}  // namespace

bool draw_map(const Booted& machine, std::string_view line) {
  static constinit Late<Picture> picture;
  return picture.get().draw(
      screen().framebuffer(),
      {machine.relay, machine.relay.pages(), machine.kept.handoff().names.firmware},
      {.tested = {}, .now = {}, .bad = {}, .line = line});
}

std::span<const Command> map_command() { return kMap; }
std::span<const Command> qr_command() { return kQr; }

}  // namespace kernel
