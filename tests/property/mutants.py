#!/usr/bin/python3
"""Breaks mm/ in one place at a time and sees whether the tests notice.

Each mutant below is one wrong line: a file, what stands there, what is put in its place, and what
that breaks. Every one must make a unit test or the property tests fail; one that survives is a
missing test. Needs `make programs` first; works in build/mutants/ and changes no source.

  tests/property/mutants.py            all
  tests/property/mutants.py 3 17       only these
"""

import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
WORK = BUILD / "mutants"
FLAGS = ["-std=c++20", "-O1", "-w"]
UNIT = ["e820", "early_res", "e820_options", "numa", "zones", "zonelists", "placement", "bootmem",
        "memblock", "ledger", "relay_ledger", "firmware_ram", "relay", "relay_mirrored",
         "relay_order", "audit", "regions", "page_alloc", "page_contents", "node_choice", "migratetype",
         "watermark", "pcp", "interrupts", "highmem", "layout32_arm", "layout32_arm_memblock", "layout32_ia32",
         "arm_paging"]
# The tests in which a header's code is, when that is broken: those of handing over, or of allocating.
ALLOCATING = ["page_alloc", "page_contents", "node_choice", "migratetype", "watermark", "pcp", "interrupts"]
WITH_HEADER = {"mm/handover.h": ["bootmem", "memblock", "relay", "relay_mirrored", "highmem"],
               "mm/page_alloc.h": ALLOCATING, "mm/page_alloc_impl.h": ALLOCATING,
               "mm/page_alloc_slow_impl.h": ALLOCATING, "mm/page_alloc_ranges_impl.h": ALLOCATING,
               "mm/page_contents.h": ALLOCATING}
MACHINES = "1500"

# (file, what stands there, what is put there, what it breaks)
MUTANTS = [
    ("mm/e820.cpp", "case E820Type::Nvs:\n      return 6;", "case E820Type::Nvs:\n      return 9;",
     "NVS stricter than reserved"),
    ("mm/e820.cpp", "storage_[count - 1].type == entry.type && merges(entry.type)) {", "false) {",
     "neighbours of one type stay apart"),
    ("mm/early_res.cpp", "while (i < end && storage_[i].overlap_ok != 0 && ", "while (i < end && ",
     "reservations may overlap"),
    ("mm/early_res.cpp", "left[count++].range.start = range.end;", "++count;",
     "a freed middle stays reserved"),
    ("mm/early_res.cpp", "bounds.start = Phys{1};\n  Phys place;\n  for_each_free_range(e820, "
     "reservations.entries(), bounds, [&](Range free) {\n    const Phys at",
     "bounds.start = Phys{0};\n  Phys place;\n  for_each_free_range(e820, "
     "reservations.entries(), bounds, [&](Range free) {\n    const Phys at",
     "address 0 is handed out"),
    ("mm/numa.cpp", "if (a.node != b.node || others_have(both, a.node)) {", "if (a.node != b.node) {",
     "blocks are joined across another node"),
    ("mm/numa.cpp", "if (all - in_nodes < kMiB / kPageSize) return true;",
     "if (all - in_nodes <= kMiB / kPageSize) return true;", "a MiB in no node is believed"),
    ("mm/numa.cpp", "if (!frames.empty() && frames.overlaps(range)) return true;",
     "if (frames.overlaps(range)) return true;", "a byte of RAM keeps a block alive"),
    ("mm/numa.cpp", "if (range.end > end_of_ram) range.end = end_of_ram;", "",
     "blocks reach beyond RAM"),
    ("mm/zones.cpp",
     "if (movable != Pfn{} && !beside) range.end = std::min(range.end, movable);", "",
     "zones overlap ZONE_MOVABLE"),
    ("mm/zones.cpp", "if (active[i].node == node.id) frames +=", "frames +=",
     "another node's RAM is counted"),
    ("mm/zones.cpp", "if (hole.end <= first_end)", "if (hole.end < first_end)",
     "a hole up to a section's end is counted twice"),
    ("mm/zonelists.cpp", "if (to < from) ++value;", "", "nodes below are as good as nodes above"),
    ("mm/zonelists.cpp", "if (distance != before) ++loads_[id];", "", "first choices do not rotate"),
    ("mm/placement.cpp", "const Range own = phys(node_.spanned);", "const Range own{};",
     "structures lie in any node"),
    ("mm/placement.cpp", "align_up(range.pfns.end, shape.unit)}",
     "align_down(range.pfns.end, shape.unit)}",
     "the end of mem_map is not reserved"),
    ("mm/bootmem.cpp", "if (from % kGroup == 0 && to - from >= kGroup) {",
     "if (from % kGroup == 0) {", "a group is freed whole when a part was meant"),
    ("mm/bootmem.cpp", "state_[group] == Group::Taken ? kAll : 0", "0",
     "a group of taken frames becomes free when cut"),
    ("mm/bootmem.cpp", "for (NodeBootmem& node : nodes_) node.take(pfns_touched(range));",
     "for (NodeBootmem& node : nodes_) node.take(pfns_inside(range));",
     "frames that are reserved in part are free"),
    ("mm/bootmem.cpp", "const PfnRange frames = pfns_inside(range);\n  for",
     "const PfnRange frames = pfns_touched(range);\n  for", "frames that are freed in part are free"),
    ("mm/bootmem.cpp", "return (kAll << from) & (kAll >> (kWordBits - to));",
     "return (kAll << from) & (kAll >> (kWordBits - to) >> 1);", "the last bit of a run is left"),
    ("mm/bootmem.cpp", "reservations.capacity(), range.start", "count, range.start",
     "the line about reservations has their count twice"),
    ("mm/bootmem.cpp", 'return Error{"Cannot find bootmem map',
     'return Phys{kPageSize};\n  return Error{"Cannot find bootmem map',
     "a bitmap without room lies over something"),
    ("mm/early_res.cpp", "reserve(place, kOwnName));\n  own_ = place;",
     "reserve(place, kOwnName));", "the list of reservations counts itself"),
    ("mm/relay.cpp", "  dma32_reserve();\n  done(", "  done(",
     "nothing is kept for 32-bit DMA"),
    ("mm/relay.cpp", "kDma32Align, kDma32Goal, kDma32End", "kPageSize, kDma32Goal, kDma32End",
     "what is kept for 32-bit DMA is not aligned"),
    ("mm/relay.cpp", "bootmem_.free(dma32_);", ";", "bootmem loses what it kept for 32-bit DMA"),
    ("mm/relay.cpp", "BATON_TRY(memblock_.free(dma32_));", ";",
     "memblock loses what it kept for 32-bit DMA"),
    ("mm/memblock.cpp", "if (at < region.range.end) at = storage_[i++].range.end;",
     "if (at < region.range.end) at = storage_[i].range.end;", "what is added overlaps"),
    ("mm/memblock.cpp", "before.flags == region.flags) {", "true) {", "flags spread to neighbours"),
    ("mm/memblock.cpp", "BATON_TRY(move(which, place.value(), bytes));\n  }",
     "array(which).move_to({map_.at<MemblockRegion>(place.value()), bytes / 32});\n  }",
     "grown arrays are not reserved"),
    ("mm/handover.h", "PfnRange whole = pfns_inside(range);",
     "PfnRange whole = pfns_touched(range);", "memblock hands over frames in use"),
    ("mm/handover.h", "run.start += 1;", ";", "a frame shared with a neighbour is given back"),
    ("mm/handover.h", "run.clip(zone.spanned);\n      if (!part.empty()) visit(node.id, part);",
     "run.clip(zone.spanned);\n      if (!part.empty()) visit(node.id, run);", "runs cross zones"),
    ("mm/handover.h", "if (zone != of || next.start != part.end) {", "if (next.start != part.end) {",
     "runs cross from mirrored memory to Movable"),
    ("mm/placement.cpp", "(mirror && !range.mirror)", "false",
     "the kernel's structures lie in memory that is not mirrored"),
    ("mm/numa.cpp", "range.hotplug == next.hotplug && range.mirror == next.mirror;",
     "range.hotplug == next.hotplug;", "what is not mirrored counts as if it were"),
    ("mm/numa.cpp", "const Phys border = inside ? window.end : window.start;",
     "const Phys border = window.end;", "mirrored ranges begin too early"),
    ("mm/zones.cpp", "if (range.pfns.start < kFourGiB) {", "if (false) {",
     "kernelcore=mirror takes memory below 4 GiB from the kernel"),
    ("mm/memblock.cpp", "storage_[count_ - 1].range.end < region.range.start",
     "storage_[count_ - 1].range.end <= region.range.start", "regions that touch stay apart"),
    ("mm/zonelists.cpp", "std::sort(ranks.begin(), ranks.end(), [](uint32_t a, uint32_t b) { return a < b; });",
     "std::sort(ranks.begin(), ranks.end(), [](uint32_t a, uint32_t b) { return a / kMaxNodes != b / "
     "kMaxNodes ? a < b : a > b; });", "of equally good nodes the last comes first"),
    ("mm/page_alloc.cpp", "if (block.tag.state() != BlockState::None) {\n      return bad(",
     "if (false) {\n      return bad(", "what is free is released again"),
    ("mm/page_alloc.cpp", " && !has_frames_of_other(zone, frames)", "",
     "pageblocks of two zones are isolated as one's"),
    ("mm/page_alloc_init.cpp", "if (!range.mirror || !range.pfns.overlaps(movable)) continue;",
     "continue;",
     "a pageblock that is mirrored in part changes its type"),
    ("mm/page_alloc.cpp", "part = part.clip(frames_of_zone(layout_->nodes[node->id], zone.type, "
     "*range));", "part = part.clip(range->pfns);", "mirrored memory is seeded into Movable's zone"),
    ("mm/pageblock.cpp", "for (uint64_t j = 0; j < 16; ++j) pages[i + j].set_tag(Tag{});", "",
     "a Page that nobody has written is believed"),
    ("mm/buddy.cpp", "if (free != FreeMap::kUnits || special(type)) {", "if (true) {",
     "a pageblock that is whole is not its GiB's"),
    ("mm/buddy.cpp", "zone.pageblocks[index].free >= kPageblockFrames / 2", "true",
     "a pageblock changes its type for one page"),
    ("mm/buddy.cpp", "if (zone.gigas.run(index) == 1) {", "if (true) {",
     "a run is taken for one block"),
    ("mm/contig.cpp", "block.tag.zone() != zone.type ||", "",
     "contiguous pages of another zone are taken"),
    ("mm/watermark.cpp", "min -= min / 2;", "", "__GFP_HIGH gets no more than others"),
    ("mm/watermark.cpp", "clear ? 0 : above / ratio", "clear ? 0 : 0",
     "DMA is given to who could use others"),
    ("mm/page_alloc_slow_impl.h", "if (zone.node_id == wanted.node_id) {",
     "if (zone.node_id == attempt.preferred) {", "a memoryless node never hits"),
    ("mm/page_alloc_impl.h", "std::clamp(batch, pcp.batch, most)", "pcp.batch",
     "frees in a row go back one batch at a time"),
    ("mm/page_alloc.h", "(!gfp.has(kGfpFlagThisNode) || zone.node_id == preferred)", "true",
     "__GFP_THISNODE goes elsewhere"),
    ("mm/page_alloc.h", "(allowed == nullptr || allowed->has(zone.node_id))", "true",
     "who is bound to nodes gets another's memory"),
    ("mm/page_alloc_slow_impl.h", "attempt.allowed != nullptr ? PagesOr::Failure::NodesFull : "
     "PagesOr::Failure::NoMemory", "PagesOr::Failure::NoMemory", "full nodes are not told apart"),
    ("mm/page_alloc_slow_impl.h", "if (zone.node_id == node) Policy::add(",
     "Policy::add(", "another node's memory counts as an interleave hit"),
    ("mm/page_alloc_slow_impl.h", "next = static_cast<NodeId>((node + 1) % node_count_);",
     "next = node;", "no turns are taken"),
    ("mm/page_alloc_slow_impl.h", "if (locked) pfn = take_block(", "pfn = take_block(",
     "a tried allocation takes without the lock"),
    ("mm/page_alloc_impl.h", "if (zone.node_id != cpu_node(cpu)) return_all(",
     "if (zone.node_id == cpu_node(cpu)) return_all(", "other nodes' pages stay with a resting CPU"),
    ("mm/page_alloc_impl.h", "if (!has_deferred(zone)) return;", "return;",
     "a drain leaves what waits for a lock"),
    ("mm/page_alloc_impl.h", "while (pages > 0) {\n    const Masked masked;",
     "const Masked masked;\n  while (pages > 0) {", "a full list goes back with interrupts kept out"),
    ("mm/page_alloc.cpp", "counts.on_cpu_lists = read_once(zone.deferred_pages);", "",
     "deferred pages are in no count"),
    ("mm/audit.cpp", "if (pages != zone.deferred_pages) {", "if (false) {",
     "the audit does not count what is deferred"),
    ("mm/regions.cpp", "lowest = std::min(lowest, sets_.first(kind * kSetsOfKind + largest, from));",
     "lowest = sets_.first(kind * kSetsOfKind + largest, from);", "what lies above is used first"),
    ("mm/regions.cpp", "    at = std::max(at, group * kGroup);\n", "",
     "members of a later group are passed over"),
    ("mm/buddy.cpp", "    if (stripe.has(word)) return index;\n", "    return index;\n",
     "every CPU takes from the lowest pageblock"),
    ("mm/buddy.cpp", "if (word == 0 || !stripe.has(i)) continue;", "if (word == 0) continue;",
     "a list is filled with other CPUs' pageblocks"),
    ("mm/buddy.cpp", "return may_break ? take_giga(zone) : kNoFrame;", "return take_giga(zone);",
     "one CPU breaks all GiBs for its part of them"),
    ("mm/buddy.cpp", "return may_break ? take_giga(zone) : kNoFrame;", "return kNoFrame;",
     "a CPU takes of others' what it could have of its own"),
    ("mm/buddy.cpp", "return stripe.all() ? kNoFrame : pageblock_with(zone, order, type);",
     "return kNoFrame;", "other CPUs' stripes are out of reach"),
    ("mm/page_alloc_impl.h", "    pcp.next_fetch = 0;\n", "",
     "who gives back goes on to fetch much"),
    ("mm/regions.cpp", "if (last) orders_[kind] &= ~(uint32_t{1} << filed_by);", "",
     "a region with nothing free is looked for"),
    ("mm/regions.cpp", "any |= members[i];\n  if (any != 0) return false;\n",
     "any |= members[i];\n  return false;\n", "a group stays marked that has no member left"),
    ("mm/free_map.cpp", "if (n >= order && low != high) return static_cast<unsigned>(2 * i + (high != 0 ? 1 : 0)) << n;",
     "", "a block of whole words is not found"),
    ("mm/buddy.cpp", " && !of_full_word;", ";", "a largest block that was taken is remembered"),
    ("mm/buddy.cpp", "if (order > kPageblockOrder) return free_by_pageblock(zone, {pfn, pfn + frames_of("
     "order)});", "",
     "isolated pageblocks mix with others"),
    ("mm/buddy.cpp", "    begin(index + 1);\n", "",
     "the rest of a run has no map"),
    ("mm/block_walk.cpp", "} else if (stretch.frames.start != at || stretch.frames.end > frames.end) {",
     "} else if (false) {", "a block may reach into a reservation"),
    ("mm/block_walk.cpp", "      wrong(\"frames that nothing reserves", "      (void)(\"frames that nothing "
     "reserves", "frames in no block are passed over"),
    ("mm/page_contents.cpp", "    found.last = at;\n", "", "a corruption ends where it begins"),
    ("mm/page_contents.cpp", "if (bytes[at] == kPoisonByte) continue;\n", "",
     "bytes that are right are counted as wrong"),
    ("mm/page_contents.cpp", "(difference & (difference - 1)) == 0", "true",
     "a wrong byte is taken for one bit"),
    ("mm/page_contents.cpp", "found.count == 1 && ", "", "many bits are taken for one"),
    ("mm/page_contents.h", "return poison ? kPoison : 0;", "return 0;", "poison is zero"),
    ("mm/page_alloc_init.cpp", "if (contents.when_freed()) node.own_frames = 0;", "",
     "what goes to a CPU's list is not filled"),
    ("mm/page_alloc_init.cpp", "for (Choice& choice : node.choices) choice.mark = kNoChoice;", "",
     "what comes from a CPU's list is not looked at"),
    ("mm/page_alloc_impl.h", "      put_away(part);\n", "      ;\n", "what is handed over is not filled"),
    ("mm/page_alloc_impl.h", "    put_away({pfn, pfn + frames_of(order)});\n  }\n", "  }\n",
     "what is freed is not filled"),
    ("mm/page_alloc_impl.h", "  if (contents_.fills()) fill(frames, contents_.free_word());\n"
     "  if (presence_.set != nullptr) presence_.set(presence_.context, frames, false);\n",
     "  if (presence_.set != nullptr) presence_.set(presence_.context, frames, false);\n"
     "  if (contents_.fills()) fill(frames, contents_.free_word());\n",
     "what is absent is filled"),
    ("mm/page_alloc_impl.h", "  if (presence_.set != nullptr) presence_.set(presence_.context, frames, false);\n",
     "", "free frames are there"),
    ("mm/page_alloc_impl.h", "if (untold != 0) __atomic_fetch_add(&untold_frames_, untold, __ATOMIC_RELAXED);",
     "", "what was handed out where nothing could be told is never told of"),
    ("mm/page_alloc_slow_impl.h", "if (when_allocated_) prepare({pfn, pfn + frames_of(attempt.order)});", "",
     "what is handed out is not looked at"),
    ("mm/page_alloc_slow_impl.h", "if (when_allocated_) prepare_silently({pfn, pfn + frames_of(order)});",
     "if (when_allocated_) prepare({pfn, pfn + frames_of(order)});", "a tried allocation waits for a line"),
    ("mm/page_alloc_slow_impl.h", "if (when_freed_) put_away({pfn, pfn + frames_of(order)});", "",
     "a tried free fills nothing"),
    ("mm/page_alloc_ranges_impl.h",
     "if (when_freed_) put_away({block.value() + count, block.value() + frames_of(order)});", "",
     "what an exact allocation cuts off is not filled"),
    ("mm/page_alloc_ranges_impl.h", "  show(frames);\n", "", "what is to be withdrawn has no address"),
    ("mm/page_alloc_ranges_impl.h", "  if (when_allocated_) prepare(frames);\n", "",
     "ranges are not looked at"),
    ("mm/firmware_ram.cpp", "ram.lost += piece.size();", "ram.stricter += piece.size();",
     "what the loader loses has a reason"),
    ("mm/firmware_ram.cpp", "ram.invented += piece.size();", "", "the loader may invent RAM"),
    ("mm/firmware_ram.cpp", "if (claim.range.start >= end) {", "if (true) {",
     "what the firmware says twice counts twice"),
    ("mm/ledger.cpp", "if (ram.lost != 0) {", "if (false) {", "what the loader loses is not told"),
    ("mm/ledger.cpp", "if (ram.invented != 0) {", "if (false) {", "RAM the loader invents is not told"),
    ("mm/ledger.cpp", "if (!cut) return false;", "", "frames that no border cuts are split"),
    ("mm/ledger.cpp", "if (taken >= run.end) return;", "return;", "what is reserved is handed out"),
    ("mm/ledger.cpp", "use.managed, blocks.all(), out_);", "blocks.all(), blocks.all(), out_);", "an allocated frame is lost"),
    ("mm/ledger.cpp", "blocks.on_cpu_lists, use.on_cpu_lists, out_);",
     "blocks.on_cpu_lists, blocks.on_cpu_lists, out_);", "CPUs miscount their lists"),
    ("mm/ledger.cpp", "blocks.free, use.free, out_);", "blocks.free, blocks.free, out_);",
     "a zone miscounts what is free"),
    ("mm/ledger.cpp", "accounted_ += frames * kPageSize;", "", "reserved frames are nobody's"),
    ("mm/ledger.cpp", "present - reserved, use.managed", "use.managed, use.managed",
     "a lost frame is not missed"),
    ("mm/unreachable.cpp", "if (ram == 0) return trims;", "return trims;",
     "RAM that an Arm machine cannot reach is handed out"),
    ("mm/page_alloc_init.cpp", "if (!inner || has_ram(*layout_, node.id, edge, kPageblockFrames)) {", "if (true) {",
     "a hole in which lowmem ends is described, in memory that is another's"),
    ("mm/x86_64/e820_trim.cpp", "Phys{0xa0000}, Phys{0x100000}", "Phys{0xa0000}, Phys{0xf0000}",
     "the BIOS hole is RAM"),
    ("mm/x86_64/e820_trim.cpp", "if (run.end == pfn_down(Phys{kMaxPhys})) run.end = end_of_ram;", "",
     "uncached memory is said to go on to the end of the address space"),
    ("mm/x86_64/e820_trim.cpp", "taken += BATON_TRY(e820.update(range, E820Type::Ram, "
     "E820Type::Reserved));", "(void)e820.update(range, E820Type::Ram, E820Type::Reserved);",
     "uncached RAM is taken without a word"),
    ("mm/x86_64/platform.cpp", "if (trims.bytes_of(text_of(kUncached)) != 0) print_last_pfn(e820, max_pfn, out);", "",
     "the end of RAM is not told again"),
    ("mm/x86_64/e820_trim.cpp", "BATON_TRY(trims.add(kUncached, taken));", "",
     "uncached RAM has no name"),
    ("mm/e820_options.cpp", "case '$':\n      type = E820Type::Reserved;",
     "case '$':\n      type = E820Type::Ram;",
     "memmap=nn$ss adds RAM"),
    ("mm/handover.h", "whole.end = std::min(whole.end, max_low);", ";",
     "highmem is handed over in the low pass"),
    ("mm/handover.h", "run.start = std::max(run.start, max_low);", ";",
     "lowmem is handed over in the high pass as well"),
    ("mm/memblock.cpp", "std::min(want.to, current_limit_)};", "want.to};",
     "memblock gives memory that is not mapped"),
    ("mm/bootmem.cpp", "std::min(layout.spanned.end, max_low)};", "layout.spanned.end};",
     "bootmem knows highmem"),
    ("mm/x86_64/ia32.cpp", '{{low.ebda, "EBDA"},', '{{{}, "EBDA"},',
     "the EBDA is given away"),
    ("mm/x86_64/ia32.cpp", '{low.smp_config, "SMP CONFIG"}', '{{}, "SMP CONFIG"}',
     "the SMP configuration is given away"),
    ("mm/arm/lowmem.cpp", "if (region.end < kernel.start) {", "if (false) {",
     "a region below the kernel is not RWX"),
    ("mm/arm/lowmem.cpp", "permissions.change({kernel.init, kernel.data}, no_execute);", "",
     "init stays to write and to execute"),
    ("mm/arm/lowmem.cpp", "banks[i].highmem = !low.contains(range.start);",
     "banks[i].highmem = range.start >= low.end;", "a bank below PHYS_OFFSET is lowmem"),
    ("mm/arm/tables.cpp", "if (type.sections && aligned && !is_table(pmd(at)[0])) {",
     "if (type.sections && aligned) {", "a section stands beside a table of its pair"),
    ("mm/arm/tables.cpp", "const bool aligned = (at | next | physical.v) % kSectionSize == 0;",
     "const bool aligned = (at | next) % kSectionSize == 0;", "a section begins inside a MiB"),
    ("mm/arm/tables.cpp", "if (is_section(entry)) pages[i] = page_of(entry, i % kPagesOfSection);",
     "", "what a section mapped is lost when it is cut"),
    ("mm/arm/tables.cpp", "if (*page != 0) *page = with_rights", "*page = with_rights",
     "what is not mapped is given rights"),
    ("mm/arm/paging.cpp", "return k.start < at + kPmdSize && at < k.end;", "return false;",
     "what is to stay mapped is cleared"),
    ("mm/arm/paging.cpp",
     "for (MappedArea& area : room.first(count)) area.execute = area.execute && !area.write;", "",
     "2.6.34's lowmem stays to write and to execute"),
    ("mm/watermark.cpp", "6 * size", "4 * size", "Linux 4.14's page sets hold four batches"),
    ("mm/size_text.cpp", "if (number > std::numeric_limits<uint64_t>::max() >> shift) {",
     "if (false) {", "sizes wrap"),
]


def run(command, timeout=None, **environment):
    """(whether it succeeded, what it said)."""
    try:
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout,
                              env={**os.environ, **environment})
    except subprocess.TimeoutExpired:
        return False, "it takes for ever"
    return done.returncode == 0, done.stdout


def compile_(source, target, *include):
    good, said = run(["g++", *FLAGS, *(f"-I{folder}" for folder in include), "-I.", "-c", source,
                      "-o", target])
    if not good:
        sys.exit(f"{source} does not compile:\n{said}")


def link(target, objects):
    # Drawn machines are read as logs are.
    reader = [o for room in (".", "formats")
              for o in (BUILD / "host/fast/tools/replay" / room).glob("*.o")]
    good, said = run(["g++", "-o", target, *objects, *reader, BUILD / "host/libmm.a", "-lgtest",
                      "-lgtest_main", "-pthread"])
    if not good:
        sys.exit(f"{target} does not link:\n{said}")


def unit_test(name):
    """Its source."""
    return next(pathlib.Path("tests/unit").rglob(f"{name}_test.cpp"))


def caught(number, mutant, unit_objects, property_object):
    """What noticed it, or None."""
    path, old, new, _ = mutant
    text = (ROOT / path).read_text()
    if text.count(old) != 1:
        sys.exit(f"mutant {number}: {path} has {text.count(old)} of: {old}")
    shadow = WORK / str(number)
    shutil.rmtree(shadow, ignore_errors=True)
    (shadow / path).parent.mkdir(parents=True, exist_ok=True)
    (shadow / path).write_text(text.replace(old, new))
    extra, property_objects, units = [], [property_object], unit_objects
    if path.endswith(".h"):
        property_objects = [shadow / "relay_test.o"]
        compile_("tests/property/relay_test.cpp", property_objects[0], shadow)
        units = {name: shadow / f"{name}.o" for name in WITH_HEADER[path]}
        for name, target in units.items():
            compile_(unit_test(name), target, shadow)
        # First: of what several objects have, as templates are, the linker takes the first.
        units = {**units, **{n: o for n, o in unit_objects.items() if n not in units}}
    else:
        extra = [shadow / "mutant.o"]
        compile_(shadow / path, extra[0])
    link(shadow / "unit", [*extra, *units.values()])
    good, _ = run([shadow / "unit", "--gtest_brief=1"], timeout=120)
    if not good:
        return "unit tests"
    link(shadow / "property", [*extra, *property_objects])
    good, _ = run([shadow / "property", "--gtest_brief=1"], timeout=300, BATON_MACHINES=MACHINES)
    return None if good else "property tests"


def main():
    os.chdir(ROOT)
    wanted = [int(word) for word in sys.argv[1:]] or range(len(MUTANTS))
    (WORK / "base").mkdir(parents=True, exist_ok=True)
    unit_objects = {}
    for name in UNIT:
        unit_objects[name] = WORK / f"base/{name}.o"
        compile_(unit_test(name), unit_objects[name])
    property_object = WORK / "base/relay_test.o"
    compile_("tests/property/relay_test.cpp", property_object)
    survivors = 0
    for number in wanted:
        mutant = MUTANTS[number]
        by = caught(number, mutant, unit_objects, property_object)
        survivors += by is None
        print(f"{'SURVIVES' if by is None else 'caught':9}{number:3} {mutant[0]}: {mutant[3]}"
              f"{'' if by is None else f' ({by})'}", flush=True)
    print(f"{len(list(wanted)) - survivors} caught, {survivors} survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
