#include "mm/print.h"

namespace mm {

void Printer::line_of(Wording format, const uint64_t* values) const {
  part_of(format, values);
  text("\n");
}

void Printer::error(const char* before, const Error& error) const { line("{}: {}", before, error); }

void print_error(const Printer& out, const Spec& /*spec*/, uint64_t error, uint64_t /*none*/) {
  const Error& e = *reinterpret_cast<const Error*>(static_cast<uintptr_t>(error));
  const uint64_t numbers[] = {e.a, e.b};
  if (e.subject != nullptr) out.part("{}: ", e.subject);
  out.part_of({e.what, formatting::kinds_of<uint64_t, uint64_t>()}, numbers);
  if (e.other != nullptr) out.part(", {}", e.other);
}

size_t format_values(std::span<char> out, Wording format, const uint64_t* values) {
  struct Buffer {
    std::span<char> out;
    size_t length = 0;
  } buffer{out};
  const Printer printer(
      [](void* context, std::string_view text) {
        auto& to = *static_cast<Buffer*>(context);
        for (const char c : text) {
          if (to.length + 1 < to.out.size()) to.out[to.length] = c;
          ++to.length;
        }
      },
      &buffer);
  printer.part_of(format, values);
  if (!out.empty()) out[buffer.length < out.size() ? buffer.length : out.size() - 1] = '\0';
  return buffer.length;
}

}  // namespace mm
