#include "efi/boot_entries.h"

#include <algorithm>
#include <cstring>

#include "efi/directory.h"

namespace efi {
namespace {

using loader::BootEntry;

struct Listing {
  size_t files = 0;
  uint64_t bytes = 0;
  uint64_t names = 0;
};

bool is_entry(std::string_view name) {
  return name.size() > 5 && (name.ends_with(".conf") || name.ends_with(".CONF"));
}

bool count_entry(void* context, std::string_view name, uint64_t size) {
  auto& listing = *static_cast<Listing*>(context);
  if (is_entry(name)) {
    ++listing.files;
    listing.bytes += size;
    listing.names += name.size() + 1;
  }
  return true;
}

// Names one behind the other, each with its NUL.
struct NameList {
  char* at;
  const char* end;
};
bool take_name(void* context, std::string_view name, uint64_t) {
  auto& list = *static_cast<NameList*>(context);
  if (!is_entry(name)) return true;
  if (static_cast<size_t>(list.end - list.at) < name.size() + 1) return false;
  std::memcpy(list.at, name.data(), name.size());
  list.at += name.size();
  *list.at++ = '\0';
  return true;
}

}  // namespace

mm::Result<Entries> read_entries(const Firmware& firmware, const Volume& volume,
                                 const mm::Printer& findings) {
  Entries all;
  const Directory directory = BATON_TRY(Directory::open(firmware, loader::kEntriesPath));
  if (!directory.there()) return all;
  Listing listing;
  BATON_TRY(directory.for_each_file(&count_entry, &listing));
  if (listing.files == 0) return all;
  all.names = BATON_TRY(allocate_zeroed(firmware, listing.names, "names of entries"));
  NameList names{all.names.as<char>(), all.names.as<char>() + listing.names};
  BATON_TRY(directory.for_each_file(&take_name, &names));
  all.storage = BATON_TRY(allocate_array<BootEntry>(firmware, listing.files, "boot entries"));
  all.texts = BATON_TRY(allocate(firmware, std::max<uint64_t>(listing.bytes, 1), "boot entries"));
  auto* text = all.texts.as<char>();
  uint64_t room = listing.bytes;
  for (const char* name = all.names.as<char>(); name < names.at && all.count < listing.files;
       name += std::strlen(name) + 1) {
    const Path path(loader::kEntriesPath, name);
    const auto file = volume.read(firmware, path.text.data());
    if (!file.ok()) {
      findings.error("ignored", file.error());
      continue;
    }
    if (file.value().size > room) {
      findings.line("{}: ignored: it grew while entries were read", name);
      continue;
    }
    std::memcpy(text, file.value().pages.as<char>(), file.value().size);
    const auto entry = loader::parse_entry(name, {text, file.value().size}, findings);
    text += file.value().size;
    room -= file.value().size;
    if (entry.has_value()) all.storage.as<BootEntry>()[all.count++] = *entry;
  }
  loader::sort_entries(all.entries());
  return all;
}

mm::Result<LoaderConf> read_loader_conf(const Firmware& firmware, const Volume& volume,
                                        const mm::Printer& findings) {
  LoaderConf conf;
  if (!BATON_TRY(volume.has(loader::kLoaderConfPath))) return conf;
  conf.file = BATON_TRY(volume.read(firmware, loader::kLoaderConfPath));
  conf.config = loader::parse_loader_conf({conf.file.pages.as<char>(), conf.file.size}, findings);
  return conf;
}

}  // namespace efi
