#include "tools/replay/program/arguments.h"

#include <span>
#include <string_view>

#include "mm/size_text.h"
#include "tools/replay/must.h"

namespace replay {
namespace {

// The number of --NAME=NUMBER, from 1 to `most`; false when the word is another.
bool take_number(std::string_view word, std::string_view name, unsigned most, unsigned& value) {
  if (!word.starts_with(name)) return false;
  const auto number = mm::number_of(word.substr(name.size()), 10, most);
  if (!number || *number == 0) {
    throw BadArguments(std::string(name.substr(0, name.size() - 1)) + " is from 1 to " +
                       std::to_string(most));
  }
  value = static_cast<unsigned>(*number);
  return true;
}

// `--html FILE` and the like; false when the word is another.
bool take_file(std::span<char*> words, size_t& at, std::string_view name, std::string& file) {
  if (words[at] != name) return false;
  if (at + 1 == words.size() || *words[at + 1] == '\0') {
    throw BadArguments(std::string(name) + " wants the name of a file behind it");
  }
  file = words[++at];
  return true;
}

mm::Phys address_of(std::string_view word) {
  const auto address = mm::number_of(word, 16, mm::kMaxPhys - 1);
  if (!address) {
    throw BadArguments(std::string(word) +
                       " is no address; write it in hexadecimal, as explain 0x100000");
  }
  return mm::Phys{*address};
}

// The value of --NAME=VALUE.
bool take_value(std::string_view word, std::string_view name, std::string_view& value) {
  if (!word.starts_with(name)) return false;
  value = word.substr(name.size());
  return true;
}

std::vector<mm::Phys> addresses_of(std::string_view list) {
  std::vector<mm::Phys> addresses;
  for (;;) {
    const size_t comma = list.find(',');
    addresses.push_back(address_of(list.substr(0, comma)));
    if (comma == std::string_view::npos) return addresses;
    list.remove_prefix(comma + 1);
  }
}

bool take_what_if(std::string_view word, Arguments& arguments) {
  std::string_view value;
  unsigned number = 0;
  if (take_value(word, "--options=", value)) {
    arguments.options = value;
  } else if (take_value(word, "--add-dimm=", value)) {
    arguments.dimms.emplace_back(value);
  } else if (take_value(word, "--reserve=", value)) {
    arguments.reservations.emplace_back(value);
  } else if (take_value(word, "--crashkernel=", value)) {
    const auto wanted = parse_crashkernel(value);
    if (!wanted.ok()) throw BadArguments(describe(wanted.error()));
    arguments.crashkernel = wanted.value();
  } else if (take_number(word, "--hugepages-1g=", 1000000, number)) {
    arguments.hugepages = number;
  } else if (take_value(word, "--bad=", value)) {
    arguments.bad = addresses_of(value);
  } else {
    return false;
  }
  return true;
}

bool take_option(std::string_view word, Arguments& arguments) {
  if (take_what_if(word, arguments)) return true;
  if (take_number(word, "--columns=", 1000, arguments.columns) ||
      take_number(word, "--boot=", 1000000, arguments.boot)) {
    return true;
  }
  if (word == "--road=bootmem") {
    arguments.road = mm::Road::Bootmem;
  } else if (word == "--road=memblock") {
    arguments.road = mm::Road::Memblock;
  } else if (word == "--json") {
    arguments.form = Form::Json;
  } else if (word == "--machine") {
    arguments.form = Form::Facts;
  } else if (word == "--qemu") {
    arguments.form = Form::Qemu;
  } else if (word == "--help") {
    arguments.verb = Verb::Help;
  } else {
    return false;
  }
  return true;
}

}  // namespace

Arguments parse(int count, char** words) {
  Arguments arguments;
  std::vector<std::string_view> rest;
  const std::span all(words, static_cast<size_t>(count));
  for (size_t i = 1; i < all.size(); ++i) {
    const std::string_view word = all[i];
    if (take_option(word, arguments) || take_file(all, i, "--html", arguments.html) ||
        take_file(all, i, "--svg", arguments.svg)) {
      continue;
    }
    if (word.starts_with("-") && word != "-") {
      throw BadArguments("there is no option " + std::string(word) + "\n" + usage());
    }
    rest.push_back(word);
  }
  if (arguments.verb == Verb::Help) return arguments;
  if (!rest.empty() && rest.front() == "explain") {
    if (rest.size() < 2) throw BadArguments(usage());
    arguments.verb = Verb::Explain;
    arguments.address = address_of(rest[1]);
    rest.erase(rest.begin(), rest.begin() + 2);
  }
  if (!rest.empty() && rest.front() == "diff") {
    if (rest.size() != 3) throw BadArguments(usage());
    arguments.verb = Verb::Diff;
    rest.erase(rest.begin());
  }
  if (rest.empty()) throw BadArguments(usage());
  arguments.files.assign(rest.begin(), rest.end());
  return arguments;
}

const char* usage() {
  return "usage: replay [OPTION...] FILE...\n"
         "       replay explain ADDR FILE...\n"
         "       replay diff A B\n"
         "       replay --help";
}

const char* help() {
  return "Takes what a machine's firmware said of its memory through Baton's mm/, as Linux does "
         "it,\n"
         "and says what is wrong with it.\n"
         "\n"
         "  dmesg | replay -                  findings, the log, the ledger and a picture\n"
         "  replay dmesg.txt                  the same of somebody's log\n"
         "  replay dmesg.txt tables.txt       with acpidump's tables of that machine\n"
         "  journalctl -k -o export | replay -    where dmesg has lost the beginning\n"
         "  replay /sys/firmware/fdt          a device tree; a board's .dtb\n"
         "  replay explain 0x7f4ec000 FILE    who has that address, from the firmware to buddy\n"
         "  replay diff MONDAY TUESDAY        what moved, grew or changed its type\n"
         "  replay --json FILE                for programs (docs/replay.schema.json)\n"
         "  replay --machine FILE             the machine's facts in short, to be replayed again\n"
         "  replay --qemu FILE                arguments that give the nearest machine\n"
         "  replay --html out.html FILE       a page for any browser: where everything lies\n"
         "  replay --svg out.svg FILE         the picture alone\n"
         "\n"
         "What if:\n"
         "  --options=\"mem=4G kernelcore=2G\"   with these words on the kernel's command line\n"
         "                       (mem= memmap= kernelcore= movablecore= movable_node early=)\n"
         "  --add-dimm=16G[@1]   with so much more RAM on that node\n"
         "  --reserve=NAME=64M@0x40000000      with this reserved before all else\n"
         "  --crashkernel=512M[,high]          where it lands, or why nowhere\n"
         "  --hugepages-1g=N     how many whole GiB each node has free\n"
         "  --bad=ADDR,...       what these pages are, and how to keep them from use\n"
         "\n"
         "  --boot=N             the Nth boot of a log (else the last)\n"
         "  --road=bootmem       by the bitmap, Linux before 3.x (else memblock)\n"
         "  --columns=N          of the picture (64)\n"
         "\n"
         "Status: 0 nothing is wrong, 1 there are findings, 2 the input cannot be used.";
}

}  // namespace replay
