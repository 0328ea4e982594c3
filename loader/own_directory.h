// Where on the ESP everything of Baton's lies that a run leaves: reports, bad pages, maps.
#pragma once

namespace loader {

inline constexpr const char* kOwnDirectory = "\\baton";

}  // namespace loader
