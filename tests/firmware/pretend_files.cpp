#include <algorithm>
#include <cstring>

#include "tests/firmware/services.h"

namespace pretend {
namespace {

// A directory is in the list by a name that ends in a backslash.
std::map<std::string, std::string> contents;
unsigned open_files = 0;

struct OpenFile {
  EFI_FILE file;  // first: what the application has
  std::string path;
  size_t position = 0;
  bool is_directory = false;
};

OpenFile& of(EFI_FILE* file) { return *reinterpret_cast<OpenFile*>(file); }

std::string narrow(const CHAR16* text) {
  std::string out;
  for (; *text != 0; ++text) out += static_cast<char>(*text);
  return out;
}

bool is_directory(const std::string& path) {
  const std::string with_end = path + "\\";
  return std::any_of(contents.begin(), contents.end(),
                     [&](const auto& one) { return one.first.starts_with(with_end); });
}

// Names of what is in a directory itself.
std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  const std::string with_end = path + "\\";
  for (const auto& one : contents) {
    if (!one.first.starts_with(with_end)) continue;
    const std::string name = one.first.substr(with_end.size());
    if (!name.empty() && name.find('\\') == std::string::npos) names.push_back(name);
  }
  return names;
}

EFI_STATUS put_info(const std::string& name, uint64_t length, bool directory, UINTN* size,
                    void* buffer) {
  const UINTN needed = SIZE_OF_EFI_FILE_INFO + (name.size() + 1) * sizeof(CHAR16);
  const UINTN room = *size;
  *size = needed;
  if (room < needed) return EFI_BUFFER_TOO_SMALL;
  EFI_FILE_INFO info{};
  info.Size = needed;
  info.FileSize = length;
  info.Attribute = directory ? EFI_FILE_DIRECTORY : 0;
  std::memcpy(buffer, &info, SIZE_OF_EFI_FILE_INFO);
  auto* at = static_cast<uint8_t*>(buffer) + SIZE_OF_EFI_FILE_INFO;
  for (size_t i = 0; i <= name.size(); ++i) {
    const auto letter = static_cast<CHAR16>(i == name.size() ? 0 : name[i]);
    std::memcpy(at + i * sizeof(letter), &letter, sizeof(letter));
  }
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI close(EFI_FILE* file) {
  const bool fails = machine->fails("Close");
  delete &of(file);
  --open_files;
  return fails ? machine->plan.status : EFI_SUCCESS;
}

EFI_STATUS EFIAPI remove(EFI_FILE* file) {
  const bool fails = machine->fails("Delete");
  contents.erase(of(file).path);
  delete &of(file);
  --open_files;
  return fails ? machine->plan.status : EFI_SUCCESS;
}

EFI_STATUS EFIAPI read(EFI_FILE* file, UINTN* size, void* buffer) {
  OpenFile& open = of(file);
  const bool later = !open.is_directory && open.position != 0;  // it is read again
  if (machine->fails(later ? "Read of a later piece" : "Read")) return machine->plan.status;
  if (open.is_directory) {
    const auto names = names_in(open.path);
    if (open.position == names.size()) {
      *size = 0;
      return EFI_SUCCESS;
    }
    const std::string& name = names[open.position];
    const EFI_STATUS status =
        put_info(name, contents[open.path + "\\" + name].size(), false, size, buffer);
    if (status == EFI_SUCCESS) ++open.position;
    return status;
  }
  const std::string& content = contents[open.path];
  *size = std::min<UINTN>(*size, content.size() - open.position);
  std::memcpy(buffer, content.data() + open.position, *size);
  open.position += *size;
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI write(EFI_FILE* file, UINTN* size, void* buffer) {
  if (machine->fails("Write")) return machine->plan.status;
  contents[of(file).path].append(static_cast<const char*>(buffer), *size);
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI set_position(EFI_FILE* file, UINT64 position) {
  if (machine->fails("SetPosition")) return machine->plan.status;
  of(file).position = position;
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI get_info(EFI_FILE* file, EFI_GUID* /*type*/, UINTN* size, void* buffer) {
  if (machine->fails("GetInfo")) return machine->plan.status;
  const OpenFile& open = of(file);
  const std::string name = open.path.substr(open.path.rfind('\\') + 1);
  return put_info(name, open.is_directory ? 0 : contents[open.path].size(), open.is_directory, size,
                  buffer);
}

EFI_STATUS EFIAPI flush(EFI_FILE* /*file*/) {
  return machine->fails("Flush") ? machine->plan.status : EFI_SUCCESS;
}

EFI_STATUS EFIAPI open(EFI_FILE* parent, EFI_FILE** file, CHAR16* name, UINT64 mode,
                       UINT64 attributes);

EFI_FILE* opened(const std::string& path, bool directory) {
  auto* const made = new OpenFile{};
  made->file.Open = open;
  made->file.Close = close;
  made->file.Delete = remove;
  made->file.Read = read;
  made->file.Write = write;
  made->file.SetPosition = set_position;
  made->file.GetInfo = get_info;
  made->file.Flush = flush;
  made->path = path;
  made->is_directory = directory;
  ++open_files;
  return &made->file;
}

EFI_STATUS EFIAPI open(EFI_FILE* parent, EFI_FILE** file, CHAR16* name, UINT64 mode,
                       UINT64 attributes) {
  if (machine->fails("Open")) return machine->plan.status;
  const std::string asked = narrow(name);
  const std::string path = asked.starts_with("\\") ? asked : of(parent).path + "\\" + asked;
  if (contents.contains(path)) {
    *file = opened(path, false);
  } else if (is_directory(path)) {
    *file = opened(path, true);
  } else if ((mode & EFI_FILE_MODE_CREATE) == 0) {
    return EFI_NOT_FOUND;
  } else {
    const bool directory = (attributes & EFI_FILE_DIRECTORY) != 0;
    contents[directory ? path + "\\" : path] = "";
    *file = opened(path, directory);
  }
  return EFI_SUCCESS;
}

EFI_STATUS EFIAPI open_volume(EFI_FILE_IO_INTERFACE* /*volume*/, EFI_FILE** root) {
  if (machine->fails("OpenVolume")) return machine->plan.status;
  *root = opened("", true);
  return EFI_SUCCESS;
}

}  // namespace

EFI_FILE_IO_INTERFACE volume{EFI_FILE_IO_INTERFACE_REVISION, open_volume};

void reset_files() {
  contents = machine->plan.files;
  open_files = 0;
}
unsigned files_open() { return open_files; }

}  // namespace pretend
