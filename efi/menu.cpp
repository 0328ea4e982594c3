#include "efi/menu.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "efi/directory.h"
#include "efi/protocols/chain.h"
#include "loader/menu/boot_entries.h"
#include "loader/menu/boot_menu.h"
#include "mm/option_words.h"
#include "version.h"

namespace efi {
namespace {

using loader::BootEntry;
using loader::BootMenu;
using loader::MenuConfig;
using loader::MenuKey;

constexpr size_t kMaxPath = 400;
constexpr uint64_t kSecond = 10'000'000;  // in SetTimer's units of 100 ns

// --- The files -----------------------------------------------------------------------------------

// The entries' texts lie in `pages`, to which the entries point.
struct Entries {
  Pages texts;
  Pages names;
  Pages storage;
  size_t count = 0;
  [[nodiscard]] std::span<BootEntry> entries() const { return {storage.as<BootEntry>(), count}; }
};

struct Listing {
  size_t files = 0;
  uint64_t bytes = 0;
  uint64_t names = 0;
};

bool is_entry(std::string_view name) {
  return name.size() > 5 && (name.ends_with(".conf") || name.ends_with(".CONF"));
}

bool count_entry(void* context, std::string_view name, uint64_t size) {
  auto& listing = *static_cast<Listing*>(context);
  if (is_entry(name)) {
    ++listing.files;
    listing.bytes += size;
    listing.names += name.size() + 1;
  }
  return true;
}

// Names one behind the other, each with its NUL.
struct NameList {
  char* at;
  const char* end;
};
bool take_name(void* context, std::string_view name, uint64_t) {
  auto& list = *static_cast<NameList*>(context);
  if (!is_entry(name)) return true;
  if (static_cast<size_t>(list.end - list.at) < name.size() + 1) return false;
  std::memcpy(list.at, name.data(), name.size());
  list.at += name.size();
  *list.at++ = '\0';
  return true;
}

// "directory\name", NUL-terminated.
struct Path {
  std::array<char, kMaxPath> text{};
  Path(const char* directory, std::string_view name) {
    (void)mm::format(text, "{}{}{}", directory, *directory == '\0' ? "" : "\\", name);
  }
};

mm::Result<Entries> read_entries(const Firmware& firmware, const Volume& volume,
                                 const mm::Printer& findings) {
  Entries all;
  const Directory directory = BATON_TRY(Directory::open(firmware, loader::kEntriesPath));
  if (!directory.there()) return all;
  Listing listing;
  BATON_TRY(directory.for_each_file(&count_entry, &listing));
  if (listing.files == 0) return all;
  all.names = BATON_TRY(allocate_zeroed(firmware, listing.names, "names of entries"));
  NameList names{all.names.as<char>(), all.names.as<char>() + listing.names};
  BATON_TRY(directory.for_each_file(&take_name, &names));
  all.storage = BATON_TRY(allocate_array<BootEntry>(firmware, listing.files, "boot entries"));
  all.texts = BATON_TRY(allocate(firmware, std::max<uint64_t>(listing.bytes, 1), "boot entries"));
  auto* text = all.texts.as<char>();
  uint64_t room = listing.bytes;
  for (const char* name = all.names.as<char>(); name < names.at && all.count < listing.files;
       name += std::strlen(name) + 1) {
    const Path path(loader::kEntriesPath, name);
    const auto file = volume.read(firmware, path.text.data());
    if (!file.ok()) {
      findings.error("ignored", file.error());
      continue;
    }
    if (file.value().size > room) {
      findings.line("{}: ignored: it grew while entries were read", name);
      continue;
    }
    std::memcpy(text, file.value().pages.as<char>(), file.value().size);
    const auto entry = loader::parse_entry(name, {text, file.value().size}, findings);
    text += file.value().size;
    room -= file.value().size;
    if (entry.has_value()) all.storage.as<BootEntry>()[all.count++] = *entry;
  }
  loader::sort_entries(all.entries());
  return all;
}

// --- The console ---------------------------------------------------------------------------------

class Terminal {
 public:
  explicit Terminal(const Firmware& firmware)
      : out_(firmware.system->ConOut), in_(firmware.system->ConIn), boot_(firmware.boot) {
    UINTN columns = 80;
    UINTN rows = 25;
    if (out_ != nullptr && out_->Mode != nullptr && out_->Mode->Mode >= 0) {
      out_->QueryMode(out_, static_cast<UINTN>(out_->Mode->Mode), &columns, &rows);
    }
    columns_ = columns;
    rows_ = rows;
  }
  [[nodiscard]] bool usable() const { return in_ != nullptr && out_ != nullptr; }
  [[nodiscard]] size_t columns() const { return columns_; }
  [[nodiscard]] size_t rows() const { return rows_; }

  void clear() const {
    out_->SetAttribute(out_, kNormal);
    out_->ClearScreen(out_);
    out_->EnableCursor(out_, FALSE);
  }
  void leave() const {
    clear();
    out_->EnableCursor(out_, TRUE);
  }
  // One row, blank up to the last column but one: some consoles scroll when the last is written.
  void row(size_t number, UINTN attribute, std::string_view text) const {
    std::array<CHAR16, 256> line;
    const size_t width = std::min<size_t>(columns_ - 1, line.size() - 1);
    for (size_t i = 0; i < width; ++i) {
      line[i] = i < text.size() ? static_cast<CHAR16>(static_cast<unsigned char>(text[i])) : u' ';
    }
    line[width] = 0;
    out_->SetAttribute(out_, attribute);
    out_->SetCursorPosition(out_, 0, number);
    out_->OutputString(out_, line.data());
  }
  void cursor(size_t column, size_t number, bool visible) const {
    out_->SetCursorPosition(out_, column, number);
    out_->EnableCursor(out_, visible ? TRUE : FALSE);
  }

  // The key that waits, if any.
  [[nodiscard]] std::optional<MenuKey> key() const {
    EFI_INPUT_KEY pressed{};
    if (in_->ReadKeyStroke(in_, &pressed) != EFI_SUCCESS) return std::nullopt;
    using Kind = MenuKey::Kind;
    switch (pressed.ScanCode) {
      case SCAN_NULL:
        if (pressed.UnicodeChar == u'\n') return MenuKey{Kind::Character, '\r'};
        if (pressed.UnicodeChar == 0x7f) return MenuKey{Kind::Character, '\b'};
        if (pressed.UnicodeChar > '~') return MenuKey{};
        return MenuKey{Kind::Character, static_cast<char>(pressed.UnicodeChar)};
      case SCAN_UP:
        return MenuKey{Kind::Up};
      case SCAN_DOWN:
        return MenuKey{Kind::Down};
      case SCAN_LEFT:
        return MenuKey{Kind::Left};
      case SCAN_RIGHT:
        return MenuKey{Kind::Right};
      case SCAN_HOME:
        return MenuKey{Kind::Home};
      case SCAN_END:
        return MenuKey{Kind::End};
      case SCAN_DELETE:
        return MenuKey{Kind::Delete};
      case SCAN_ESC:
        return MenuKey{Kind::Escape};
      default:
        return MenuKey{};
    }
  }
  // A key; or nothing when a second has passed first.
  [[nodiscard]] std::optional<MenuKey> wait(bool bounded) const {
    EFI_EVENT timer = nullptr;
    if (boot_->CreateEvent(EVT_TIMER, 0, nullptr, nullptr, &timer) != EFI_SUCCESS) return poll();
    if (bounded) boot_->SetTimer(timer, TimerRelative, kSecond);
    std::array<EFI_EVENT, 2> events{in_->WaitForKey, timer};
    UINTN happened = 0;
    const EFI_STATUS status = events[0] == nullptr
                                  ? EFI_UNSUPPORTED
                                  : boot_->WaitForEvent(bounded ? 2 : 1, events.data(), &happened);
    boot_->CloseEvent(timer);
    if (status != EFI_SUCCESS) return poll();
    return happened == 0 ? key() : std::nullopt;
  }

  static constexpr UINTN kNormal = EFI_LIGHTGRAY | EFI_BACKGROUND_BLACK;
  static constexpr UINTN kFaint = EFI_CYAN | EFI_BACKGROUND_BLACK;
  static constexpr UINTN kTitle = EFI_WHITE | EFI_BACKGROUND_BLACK;
  static constexpr UINTN kChosen = EFI_BLACK | EFI_BACKGROUND_LIGHTGRAY;

 private:
  // A key or a second, where the firmware has no events to wait for.
  [[nodiscard]] std::optional<MenuKey> poll() const {
    constexpr unsigned kTimes = 100, kEach = 10'000;  // Stall's microseconds
    for (unsigned i = 0; i < kTimes; ++i) {
      if (const auto pressed = key(); pressed.has_value()) return pressed;
      boot_->Stall(kEach);
    }
    return std::nullopt;
  }

  SIMPLE_TEXT_OUTPUT_INTERFACE* out_;
  SIMPLE_INPUT_INTERFACE* in_;
  EFI_BOOT_SERVICES* boot_;
  size_t columns_ = 80, rows_ = 25;
};

using Line = std::array<char, 256>;

// Where things stand: title, a blank, the entries, a blank, options, keys, countdown.
constexpr size_t kFirstEntry = 3;
constexpr size_t kRowsBelow = 6;

class MenuOnConsole {
 public:
  MenuOnConsole(const Terminal& terminal, BootMenu& menu) : terminal_(terminal), menu_(menu) {}

  // Until an entry is to be started. `seconds` to wait for the first key; kForEver: no countdown.
  void run(uint32_t seconds) {
    terminal_.clear();
    draw();
    bool counting = seconds != MenuConfig::kForEver;
    for (uint32_t left = seconds;;) {
      draw_countdown(counting, left);
      if (counting && left == 0) break;
      const auto key = terminal_.wait(counting);
      if (!key.has_value()) {
        left -= counting ? 1 : 0;
        continue;
      }
      counting = false;
      const BootMenu::Answer answer = menu_.press(*key);
      if (answer == BootMenu::Answer::Start) break;
      if (answer == BootMenu::Answer::Changed) draw();
    }
    terminal_.leave();
  }

 private:
  [[nodiscard]] size_t shown() const {
    const size_t room = terminal_.rows() > kFirstEntry + kRowsBelow
                            ? terminal_.rows() - kFirstEntry - kRowsBelow
                            : 1;
    return std::min(menu_.entries().size(), room);
  }

  void draw() {
    terminal_.row(1, Terminal::kTitle, "  Baton " BATON_VERSION);
    const size_t count = shown();
    if (menu_.chosen() < first_) first_ = menu_.chosen();
    if (menu_.chosen() >= first_ + count) first_ = menu_.chosen() + 1 - count;
    for (size_t i = 0; i < count; ++i) {
      const BootEntry& entry = menu_.entries()[first_ + i];
      const bool chosen = first_ + i == menu_.chosen();
      const bool twice = same_title_twice(entry);
      Line line{};
      (void)mm::format(line, "  {} {}{}{}{} ", chosen ? '>' : ' ', entry.title, twice ? " " : "",
                       twice ? entry.version : "",
                       entry.tries_left == 0u ? " (failed before)" : "");
      terminal_.row(kFirstEntry + i, chosen ? Terminal::kChosen : Terminal::kNormal, line.data());
    }
    const size_t below = kFirstEntry + count + 1;
    draw_options(below);
    const char* keys = menu_.editing() ? "  Enter start    Esc leave the options as they were"
                       : menu_.may_edit()
                           ? "  Enter start    Up, Down choose    e edit options for this start"
                           : "  Enter start    Up, Down choose";
    terminal_.row(below + 2, Terminal::kFaint, keys);
    if (menu_.editing()) terminal_.cursor(cursor_column_, below, true);
  }

  void draw_options(size_t row) {
    constexpr std::string_view kLabel = "  options: ";
    const std::string_view options = menu_.options();
    const size_t room = terminal_.columns() - kLabel.size() - 2;
    const size_t from = menu_.cursor() > room ? menu_.cursor() - room : 0;
    Line line{};
    const std::string_view visible(options.data() + (menu_.editing() ? from : 0),
                                   std::min(options.size() - (menu_.editing() ? from : 0), room));
    (void)mm::format(line, "{}{}", options.empty() && !menu_.editing() ? "" : kLabel.data(),
                     visible);
    terminal_.row(row, menu_.editing() ? Terminal::kTitle : Terminal::kNormal, line.data());
    cursor_column_ = kLabel.size() + menu_.cursor() - from;
    if (!menu_.editing()) terminal_.cursor(0, row, false);
  }

  void draw_countdown(bool counting, uint32_t left) const {
    const size_t row = kFirstEntry + shown() + 4;
    Line line{};
    if (counting) (void)mm::format(line, "  Starts by itself in {} s; any key stops that", left);
    terminal_.row(row, Terminal::kNormal, line.data());
    if (menu_.editing()) terminal_.cursor(cursor_column_, kFirstEntry + shown() + 1, true);
  }

  // Entries of one title are told apart by their versions.
  [[nodiscard]] bool same_title_twice(const BootEntry& entry) const {
    const auto same = [&](const BootEntry& other) { return other.title == entry.title; };
    return std::count_if(menu_.entries().begin(), menu_.entries().end(), same) > 1;
  }

  const Terminal& terminal_;
  BootMenu& menu_;
  size_t first_ = 0;  // entry in the topmost row
  size_t cursor_column_ = 0;
};

// --- Starting ------------------------------------------------------------------------------------

// The mark that every Baton of our version carries (efi/x86_64/pe_sections.S).
bool is_baton_like_us(std::span<const uint8_t> program) {
  constexpr std::string_view kMark = "\nbaton,1,Baton,baton," BATON_VERSION ",";
  const auto* const end = program.data() + program.size();
  return std::search(program.data(), end, kMark.begin(), kMark.end()) != end;
}

mm::Result<bool> is_ourselves(const Firmware& firmware, const Volume& volume, const char* path,
                              std::string_view program) {
  if (is_our_path(firmware, program)) return true;
  const File file = BATON_TRY(volume.read(firmware, path));
  return is_baton_like_us(file.bytes());
}

// Whether the chosen entry's path and options can be passed on whole.
mm::Result<> check_fits(const BootMenu& menu) {
  const BootEntry& entry = menu.entries()[menu.chosen()];
  if (entry.program().size() >= kMaxPath) {
    return mm::Error{"its program's path is too long (characters {}, most {})", "boot entry",
                     entry.program().size(), kMaxPath - 1};
  }
  const size_t length = entry.join_options({});
  if (menu.edited() || length <= BootMenu::kMaxOptions) return {};
  return mm::Error{"its options are too long (characters {}, most {})", "boot entry", length,
                   BootMenu::kMaxOptions};
}

mm::Result<> take_options(const Firmware& firmware, Configuration& configuration,
                          const char* options) {
  const size_t size = std::strlen(options) + 1;
  Pages pages = BATON_TRY(allocate(firmware, size, "options"));
  std::memcpy(pages.as<char>(), options, size);
  configuration.values.options = pages.as<char>();
  configuration.load_options = std::move(pages);
  return {};
}

// loader.conf, as `config`, which points into `file`.
struct LoaderConf {
  File file;
  MenuConfig config;
};
mm::Result<LoaderConf> read_loader_conf(const Firmware& firmware, const Volume& volume,
                                        const mm::Printer& findings) {
  LoaderConf conf;
  if (!BATON_TRY(volume.has(loader::kLoaderConfPath))) return conf;
  conf.file = BATON_TRY(volume.read(firmware, loader::kLoaderConfPath));
  conf.config = loader::parse_loader_conf({conf.file.pages.as<char>(), conf.file.size}, findings);
  return conf;
}

// The default entry, or where that is Baton itself the first that is not; all.count: there is none.
size_t other_entry(const Firmware& firmware, const Volume& volume, const Entries& all,
                   std::string_view pattern) {
  const auto is_other = [&](const BootEntry& entry) {
    const Path path("", entry.program());
    const auto ours = is_ourselves(firmware, volume, path.text.data(), entry.program());
    return ours.ok() && !ours.value();
  };
  const size_t chosen = loader::default_entry(all.entries(), pattern);
  if (chosen < all.count && is_other(all.entries()[chosen])) return chosen;
  const auto entries = all.entries();
  return static_cast<size_t>(std::find_if(entries.begin(), entries.end(), is_other) -
                             entries.begin());
}

// What the menu of a guarded start has chosen: another system, or the entry that goes back to the
// firmware for one; all.count: there is neither.
size_t guarded_entry(const Firmware& firmware, const Volume& volume, const Entries& all,
                     std::string_view pattern) {
  const size_t other = other_entry(firmware, volume, all, pattern);
  if (other != all.count) return other;
  const auto entries = all.entries();
  const auto guards = [](const BootEntry& entry) {
    const auto options = std::span(entry.options).first(entry.option_count);
    return std::any_of(options.begin(), options.end(), &asks_for_guard);
  };
  return static_cast<size_t>(std::find_if(entries.begin(), entries.end(), guards) -
                             entries.begin());
}

}  // namespace

bool asks_for_guard(std::string_view options) { return mm::has_option_word(options, "guard"); }

mm::Result<> start_guarded(const Firmware& firmware, const Volume& volume,
                           const mm::Printer& findings) {
  const Entries all = BATON_TRY(read_entries(firmware, volume, findings));
  const LoaderConf conf = BATON_TRY(read_loader_conf(firmware, volume, findings));
  const size_t other = other_entry(firmware, volume, all, conf.config.default_pattern);
  if (other == all.count) {
    findings.line(
        "guard: no boot entry of another system: the firmware goes on with its own order");
    return mm::Error{"nothing to start", "guard"};
  }
  const BootMenu menu(all.entries(), other, false);
  BATON_TRY(check_fits(menu));
  const BootEntry& entry = all.entries()[other];
  const Path path("", entry.program());
  findings.line("guard: starting {}", entry.title);
  BATON_TRY(start_program(firmware, path.text.data(), menu.options()));
  return mm::Error{"came back", "guard"};
}

mm::Result<> choose_entry(const Firmware& firmware, const Volume& volume,
                          Configuration& configuration, const mm::Printer& findings) {
  const bool guarded = asks_for_guard(configuration.values.options);
  if (configuration.load_options.size() != 0 && !guarded) return {};
  const Entries all = BATON_TRY(read_entries(firmware, volume, findings));
  if (all.count < 2) return {};
  const LoaderConf conf = BATON_TRY(read_loader_conf(firmware, volume, findings));
  const MenuConfig& config = conf.config;
  // start_guarded() starts the default one.
  if (guarded && config.timeout == 0) return {};
  const size_t chosen = guarded ? guarded_entry(firmware, volume, all, config.default_pattern)
                                : loader::default_entry(all.entries(), config.default_pattern);
  if (chosen == all.count) return {};
  const Terminal terminal(firmware);
  BootMenu menu(all.entries(), chosen, config.editor);
  // Without a wait, a key that is down already still shows the menu.
  bool show = terminal.usable() && (config.timeout != 0 || terminal.key().has_value());
  uint32_t seconds = config.timeout == 0 ? MenuConfig::kForEver : config.timeout;
  for (;;) {
    if (show) MenuOnConsole(terminal, menu).run(seconds);
    const BootEntry& entry = all.entries()[menu.chosen()];
    const Path path("", entry.program());
    const auto fits = check_fits(menu);
    const auto ours = fits.ok() ? is_ourselves(firmware, volume, path.text.data(), entry.program())
                                : mm::Result<bool>(fits.error());
    if (ours.ok() && ours.value()) {
      findings.line("starting {}", entry.title);
      if (menu.edited() || entry.option_count != 0) {
        BATON_TRY(take_options(firmware, configuration, menu.options()));
      } else {
        configuration.values.options = configuration.in_file;
      }
      return {};
    }
    const mm::Result<> ended = ours.ok() ? start_program(firmware, path.text.data(), menu.options())
                                         : mm::Result<>(ours.error());
    if (!ended.ok()) findings.error("boot entry", ended.error());
    // The firmware goes on with its own order, also where nobody sits at the menu.
    if (guarded) return ended.ok() ? mm::Error{"came back", "guard"} : ended;
    if (!terminal.usable()) return ended;
    // Somebody has to read that, and then choose again.
    if (!ended.ok()) static_cast<void>(terminal.wait(true));
    show = true;
    seconds = MenuConfig::kForEver;
  }
}

}  // namespace efi
