// baton.conf of any content: what is taken is text, and written down anew it means the same.
#include "loader/menu/config.h"

#include "tests/fuzz/target.h"

namespace {

using fuzz::check;

struct Read {
  std::string text;  // ended by a NUL; the answer points into it
  loader::Config config;
  std::string findings;

  explicit Read(std::string from) : text(std::move(from)) {
    text.push_back('\0');
    findings = fuzz::printed_by(
        [&](const mm::Printer& out) { config = loader::parse_config(text, "baton.conf", out); });
  }
};

std::string written(const loader::Config& config) {
  std::string text = std::string("kernel ") + config.kernel + "\noptions " + config.options +
                     "\nbadpages = " + config.bad_pages + "\ntimeout " +
                     std::to_string(config.timeout) + "\n";
  if (config.initrd != nullptr) text += std::string("initrd ") + config.initrd + "\n";
  for (size_t i = 0; i < config.module_count; ++i) {
    text += std::string("module ") + config.modules[i].name + " " + config.modules[i].path + "\n";
  }
  return text;
}

// Tabs may stand in values.
bool is_value(std::string text) {
  std::replace(text.begin(), text.end(), '\t', ' ');
  return fuzz::is_printable(text);
}

}  // namespace

FUZZ_TARGET(config) {
  const Read first(fuzz::Input(data, size).rest_of_text());
  for (const char* value : {first.config.kernel, first.config.options, first.config.bad_pages}) {
    check(is_value(value));
  }
  check(first.config.kernel[0] != '\0');
  check(first.config.initrd == nullptr || first.config.initrd[0] != '\0');
  const Read again(written(first.config));
  check(again.findings.empty());
  check(written(again.config) == written(first.config));
}
