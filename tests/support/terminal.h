// A small terminal that does what the line editor relies on.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mm/print.h"

namespace test {

// One line of a terminal: what stands in it and where the cursor is. \n begins a new one.
class Terminal {
 public:
  mm::Printer printer() {
    return {[](void* self, std::string_view text) { static_cast<Terminal*>(self)->put(text); },
            this};
  }
  std::string row;
  size_t column = 0;
  std::vector<std::string> above;
  std::string raw;
  unsigned bells = 0;

 private:
  void put(std::string_view text) {
    raw += text;
    for (const char c : text) put(c);
  }
  void put(char c) {
    if (!sequence_.empty()) {
      sequence_ += c;
      if (c != '[' && (c < '0' || c > '9')) run();
    } else if (c == '\x1b') {
      sequence_ = c;
    } else if (c == '\n') {
      above.push_back(row);
      row.clear();
      column = 0;
    } else if (c == '\r') {
      column = 0;
    } else if (c == '\a') {
      ++bells;
    } else {
      if (column == row.size()) row += ' ';
      row.at(column++) = c;
    }
  }
  void run() {
    const std::string sequence = std::exchange(sequence_, "");
    if (sequence.back() == 'K') row.resize(column);
    if (sequence.back() == 'D') column -= std::stoul(sequence.substr(2));
  }
  std::string sequence_;
};

}  // namespace test
