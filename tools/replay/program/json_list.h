// Lists in JSON.
#pragma once

#include <nlohmann/json.hpp>

namespace replay {

template <class List, class Of>  // nlohmann::ordered_json(an element)
nlohmann::ordered_json list_of_all(const List& list, Of of) {
  auto all = nlohmann::ordered_json::array();
  for (const auto& each : list) all.push_back(of(each));
  return all;
}

}  // namespace replay
