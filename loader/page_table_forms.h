// Page tables in one of several forms: what one loader builds for kernels of different kinds.
#pragma once

#include <tuple>

#include "loader/page_tables.h"

namespace loader {

// As TableBuilder (loader/page_tables.h), in the form that PagingFeatures::levels says: the first of
// these entries, which are given in ascending order of their levels, that has so many.
template <class... Entries>
class TablesOfForms {
 public:
  TablesOfForms(mm::Range pool, const mm::DirectMap& map, const PagingFeatures& features)
      : levels_(features.levels), builders_(TableBuilder<Entries>(pool, map, features)...) {}

  [[nodiscard]] static mm::Result<> check(const PagingFeatures& features) {
    return with_form<Entries...>(
        features.levels, [&]<class Entry>() { return TableBuilder<Entry>::check(features); });
  }
  mm::Result<> start() {
    return with_form<Entries...>(levels_, [&]<class Entry>() { return of<Entry>().start(); });
  }
  mm::Result<> map(uint64_t virt, mm::Range range, Access access) {
    return with_form<Entries...>(
        levels_, [&]<class Entry>() { return of<Entry>().map(virt, range, access); });
  }
  // `other` is in the same form.
  void share_upper_half(const TablesOfForms& other) {
    with_form<Entries...>(levels_,
                          [&]<class Entry>() { of<Entry>().share_upper_half(other.of<Entry>()); });
  }
  [[nodiscard]] std::optional<Translation> translate(uint64_t virt) const {
    return with_form<Entries...>(levels_,
                                 [&]<class Entry>() { return of<Entry>().translate(virt); });
  }
  [[nodiscard]] mm::Phys root() const {
    return with_form<Entries...>(levels_, [&]<class Entry>() { return of<Entry>().root(); });
  }
  [[nodiscard]] mm::Range used() const {
    return with_form<Entries...>(levels_, [&]<class Entry>() { return of<Entry>().used(); });
  }
  [[nodiscard]] static uint64_t pages_for(uint64_t ranges, uint64_t bytes, uint64_t end,
                                          const PagingFeatures& features, bool congruent) {
    return with_form<Entries...>(features.levels, [&]<class Entry>() {
      return TableBuilder<Entry>::pages_for(ranges, bytes, end, features, congruent);
    });
  }
  [[nodiscard]] static uint64_t pages_for_root(const PagingFeatures& features) {
    return with_form<Entries...>(features.levels, [&]<class Entry>() {
      return TableBuilder<Entry>::pages_for_root(features);
    });
  }

 private:
  // The last one's check() refuses levels that none has.
  template <class First, class... Rest, class Do>
  static auto with_form(unsigned levels, Do what) {
    if constexpr (sizeof...(Rest) != 0) {
      if (levels > First::kMostLevels) return with_form<Rest...>(levels, what);
    }
    return what.template operator()<First>();
  }
  template <class Entry>
  [[nodiscard]] TableBuilder<Entry>& of() {
    return std::get<TableBuilder<Entry>>(builders_);
  }
  template <class Entry>
  [[nodiscard]] const TableBuilder<Entry>& of() const {
    return std::get<TableBuilder<Entry>>(builders_);
  }

  unsigned levels_;
  std::tuple<TableBuilder<Entries>...> builders_;
};

}  // namespace loader
