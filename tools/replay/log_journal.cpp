#include "tools/replay/log_journal.h"

#include <algorithm>
#include <cstdint>

namespace replay {
namespace {

constexpr std::string_view kMessage = "MESSAGE";

uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 8; i > 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return value;
}

// `"msg": "...` of dmesg --json, `"MESSAGE" : "...` of journalctl -o json-pretty.
bool is_message(std::string_view text) {
  const size_t start = text.find_first_not_of(' ');
  if (start == std::string_view::npos) return false;
  text.remove_prefix(start);
  return text.starts_with("\"msg\":") || text.starts_with("\"MESSAGE\" :");
}

}  // namespace

bool is_journal_export(std::string_view bytes) {
  return bytes.starts_with("__CURSOR=") || bytes.starts_with("__REALTIME_TIMESTAMP=");
}

std::string messages_of_export(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    const size_t equals = line.find('=');
    const bool message = line.substr(0, equals) == kMessage;
    if (line.empty() || equals != std::string_view::npos) {
      if (message) text += line.substr(equals + 1);
      text += '\n';
      continue;
    }
    if (bytes.size() < 8) break;
    const uint64_t length = little_endian(bytes);
    bytes.remove_prefix(8);
    if (length > bytes.size()) break;
    std::string value(bytes.substr(0, static_cast<size_t>(length)));
    bytes.remove_prefix(static_cast<size_t>(length));
    if (bytes.starts_with('\n')) bytes.remove_prefix(1);
    // Its own line feeds, too, are lines to who counts them.
    if (!message) std::erase_if(value, [](char c) { return c != '\n'; });
    text += '\n' + value + '\n';
  }
  return text;
}

void keep_messages(std::vector<Line>& lines) {
  const auto messages = std::count_if(lines.begin(), lines.end(),
                                      [](const Line& line) { return is_message(line.text); });
  if (messages < 2) return;
  std::erase_if(lines, [](const Line& line) { return !is_message(line.text); });
}

}  // namespace replay
