// A firmware made up for the host: 256 MiB of RAM, a memory map that follows what is allocated, and
// all the tables the firmware phase looks at. As it is made it passes every test; `bend` and the
// switches break one thing each.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "loader/handoff/crc32.h"
#include "loader/selftest/firmware_tests.h"

namespace test {

class FakeFirmware final : public loader::TestedFirmware {
 public:
  using Type = loader::EfiMemoryType;
  using Descriptor = loader::EfiDescriptor;

  static constexpr uint64_t kRam = 256 * mm::kMiB;
  static constexpr uint64_t kStack = 0x818'0000, kImage = 0x820'0000, kRuntimeCode = 0x824'0000,
                            kRuntimeData = 0x828'0000, kAcpi = 0x830'0000;
  static constexpr uint64_t kSystemTable = kRuntimeData, kRuntimeTable = kRuntimeData + 0x1000,
                            kBootTable = 0x810'0000, kConfigTables = kRuntimeData + 0x2000,
                            kSmbios = kRuntimeData + 0x3000, kMat = 0x811'0000, kEsrt = 0x812'0000;
  static constexpr uint64_t kWb = 0xf;

  // What is broken; each on its own.
  std::function<void(std::vector<Descriptor>&)> bend_map = [](auto&) {};
  std::function<void(loader::MapCall&)> bend_call = [](auto&) {};
  uint64_t small_buffer_wants = 0;  // not 0: the size said to be needed
  bool key_wanders = false, key_stays = false;
  bool gives_twice = false, takes_taken = false, ignores_address = false, ignores_max = false;
  bool takes_bad_types = false, wraps_pages = false, counts_zero = false, keeps_freed = false;
  bool frees_free = false, frees_odd = false, shows_wrong_type = false;
  bool pool_odd = false, pool_wraps = false, pool_frees_null = false;
  bool random_repeats = false;
  bool stack_executable = false, data_executable = false, code_writable = false;
  loader::EfiTime time{2026, 11, 22, 2, 55, 0, 0, 0, 0x7ff, 0, 0};
  bool variables_repeat = false, unreadable_variable = false, invents_variables = false;
  std::map<std::u16string, std::vector<uint8_t>> variables{{u"BootOrder", {0, 0, 1, 0}},
                                                           {u"SecureBoot", {1}},
                                                           {u"SetupMode", {0}},
                                                           {u"Timeout", {5, 0}}};
  loader::FirmwareFacts facts;

  FakeFirmware() {
    fd_ = memfd_create("ram", 0);
    if (fd_ < 0 || ftruncate(fd_, kRam) != 0) throw std::runtime_error("no memory file");
    base_ = mmap(nullptr, kRam, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (base_ == MAP_FAILED) throw std::runtime_error("no address space");
    facts.reach = mm::DirectMap(reinterpret_cast<uintptr_t>(base_));
    facts.system_table = kSystemTable;
    facts.image = {{kImage}, {kImage + 0x2'0000}};
    facts.code = kImage + 0x1000;
    facts.stack = kStack;
    facts.over_boots.known = true;
    facts.has_rng = facts.has_tcg2 = facts.has_memory_attribute = true;
    facts.framebuffer = {0xc000'0000, 0x100'0000, 1280, 800, 1280, 1, 0, 0, 0, 0};
    facts.ends = {mm::Phys{mm::kTiB}, mm::Phys{mm::kTiB}, mm::Phys{mm::kTiB}};
    draw_map();
    write_tables();
  }
  ~FakeFirmware() {
    munmap(base_, kRam);
    close(fd_);
  }
  FakeFirmware(const FakeFirmware&) = delete;
  FakeFirmware& operator=(const FakeFirmware&) = delete;

  template <class T>
  T& at(uint64_t address) {
    return *facts.reach.at<T>(mm::Phys{address});
  }
  // Two pages that are one.
  void alias(uint64_t page, uint64_t other) {
    if (mmap(facts.reach.at(mm::Phys{page}), mm::kPageSize, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED, fd_, static_cast<off_t>(other)) == MAP_FAILED) {
      throw std::runtime_error("no alias");
    }
  }
  // Checksums of the service tables, as they are now.
  void seal() {
    for (const uint64_t table : {kSystemTable, kBootTable, kRuntimeTable}) {
      auto& header = at<loader::EfiTableHeader>(table);
      header.crc32 = 0;
      header.crc32 = loader::crc32({&at<uint8_t>(table), header.size});
    }
  }
  std::vector<loader::ConfigurationTable> config() {
    auto& system = at<loader::SystemTable>(kSystemTable);
    const auto* tables = &at<loader::ConfigurationTable>(kConfigTables);
    return {tables, tables + system.table_count};
  }
  void set_config(const std::vector<loader::ConfigurationTable>& tables) {
    auto& system = at<loader::SystemTable>(kSystemTable);
    std::memcpy(&at<char>(kConfigTables), tables.data(), tables.size() * sizeof(tables[0]));
    system.table_count = tables.size();
    seal();
  }
  void set_mat(const std::vector<Descriptor>& entries) {
    const uint32_t header[4] = {1, static_cast<uint32_t>(entries.size()), 48, 0};
    std::memcpy(&at<char>(kMat), header, sizeof header);
    for (size_t i = 0; i < entries.size(); ++i) at<Descriptor>(kMat + 16 + 48 * i) = entries[i];
  }
  [[nodiscard]] static std::vector<Descriptor> good_mat() {
    constexpr uint64_t kXp = 0x4000, kRo = 0x20000;
    return {{Type::RuntimeServicesCode, 0, kRuntimeCode, 0, 0x30, kRo | loader::kEfiMemoryRuntime},
            {Type::RuntimeServicesCode, 0, kRuntimeCode + 0x3'0000, 0, 0x10,
             kXp | loader::kEfiMemoryRuntime},
            {Type::RuntimeServicesData, 0, kRuntimeData, 0, 0x80, kXp | loader::kEfiMemoryRuntime}};
  }

  // --- The services ---
  loader::EfiStatus get_memory_map(std::byte* buffer, loader::MapCall& call) override {
    std::vector<Descriptor> map = map_;
    if (key_wanders) ++key_;
    bend_map(map);
    constexpr uint64_t kStride = 48;
    const uint64_t size = map.size() * kStride;
    const bool fits = size <= call.size;
    if (fits) {
      for (size_t i = 0; i < map.size(); ++i) {
        std::memset(buffer + i * kStride, 0, kStride);
        std::memcpy(buffer + i * kStride, &map[i], sizeof map[i]);
      }
    }
    call.size = fits || small_buffer_wants == 0 ? size : small_buffer_wants;
    call.key = key_;
    call.stride = kStride;
    call.version = 1;
    bend_call(call);
    return fits ? loader::kEfiSuccess : loader::kEfiBufferTooSmall;
  }

  loader::EfiStatus allocate_pages(loader::AllocateHow how, uint32_t type, uint64_t pages,
                                   uint64_t& address) override {
    using loader::AllocateHow;
    const bool bad = (type > 15 && type < 0x7000'0000) || type == 14 || type == 7;
    if (bad && !takes_bad_types) return loader::kEfiInvalidParameter;
    if (pages == 0) {
      if (counts_zero) retype(0x40'0000, 1, Type::LoaderData);
      return loader::kEfiInvalidParameter;
    }
    if (pages > kRam / mm::kPageSize) {
      if (!wraps_pages) return loader::kEfiOutOfResources;
      address = 0x50'0000;
      return loader::kEfiSuccess;
    }
    if (how == AllocateHow::Address) {
      if (takes_taken && !is_free(address, pages)) return loader::kEfiSuccess;
      if (!is_free(address, pages)) return loader::kEfiNotFound;
      if (ignores_address) return loader::kEfiNotFound;
    } else if (gives_twice && last_ != 0) {
      address = last_;
      return loader::kEfiSuccess;
    } else {
      uint64_t below = kRam;
      if (how == AllocateHow::MaxAddress && !ignores_max) below = address + 1;
      address = find_free(below, pages);
      if (address == 0) return loader::kEfiOutOfResources;
    }
    last_ = address;
    auto shown = static_cast<Type>(type);
    if (shows_wrong_type && shown == Type::AcpiNvs) shown = Type::Reserved;
    retype(address, pages, shown);
    return loader::kEfiSuccess;
  }

  loader::EfiStatus free_pages(uint64_t address, uint64_t pages) override {
    if (address % mm::kPageSize != 0) {
      if (!frees_odd) return loader::kEfiInvalidParameter;
      address &= ~(mm::kPageSize - 1);
    }
    if (is_free(address, pages)) {
      return frees_free ? loader::kEfiSuccess : loader::kEfiNotFound;
    }
    if (keeps_freed && pages == 9) return loader::kEfiSuccess;
    last_ = 0;
    retype(address, pages, Type::Conventional);
    return loader::kEfiSuccess;
  }

  loader::EfiStatus allocate_pool(uint32_t, uint64_t size, uint64_t& address) override {
    if (size > kRam && !pool_wraps) return loader::kEfiOutOfResources;
    address = pool_;
    if (pool_odd) address += 4;
    pool_ += mm::align_up(size > kRam ? 8 : size, 8);
    return loader::kEfiSuccess;
  }
  loader::EfiStatus free_pool(uint64_t address) override {
    return address != 0 || pool_frees_null ? loader::kEfiSuccess : loader::kEfiInvalidParameter;
  }
  loader::EfiStatus get_time(loader::EfiTime& out) override {
    out = time;
    return loader::kEfiSuccess;
  }
  loader::EfiStatus next_variable(uint64_t&, char16_t* name, loader::EfiGuid& vendor) override {
    const std::u16string now(name);
    auto next = now.empty() ? variables.begin() : variables.upper_bound(now);
    if (next == variables.end() && variables_repeat && !repeated_) {
      repeated_ = true;
      next = variables.begin();
    }
    if (next == variables.end()) return loader::kEfiNotFound;
    std::memcpy(name, next->first.c_str(), (next->first.size() + 1) * 2);
    vendor = loader::kGlobalVariables;
    return loader::kEfiSuccess;
  }
  loader::EfiStatus get_variable(const char16_t* name, const loader::EfiGuid& vendor,
                                 uint64_t& size, void* data) override {
    const auto found = variables.find(name);
    if (found == variables.end() || !(vendor == loader::kGlobalVariables)) {
      return invents_variables ? loader::kEfiSuccess : loader::kEfiNotFound;
    }
    const uint64_t room = size;
    size = found->second.size();
    if (room < size) return loader::kEfiBufferTooSmall;
    if (unreadable_variable && found->first == u"Timeout") return loader::kEfiError | 7;
    std::memcpy(data, found->second.data(), found->second.size());
    return loader::kEfiSuccess;
  }
  loader::EfiStatus random(std::span<uint8_t> out) override {
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(random_ = random_ * 77 + 13);
    if (random_repeats) random_ = 1;
    return loader::kEfiSuccess;
  }
  std::optional<loader::LivePage> page_at(uint64_t address) override {
    if (facts.image.contains(mm::Phys{address})) return loader::LivePage{code_writable, true};
    if (address / mm::kMiB == kStack / mm::kMiB) return loader::LivePage{true, stack_executable};
    return loader::LivePage{true, data_executable};
  }

 private:
  void add(Type type, uint64_t start, uint64_t end, uint64_t attributes = kWb) {
    map_.push_back({type, 0, start, 0, (end - start) / mm::kPageSize, attributes});
  }
  void draw_map() {
    add(Type::BootServicesData, 0, 0x1000);
    add(Type::Conventional, 0x1000, 0xa'0000);
    add(Type::Conventional, 0x10'0000, 0x800'0000);
    add(Type::BootServicesCode, 0x800'0000, 0x810'0000);
    add(Type::BootServicesData, 0x810'0000, kImage);
    add(Type::LoaderCode, kImage, kRuntimeCode);
    add(Type::RuntimeServicesCode, kRuntimeCode, kRuntimeData, kWb | loader::kEfiMemoryRuntime);
    add(Type::RuntimeServicesData, kRuntimeData, kAcpi, kWb | loader::kEfiMemoryRuntime);
    add(Type::AcpiReclaim, kAcpi, 0x834'0000);
    add(Type::AcpiNvs, 0x834'0000, 0x838'0000);
    add(Type::Conventional, 0x838'0000, kRam);
    add(Type::MemoryMappedIo, 0xffc0'0000, 0x1'0000'0000, 1 | loader::kEfiMemoryRuntime);
  }
  void write_tables() {
    auto& system = at<loader::SystemTable>(kSystemTable);
    system.header = {loader::kSystemTableSignature, 2 << 16 | 100, sizeof(loader::SystemTable), 0,
                     0};
    system.boot_services = kBootTable;
    system.runtime_services = kRuntimeTable;
    system.tables = kConfigTables;
    at<loader::EfiTableHeader>(kBootTable) = {loader::kBootServicesSignature, 2 << 16 | 100, 376, 0,
                                              0};
    auto& runtime = at<loader::RuntimeServices>(kRuntimeTable);
    runtime.header = {loader::kRuntimeServicesSignature, 2 << 16 | 100,
                      sizeof(loader::RuntimeServices), 0, 0};
    for (size_t i = 0; i < loader::kRuntimeFunctions; ++i) {
      runtime.functions[i] = kRuntimeCode + 0x100 * i;
    }
    set_config({{loader::kAcpi20Table, kAcpi},
                {loader::kSmbios3Table, kSmbios},
                {loader::kMemoryAttributesTable, kMat},
                {loader::kEsrtTable, kEsrt}});
    set_mat(good_mat());
    at<uint32_t>(kEsrt) = 1;
    at<uint32_t>(kEsrt + 4) = 1;
    at<uint64_t>(kEsrt + 8) = 1;
    at<uint32_t>(kEsrt + 16 + 16) = 1;
    seal();
  }

  [[nodiscard]] bool is_free(uint64_t address, uint64_t pages) const {
    for (const Descriptor& d : map_) {
      if (d.type == Type::Conventional && d.physical_start <= address &&
          address + pages * mm::kPageSize <= d.physical_start + d.pages * mm::kPageSize) {
        return true;
      }
    }
    return false;
  }
  // The highest place.
  [[nodiscard]] uint64_t find_free(uint64_t below, uint64_t pages) const {
    uint64_t best = 0;
    for (const Descriptor& d : map_) {
      if (d.type != Type::Conventional || d.pages < pages) continue;
      uint64_t end = d.physical_start + d.pages * mm::kPageSize;
      if (end > below) end = below & ~(mm::kPageSize - 1);
      if (end < d.physical_start + pages * mm::kPageSize) continue;
      best = std::max(best, end - pages * mm::kPageSize);
    }
    return best;
  }
  // All pages of it become `type`; neighbours of one type become one descriptor.
  void retype(uint64_t address, uint64_t pages, Type type) {
    const uint64_t end = address + pages * mm::kPageSize;
    std::vector<Descriptor> out;
    const auto put = [&](Type t, uint64_t from, uint64_t to, uint64_t attributes) {
      if (from >= to) return;
      if (!out.empty()) {
        Descriptor& last = out.back();
        if (last.type == t && last.attributes == attributes &&
            last.physical_start + last.pages * mm::kPageSize == from) {
          last.pages += (to - from) / mm::kPageSize;
          return;
        }
      }
      out.push_back({t, 0, from, 0, (to - from) / mm::kPageSize, attributes});
    };
    for (const Descriptor& d : map_) {
      const uint64_t d_end = d.physical_start + d.pages * mm::kPageSize;
      put(d.type, d.physical_start, std::min(d_end, address), d.attributes);
      put(type, std::max(d.physical_start, address), std::min(d_end, end), d.attributes);
      put(d.type, std::max(d.physical_start, end), d_end, d.attributes);
    }
    map_ = out;
    if (!key_stays) ++key_;
  }

  int fd_;
  void* base_;
  std::vector<Descriptor> map_;
  uint64_t key_ = 0x1000;
  uint64_t pool_ = 0x60'0000;
  uint64_t last_ = 0;
  uint32_t random_ = 1;
  bool repeated_ = false;
};

}  // namespace test
