// Messages out of what tools print of a journal a field a line: `journalctl -o export` and
// `-o json-pretty`, `dmesg --json`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/replay/log_text.h"

namespace replay {

// journalctl's export format (systemd's JOURNAL_EXPORT_FORMATS): fields `NAME=value`, or, where a
// value has line feeds, NAME, its length in eight bytes and the value; an empty line between
// entries.
[[nodiscard]] bool is_journal_export(std::string_view bytes);
// The messages at the numbers of their lines, the others' lines empty. One that is cut ends the text.
[[nodiscard]] std::string messages_of_export(std::string_view bytes);

// Where each field has a line of its own, of JSON's, only the messages' lines stay: what follows one
// is then the next.
void keep_messages(std::vector<Line>& lines);

}  // namespace replay
