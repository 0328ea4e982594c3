#include "efi/menu.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "efi/boot_entries.h"
#include "efi/boot_loader_interface.h"
#include "efi/device_path.h"
#include "efi/menu_console.h"
#include "efi/protocols/chain.h"
#include "efi/protocols/initrd.h"
#include "efi/terminal.h"
#include "loader/menu/boot_loader_interface.h"
#include "loader/menu/boot_menu.h"
#include "loader/trust/words.h"
#include "mm/option_words.h"
#include "version.h"

namespace efi {
namespace {

using loader::BootEntry;
using loader::BootMenu;
using loader::MenuConfig;

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
  if (entry.program().size() >= kMaxEntryPath) {
    return mm::Error{"its program's path is too long (characters {}, most {})", "boot entry",
                     entry.program().size(), kMaxEntryPath - 1};
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

// `chosen`, or where that is Baton itself the first entry that is not; all.count: there is none.
size_t other_entry(const Firmware& firmware, const Volume& volume, const Entries& all,
                   size_t chosen) {
  const auto is_other = [&](const BootEntry& entry) {
    const Path path("", entry.program());
    const auto ours = is_ourselves(firmware, volume, path.text.data(), entry.program());
    return ours.ok() && !ours.value();
  };
  if (chosen < all.count && is_other(all.entries()[chosen])) return chosen;
  const auto entries = all.entries();
  return static_cast<size_t>(std::find_if(entries.begin(), entries.end(), is_other) -
                             entries.begin());
}

// What the menu of a guarded start has chosen: another system, or the entry that goes back to the
// firmware for one; all.count: there is neither.
size_t guarded_entry(const Firmware& firmware, const Volume& volume, const Entries& all,
                     size_t chosen) {
  const size_t other = other_entry(firmware, volume, all, chosen);
  if (other != all.count) return other;
  const auto entries = all.entries();
  const auto guards = [](const BootEntry& entry) {
    const auto options = std::span(entry.options).first(entry.option_count);
    return std::any_of(options.begin(), options.end(), &asks_for_guard);
  };
  return static_cast<size_t>(std::find_if(entries.begin(), entries.end(), guards) -
                             entries.begin());
}

// What the system that ran last, or else loader.conf, would have started.
size_t asked_entry(const Firmware& firmware, const Entries& all, const MenuConfig& config,
                   const mm::Printer& findings) {
  const AskedEntries asked = asked_entries(firmware, findings);
  return loader::wanted_entry(
      all.entries(), {asked.one_shot.data(), asked.preferred.data(), config.default_pattern});
}

// The options that another program gets; `out` has room for the longest.
void options_for_other(const Start& start, const BootMenu& menu, std::span<char> out) {
  std::array<char, BootMenu::kMaxOptions + 1> as_written{};
  if (start.trust.enforced()) {
    const BootEntry& entry = menu.entries()[menu.chosen()];
    const size_t length = entry.join_options(std::span(as_written).first(BootMenu::kMaxOptions),
                                             BootEntry::Initrds::LeftOut);
    loader::drop_initrd_words({as_written.data(), length}, out, start.findings);
  } else {
    std::copy_n(menu.options(), std::strlen(menu.options()) + 1, out.begin());
  }
}

// What the chosen entry's initrds come from besides the words of its options. A person who has changed
// those means what they say; and where nothing has to be checked, a system that finds no initrd there
// looks for them by itself.
mm::Result<> offer_initrds(const Start& start, const BootMenu& menu, const EntryInitrds& initrds,
                           OfferedInitrd& offered) {
  if (start.trust.enforced()) {
    return offer_covered(initrds, start.trust, start.subject, offered);
  }
  if (menu.edited()) return {};
  const auto offer = offer_unread(initrds, start.subject, offered);
  if (!offer.ok()) start.findings.error("initrd", offer.error());
  return {};
}

// The menu's chosen entry, which is another program's and fits.
mm::Result<> start_other(const Start& start, const BootMenu& menu) {
  const BootEntry& entry = menu.entries()[menu.chosen()];
  std::array<char, BootMenu::kMaxOptions + 1> options;
  options_for_other(start, menu, options);
  const EntryInitrds initrds{start.firmware, start.volume,
                             std::span(entry.initrds).first(entry.initrd_count), start.findings};
  OfferedInitrd offered;
  BATON_TRY(offer_initrds(start, menu, initrds, offered));
  start.subject = Path("", entry.program());
  start.tpm.measure(Pcr::Options, options.data(), "baton: options", options.data());
  count_attempt(start.firmware, entry, start.findings);
  tell_system(start.firmware, menu.entries(), entry, start.entered, start.findings);
  return start_program(start.firmware, start.volume, start.subject.text.data(), options.data());
}

// Ours, with the options that its entry has.
mm::Result<> take_own(const Firmware& firmware, const BootMenu& menu, Configuration& configuration,
                      const mm::Printer& findings) {
  const BootEntry& entry = menu.entries()[menu.chosen()];
  count_attempt(firmware, entry, findings);
  findings.line("starting {}", entry.title);
  if (menu.edited() || entry.option_count != 0) {
    return take_options(firmware, configuration, menu.options());
  }
  configuration.values.options = configuration.in_file;
  return {};
}

// Whether to go on with Baton's own kernel; otherwise another program came back, or did not start, and
// somebody is there to choose again. The files are read each time: an attempt changes their names.
mm::Result<bool> choose_once(const Start& start, Configuration& configuration, bool again) {
  const auto& [firmware, volume, trust, tpm, entered, subject, findings] = start;
  const bool guarded = asks_for_guard(configuration.values.options);
  const auto listed = read_entries(firmware, volume, findings);
  if (!listed.ok() && guarded) return listed.error();
  if (!listed.ok()) findings.error("boot menu: left out", listed.error());
  if (!listed.ok() || listed.value().count < 2) return true;
  const Entries& all = listed.value();
  auto read = read_loader_conf(firmware, volume, findings);
  if (!read.ok() && guarded) return read.error();
  if (!read.ok()) findings.error("boot menu", read.error());
  const LoaderConf conf = read.ok() ? std::move(read.value()) : LoaderConf{};
  const uint32_t timeout = again ? MenuConfig::kForEver
                                 : asked_timeout(firmware, findings).value_or(conf.config.timeout);
  // start_guarded() starts the default one.
  if (guarded && timeout == 0) return true;
  const size_t asked = asked_entry(firmware, all, conf.config, findings);
  const size_t chosen = guarded ? guarded_entry(firmware, volume, all, asked) : asked;
  if (chosen == all.count) return true;
  const Terminal terminal(firmware);
  BootMenu menu(all.entries(), chosen, conf.config.editor);
  if (trust.enforced()) menu.lock_options();
  // Without a wait, a key that is down already still shows the menu.
  if (terminal.usable() && (timeout != 0 || terminal.key().has_value())) {
    run_menu(terminal, menu, timeout == 0 ? MenuConfig::kForEver : timeout);
  }
  if (menu.chose_ourselves()) {
    findings.line("starting with: {}", menu.options());
    BATON_TRY(take_options(firmware, configuration, menu.options()));
    return true;
  }
  const BootEntry& entry = all.entries()[menu.chosen()];
  subject = Path("", entry.program());
  const auto fits = check_fits(menu);
  const auto ours = fits.ok() ? is_ourselves(firmware, volume, subject.text.data(), entry.program())
                              : mm::Result<bool>(fits.error());
  if (ours.ok() && ours.value()) {
    BATON_TRY(take_own(firmware, menu, configuration, findings));
    return true;
  }
  const mm::Result<> ended = ours.ok() ? start_other(start, menu) : mm::Result<>(ours.error());
  if (!ended.ok()) findings.error("boot entry", ended.error());
  // The firmware goes on with its own order, also where nobody sits at the menu.
  if (guarded && ended.ok()) return mm::Error{"came back", "guard"};
  if (guarded || (!terminal.usable() && !ended.ok())) return ended.error();
  // Somebody has to read that, and then choose again.
  if (!ended.ok()) static_cast<void>(terminal.wait(true));
  return !terminal.usable();
}

}  // namespace

bool asks_for_guard(std::string_view options) { return mm::has_option_word(options, "guard"); }

mm::Result<> start_guarded(const Start& start) {
  const auto& [firmware, volume, trust, tpm, entered, subject, findings] = start;
  const Entries all = BATON_TRY(read_entries(firmware, volume, findings));
  const LoaderConf conf = BATON_TRY(read_loader_conf(firmware, volume, findings));
  const size_t asked = all.count == 0 ? 0 : asked_entry(firmware, all, conf.config, findings);
  const size_t other = other_entry(firmware, volume, all, asked);
  if (other == all.count) {
    findings.line(
        "guard: no boot entry of another system: the firmware goes on with its own order");
    return mm::Error{"nothing to start", "guard"};
  }
  const BootMenu menu(all.entries(), other, false);
  BATON_TRY(check_fits(menu));
  findings.line("guard: starting {}", all.entries()[other].title);
  BATON_TRY(start_other(start, menu));
  return mm::Error{"came back", "guard"};
}

mm::Result<> choose_entry(const Start& start, Configuration& configuration) {
  const bool guarded = asks_for_guard(configuration.values.options);
  if (configuration.load_options.size() != 0 && !guarded) return {};
  for (bool again = false;; again = true) {
    if (BATON_TRY(choose_once(start, configuration, again))) return {};
  }
}

}  // namespace efi
