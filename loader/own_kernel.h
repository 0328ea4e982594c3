// The name under which an application's own kernel lies beside others.
//
// Application and kernel are a pair, but two files, and no file system replaces two files at once.
// So the application looks first for a kernel whose name has the id of the kernel it was built
// with; an update puts the new kernel beside the old one, and one rename, the application's, then
// turns the old pair into the new one.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace loader {

// Writes `path` with "-ID" before the extension of its last part, NUL-terminated:
// \EFI\baton\kernel.elf becomes \EFI\baton\kernel-0123456789abcdef.elf. `out` must hold
// path.size() + id.size() + 2 characters.
void own_kernel_path(std::string_view path, std::string_view id, std::span<char> out);

// The same with "64": where a loader of 32 bits finds the kernel of 64 bits that it can start, too.
// `out` must hold path.size() + 3 characters.
void wide_kernel_path(std::string_view path, std::span<char> out);

}  // namespace loader
