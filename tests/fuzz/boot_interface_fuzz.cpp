// Variables of the Boot Loader Interface and device paths of any bytes: texts that are read mean the same
// when they are written again, and a GUID is a GUID.
#include "loader/menu/boot_loader_interface.h"

#include "tests/fuzz/target.h"

namespace {

using fuzz::Bytes;
using fuzz::check;

void check_text(const Bytes& bytes, size_t room) {
  std::vector<char> out(room + 1, '~');
  const auto text = loader::parse_loader_text(bytes, "LoaderEntryOneShot", out);
  if (!text.ok()) return;
  check(text.value().size() <= room && fuzz::is_printable(text.value()));
  check(out[text.value().size()] == '\0');
  Bytes again;
  for (const char c : text.value()) {
    again.push_back(static_cast<uint8_t>(c));
    again.push_back(0);
  }
  std::vector<char> second(room + 1, '~');
  const auto read = loader::parse_loader_text(again, "again", second);
  check(read.ok() && read.value() == text.value());
  if (const auto timeout = loader::parse_loader_timeout(text.value())) {
    const bool word = text.value().starts_with("menu-");
    check(*timeout <= 999'999'999 || (word && *timeout == loader::MenuConfig::kForEver));
    if (!word) check(loader::parse_loader_timeout(std::to_string(*timeout)) == timeout);
  }
}

void check_guid(const Bytes& path) {
  std::array<char, loader::kGuidText> guid{};
  if (!loader::partition_guid(path, guid)) return;
  for (size_t i = 0; i < guid.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = guid[i];
    check(dash ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
  }
}

}  // namespace

FUZZ_TARGET(boot_interface) {
  fuzz::Input input(data, size);
  const size_t room = input.byte();
  const uint64_t count = input.number<uint64_t>(), per_ms = input.number<uint64_t>();
  // Not more than the counter's own value allows: time runs on.
  check(loader::counter_microseconds(count, 0) == 0);
  if (per_ms != 0 && per_ms < uint64_t{1} << 50 && count < uint64_t{1} << 50) {
    check(loader::counter_microseconds(count, per_ms) <=
          loader::counter_microseconds(count + 1, per_ms));
  }
  const Bytes rest = input.rest();
  check_text(rest, room);
  check_guid(rest);
}
