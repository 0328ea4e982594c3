// Boot menu entries and loader.conf of any content: an order of all of them that does not depend on how
// they came, an entry that is started, and texts of the lengths that are told.
//
// The input is texts with a NUL between: a file's name and its content, and so on; the last is loader.conf,
// the one before it a pattern.
#include "loader/menu/boot_entries.h"

#include "loader/menu/boot_loader_interface.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::check;
using loader::BootEntry;

std::vector<std::string> pieces_of(fuzz::Input& input) {
  std::vector<std::string> pieces{{}};
  while (!input.empty()) {
    const char c = static_cast<char>(input.byte());
    if (c == '\0' && pieces.size() < 40) {
      pieces.emplace_back();
    } else {
      pieces.back() += c;
    }
  }
  return pieces;
}

// Writes with any room, and reaches no further.
template <class Write>
std::string told(Write write) {
  const size_t length = write(std::span<char>());
  std::vector<char> out(length + 1, '~');
  check(write(std::span<char>(out)) == length);
  std::vector<char> small(length / 2, '~');
  check(write(std::span<char>(small)) == length);
  return {out.begin(), out.begin() + static_cast<long>(length)};
}

void check_entry(const BootEntry& entry) {
  check(!entry.program().empty() && entry.initrd_count <= BootEntry::kMaxPieces &&
        entry.option_count <= BootEntry::kMaxPieces && !entry.title.empty());
  check(entry.file.starts_with(entry.id));
  const std::string id =
      told([&](std::span<char> out) { return loader::loader_entry_id(entry, out); });
  check(id == std::string(entry.id) + ".conf");
  const std::string next =
      told([&](std::span<char> out) { return loader::counted_name(entry, out); });
  check(next.empty() == (entry.tries_left.value_or(0) == 0));
  check(next.empty() || next.starts_with(std::string(entry.id) + "+"));
  check(loader::is_chosen_by(entry, "*") && loader::is_chosen_by(entry, id));
  for (const auto how : {BootEntry::Initrds::AsWords, BootEntry::Initrds::LeftOut}) {
    const std::string words =
        told([&](std::span<char> out) { return entry.join_options(out, how); });
    check(words.find('~') == std::string::npos || entry.option_count + entry.initrd_count != 0);
    for (size_t i = 0; i < entry.option_count; ++i) {
      check(words.find(entry.options[i]) != std::string::npos);
    }
  }
}

void check_order(const std::vector<BootEntry>& entries) {
  auto forward = entries, backward = entries;
  std::reverse(backward.begin(), backward.end());
  loader::sort_entries(forward);
  loader::sort_entries(backward);
  const auto same = [](const BootEntry& a, const BootEntry& b) {
    return a.sort_key == b.sort_key && loader::compare_versions(a.id, b.id) == 0 &&
           (a.tries_left == 0u) == (b.tries_left == 0u);
  };
  check(std::equal(forward.begin(), forward.end(), backward.begin(), same));
  bool bad = false;
  for (const BootEntry& entry : forward) {
    check(!bad || entry.tries_left == 0u);
    bad = bad || entry.tries_left == 0u;
  }
}

void check_versions(const std::vector<std::string>& texts) {
  const size_t most = std::min<size_t>(texts.size(), 8);
  const auto compare = [&](size_t a, size_t b) {
    return loader::compare_versions(texts[a], texts[b]);
  };
  for (size_t a = 0; a < most; ++a) {
    check(compare(a, a) == 0);
    for (size_t b = 0; b < most; ++b) {
      check((compare(a, b) < 0) == (compare(b, a) > 0));
      for (size_t c = 0; c < most; ++c) {
        if (compare(a, b) <= 0 && compare(b, c) <= 0) check(compare(a, c) <= 0);
      }
    }
  }
}

}  // namespace

FUZZ_TARGET(boot_entries) {
  fuzz::Input input(data, size);
  const auto pieces = pieces_of(input);
  const mm::Printer quiet;
  std::vector<BootEntry> entries;
  for (size_t i = 0; i + 1 < pieces.size(); i += 2) {
    if (pieces[i].empty()) continue;  // every file has a name
    if (const auto entry = loader::parse_entry(pieces[i], pieces[i + 1], quiet)) {
      check_entry(*entry);
      entries.push_back(*entry);
    }
  }
  check_versions(pieces);
  check_order(entries);
  const loader::MenuConfig config = loader::parse_loader_conf(pieces.back(), quiet);
  if (entries.empty()) return;
  loader::sort_entries(entries);
  const std::string_view pattern = pieces[pieces.size() - std::min<size_t>(pieces.size(), 2)];
  const size_t chosen = loader::wanted_entry(entries, {pattern, {}, config.default_pattern});
  check(chosen < entries.size());
  const bool any = std::any_of(entries.begin(), entries.end(), [&](const BootEntry& entry) {
    return !pattern.empty() && loader::is_chosen_by(entry, pattern);
  });
  check(!any || loader::is_chosen_by(entries[chosen], pattern));
}
