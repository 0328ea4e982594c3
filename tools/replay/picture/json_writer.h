// JSON (RFC 8259) as text, written in one go.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace replay {

// Values in the order in which they are to stand; commas come by themselves. Within an object each
// value follows its key.
class JsonWriter {
 public:
  // '{' or '['; the same brackets close.
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  JsonWriter& key(std::string_view name);
  JsonWriter& number(uint64_t number);
  // What is no UTF-8 becomes U+FFFD. Neither '<' nor '&' stands in the text as such, so that it can
  // be part of an HTML page whatever it says.
  JsonWriter& string(std::string_view text);

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void separate();

  std::string text_;
  bool comma_ = false;
};

// Bytes of the UTF-8 sequence (Unicode 15, table 3-7) that the text begins with; 0: there is none.
[[nodiscard]] size_t utf8_length(std::string_view text);

}  // namespace replay
