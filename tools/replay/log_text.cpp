#include "tools/replay/log_text.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "tools/replay/log_journal.h"

namespace replay {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

char byte_at(std::string_view text, size_t at) { return at < text.size() ? text[at] : '\0'; }

// UTF-16's units one by one; what is not ASCII becomes a question mark.
std::string narrowed(std::string_view bytes, bool big_endian) {
  std::string text;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const auto low = static_cast<unsigned char>(bytes[i + (big_endian ? 1 : 0)]);
    const auto high = static_cast<unsigned char>(bytes[i + (big_endian ? 0 : 1)]);
    text += high == 0 && low < 0x80 ? static_cast<char>(low) : '?';
  }
  return text;
}

// By its mark, or, without one, because every other byte of its beginning is 0.
std::string decoded(std::string_view bytes) {
  if (bytes.starts_with("\xff\xfe")) return narrowed(bytes.substr(2), false);
  if (bytes.starts_with("\xfe\xff")) return narrowed(bytes.substr(2), true);
  if (bytes.starts_with("\xef\xbb\xbf")) return std::string(bytes.substr(3));
  const std::string_view head = bytes.substr(0, 64);
  std::array<size_t, 2> zeros{};
  for (size_t i = 0; i < head.size(); ++i) zeros[i % 2] += head[i] == '\0' ? 1 : 0;
  if (head.size() >= 16 && zeros[1] == head.size() / 2 && zeros[0] == 0) {
    return narrowed(bytes, false);
  }
  if (head.size() >= 16 && zeros[0] == (head.size() + 1) / 2 && zeros[1] == 0) {
    return narrowed(bytes, true);
  }
  return std::string(bytes);
}

// Length of a terminal's escape sequence, also of one that has lost its ESC on the way ("[32m") or
// shows it as "^["; 0 when there is none.
size_t escape_length(std::string_view text) {
  size_t at = 0;
  if (byte_at(text, 0) == '\x1b') {
    at = 1;
  } else if (text.starts_with("^[")) {
    at = 2;
  }
  const bool escaped = at != 0;
  if (byte_at(text, at) != '[') return escaped ? at : 0;
  size_t end = at + 1;
  while (is_digit(byte_at(text, end)) || byte_at(text, end) == ';') ++end;
  const char final = byte_at(text, end);
  if (text[0] == '\x1b') return final >= '@' && final <= '~' ? end + 1 : end;
  return final == 'm' && (escaped || end > at + 1) ? end + 1 : 0;
}

struct Spelling {
  std::string_view pasted;
  std::string_view plain;
};

// Bytes beyond ASCII are UTF-8.
constexpr Spelling kSpellings[] = {
    {"&lt;", "<"},         {"&gt;", ">"},         {"&amp;", "&"},        {"&quot;", "\""},
    {"&nbsp;", " "},       {"&#91;", "["},        {"&#93;", "]"},        {"\\t", " "},
    {"\\u003e", ">"},      {"\\u003c", "<"},      {"\\u001b", "\x1b"},   {"\xc2\xa0", " "},
    {"\xe2\x80\x90", "-"}, {"\xe2\x80\x91", "-"}, {"\xe2\x80\x92", "-"}, {"\xe2\x80\x93", "-"},
    {"\xe2\x80\x94", "-"}, {"\xe2\x88\x92", "-"},
};

// With what any of them begins.
bool may_be_spelling(char c) { return c == '&' || c == '\\' || c == '\xc2' || c == '\xe2'; }

std::string spelled_plainly(std::string_view line) {
  std::string text;
  for (size_t i = 0; i < line.size();) {
    const std::string_view rest = line.substr(i);
    const auto* const spelling =
        may_be_spelling(rest.front())
            ? std::find_if(std::begin(kSpellings), std::end(kSpellings),
                           [&](const Spelling& known) { return rest.starts_with(known.pasted); })
            : std::end(kSpellings);
    if (spelling != std::end(kSpellings)) {
      text += spelling->plain;
      i += spelling->pasted.size();
    } else {
      text += rest.front();
      ++i;
    }
  }
  return text;
}

std::string cleaned(std::string_view line) {
  const std::string plain = spelled_plainly(line);
  std::string text;
  for (size_t i = 0; i < plain.size();) {
    if (const size_t length = escape_length(std::string_view(plain).substr(i)); length != 0) {
      i += length;
      continue;
    }
    const auto c = static_cast<unsigned char>(plain[i++]);
    if (c == '\t') {
      text += ' ';
    } else if (c >= ' ' && c != 0x7f) {
      text += static_cast<char>(c);
    }
  }
  return text;
}

// Where the line goes on in a new one although the file has none there: JSON's \n, HTML's <br>.
size_t break_in(std::string_view line, size_t& length) {
  const size_t escaped = line.find("\\n");
  const size_t tag = line.find("<br");
  const size_t at = std::min(escaped, tag);
  if (at == std::string_view::npos) return at;
  length = 2;
  if (at == tag) {
    const size_t end = line.find('>', at);
    length = end == std::string_view::npos ? 3 : end + 1 - at;
  }
  return at;
}

void add_line(std::string_view line, size_t number, std::vector<Line>& lines) {
  size_t length = 0;
  for (size_t at = 0; (at = break_in(line, length)) != std::string_view::npos;) {
    lines.push_back({number, cleaned(line.substr(0, at))});
    line.remove_prefix(at + length);
  }
  lines.push_back({number, cleaned(line)});
}

// `0000-0fff : System RAM`, perhaps indented.
bool is_iomem(std::string_view line) {
  size_t at = line.find_first_not_of(' ');
  if (at == std::string_view::npos) return false;
  for (const char border : {'-', ' '}) {
    size_t digits = 0;
    for (; is_hex(byte_at(line, at)); ++at) ++digits;
    if (digits < 4 || byte_at(line, at++) != border) return false;
  }
  return line.substr(at).starts_with(": ");
}

constexpr Spelling kMagics[] = {
    {"\x1f\x8b", "compressed with gzip"},
    {"\x28\xb5\x2f\xfd", "compressed with zstd"},
    {"\xfd"
     "7zXZ",
     "compressed with xz"},
    {"BZh", "compressed with bzip2"},
    {"PK\x03\x04", "a zip archive"},
    {"LPKSHHRH", "a systemd journal in its own form (journalctl prints it)"},
    {"%PDF", "a PDF"},
    {"\x7f"
     "ELF",
     "a program"},
};

constexpr Spelling kKinds[] = {
    {"Xen-e820 RAM map", "the log of a Xen hypervisor"},
    {"(XEN)", "the log of a Xen hypervisor"},
    {"SMAP type=", "the log of a FreeBSD boot"},
    {"base_addr = 0x", "what GRUB's lsmmap prints"},
    {"Physical start ", "what GRUB's lsefimmap prints"},
    {"# Pages ", "what the UEFI shell's memmap prints"},
    {" range=[0x", "an EFI memory map as Linux prints it with efi=debug"},
    {"SRAT @ 0x", "what acpidump prints"},
    {"MemTotal:", "/proc/meminfo"},
    {", zone ", "/proc/zoneinfo or /proc/buddyinfo"},
    {"Linux version ",
     "the log of a Linux boot without its e820 list: its beginning is missing, or "
     "it is of another architecture"},
};

}  // namespace

std::vector<Line> lines_of(std::string_view bytes) {
  std::string text = decoded(bytes);
  if (is_journal_export(text)) text = messages_of_export(text);
  std::vector<Line> lines;
  size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t end = rest.find_first_of("\r\n");
    add_line(rest.substr(0, end), ++number, lines);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end);
    const size_t returns = std::min(rest.find_first_not_of('\r'), rest.size());
    rest.remove_prefix(returns);
    if (rest.starts_with('\n')) rest.remove_prefix(1);
  }
  keep_messages(lines);
  return lines;
}

std::string excerpt(std::string_view line) {
  constexpr size_t kMost = 100;
  const size_t start = std::min(line.find_first_not_of(' '), line.size());
  std::string shown(line.substr(start, kMost));
  if (line.size() - start > kMost) shown += "...";
  return shown;
}

const char* known_kind(std::string_view bytes, const std::vector<Line>& lines) {
  for (const Spelling& magic : kMagics) {
    if (bytes.starts_with(magic.pasted)) return magic.plain.data();
  }
  for (const Line& line : lines) {
    if (is_iomem(line.text)) return "/proc/iomem";
  }
  for (const Spelling& kind : kKinds) {
    for (const Line& line : lines) {
      if (line.text.find(kind.pasted) != std::string::npos) return kind.plain.data();
    }
  }
  return nullptr;
}

}  // namespace replay
