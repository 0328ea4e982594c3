// The texts of /proc and of a failed allocation, to the byte, as Linux 6.1 words them.
#include "mm/show.h"

#include <gtest/gtest.h>

#include <string>

#include "mm/page_alloc_impl.h"
#include "tests/unit/pretend_machine.h"

namespace mm::test {
namespace {

//   0        16M              24M               2G        2G+8M
//   | node 0: DMA | DMA32      |      hole       | node 1: DMA32 |
struct TwoNodes {
  PretendMachine<> machine{{{{at(0, 24 * kMiB)}}, {{at(2 * kGiB, 2 * kGiB + 8 * kMiB)}}}};
  PageAllocator<OneCpu>& pages = machine.allocator;

  TwoNodes() {
    EXPECT_TRUE(machine.release_all({at(0, kMiB)}).ok());
    pages.setup_watermarks(1024);
    pages.setup_per_cpu_pageset();
    // A page for the kernel makes one pageblock Unmovable and leaves a batch on the CPU's list.
    EXPECT_TRUE(pages.alloc_pages(0, kGfpKernel, 0, 0).ok());
    EXPECT_TRUE(pages.alloc_pages(0, kGfpKernel | kGfpDma, 5, 0).ok());
    // Not the node that the CPU is on; and one that is full gives way to the other.
    EXPECT_TRUE(pages.alloc_pages(0, kGfpUser | kGfpFlagMovable, 3, 1).ok());
    EXPECT_TRUE(pages.alloc_pages(0, kGfpKernel, 10, 1).ok());
    EXPECT_TRUE(pages.alloc_pages(0, kGfpKernel, 10, 1).ok());
  }

  template <class Show>
  [[nodiscard]] std::string text(Show show) const {
    Text out;
    show(machine.allocator, out.printer());
    return out.text;
  }
};

TEST(Show, Buddyinfo) {
  EXPECT_EQ(
      TwoNodes().text(show_buddyinfo),
      R"(Node 0, zone      DMA      0      0      0      0      0      1      1      1      2      0      1      1      0      0      0      0      0      0      0 
Node 0, zone    DMA32      1      1      1      1      1      1      1      1      1      1      0      0      0      0      0      0      0      0      0 
Node 1, zone    DMA32      0      0      0      1      1      1      1      1      1      1      0      0      0      0      0      0      0      0      0 
)");
}

TEST(Show, Pagetypeinfo) {
  EXPECT_EQ(TwoNodes().text(show_pagetypeinfo), R"(Page block order: 9
Pages per block:  512

Free pages count per migrate type at order       0      1      2      3      4      5      6      7      8      9     10     11     12     13     14     15     16     17     18 
Node    0, zone      DMA, type    Unmovable      0      0      0      0      0      1      1      1      1      0      0      0      0      0      0      0      0      0      0 
Node    0, zone      DMA, type      Movable      0      0      0      0      0      0      0      0      1      0      1      1      0      0      0      0      0      0      0 
Node    0, zone      DMA, type  Reclaimable      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0 
Node    0, zone      DMA, type   HighAtomic      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0 
Node    0, zone      DMA, type      Isolate      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0 
Node    0, zone    DMA32, type    Unmovable      1      1      1      1      1      1      1      1      1      0      0      0      0      0      0      0      0      0      0 
Node    0, zone    DMA32, type      Movable      0      0      0      0      0      0      0      0      0      1      0      0      0      0      0      0      0      0      0 
Node    0, zone    DMA32, type  Reclaimable      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0 
Node    0, zone    DMA32, type   HighAtomic      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0 
Node    0, zone    DMA32, type      Isolate      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0 

Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic      Isolate 
Node 0, zone      DMA            1            7            0            0            0 
Node 0, zone    DMA32            2            2            0            0            0 
Page block order: 9
Pages per block:  512

Free pages count per migrate type at order       0      1      2      3      4      5      6      7      8      9     10     11     12     13     14     15     16     17     18 
Node    1, zone    DMA32, type    Unmovable      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0 
Node    1, zone    DMA32, type      Movable      0      0      0      1      1      1      1      1      1      1      0      0      0      0      0      0      0      0      0 
Node    1, zone    DMA32, type  Reclaimable      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0 
Node    1, zone    DMA32, type   HighAtomic      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0 
Node    1, zone    DMA32, type      Isolate      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0      0 

Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic      Isolate 
Node 1, zone    DMA32            1            3            0            0            0 
)");
}

TEST(Show, Zoneinfo) {
  EXPECT_EQ(TwoNodes().text(show_zoneinfo), R"(Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 0
      nr_active_anon 0
      nr_inactive_file 0
      nr_active_file 0
      nr_unevictable 0
      nr_slab_reclaimable 0
      nr_slab_unreclaimable 0
      nr_isolated_anon 0
      nr_isolated_file 0
      workingset_nodes 0
      workingset_refault_anon 0
      workingset_refault_file 0
      workingset_activate_anon 0
      workingset_activate_file 0
      workingset_restore_anon 0
      workingset_restore_file 0
      workingset_nodereclaim 0
      nr_anon_pages 0
      nr_mapped    0
      nr_file_pages 0
      nr_dirty     0
      nr_writeback 0
      nr_writeback_temp 0
      nr_shmem     0
      nr_shmem_hugepages 0
      nr_shmem_pmdmapped 0
      nr_file_hugepages 0
      nr_file_pmdmapped 0
      nr_anon_transparent_hugepages 0
      nr_vmscan_write 0
      nr_vmscan_immediate_reclaim 0
      nr_dirtied   0
      nr_written   0
      nr_throttled_written 0
      nr_kernel_misc_reclaimable 0
      nr_foll_pin_acquired 0
      nr_foll_pin_released 0
      nr_kernel_stack 0
      nr_page_table_pages 0
      nr_sec_page_table_pages 0
      nr_swapcached 0
      pgpromote_success 0
      pgpromote_candidate 0
  pages free     3808
        boost    0
        min      123
        low      153
        high     183
        spanned  4096
        present  4096
        managed  3840
        cma      0
        protection: (0, 8, 8, 8, 8)
      nr_free_pages 3808
      nr_zone_inactive_anon 0
      nr_zone_active_anon 0
      nr_zone_inactive_file 0
      nr_zone_active_file 0
      nr_zone_unevictable 0
      nr_zone_write_pending 0
      nr_mlock     0
      nr_bounce    0
      nr_zspages   0
      nr_free_cma  0
      numa_hit     1
      numa_miss    0
      numa_foreign 0
      numa_interleave 0
      numa_local   1
      numa_other   0
  pagesets
    cpu: 0
              count: 0
              high:  153
              batch: 1
  vm stats threshold: 2
  node_unreclaimable:  0
  start_pfn:           0
Node 0, zone    DMA32
  pages free     1023
        boost    0
        min      66
        low      82
        high     98
        spanned  2048
        present  2048
        managed  2048
        cma      0
        protection: (0, 0, 0, 0, 0)
      nr_free_pages 1023
      nr_zone_inactive_anon 0
      nr_zone_active_anon 0
      nr_zone_inactive_file 0
      nr_zone_active_file 0
      nr_zone_unevictable 0
      nr_zone_write_pending 0
      nr_mlock     0
      nr_bounce    0
      nr_zspages   0
      nr_free_cma  0
      numa_hit     1
      numa_miss    1
      numa_foreign 0
      numa_interleave 0
      numa_local   2
      numa_other   0
  pagesets
    cpu: 0
              count: 0
              high:  82
              batch: 1
  vm stats threshold: 2
  node_unreclaimable:  0
  start_pfn:           4096
Node 0, zone   Normal
  pages free     0
        boost    0
        min      0
        low      0
        high     0
        spanned  0
        present  0
        managed  0
        cma      0
        protection: (0, 0, 0, 0, 0)
Node 0, zone  Movable
  pages free     0
        boost    0
        min      0
        low      0
        high     0
        spanned  0
        present  0
        managed  0
        cma      0
        protection: (0, 0, 0, 0, 0)
Node 0, zone   Device
  pages free     0
        boost    0
        min      0
        low      0
        high     0
        spanned  0
        present  0
        managed  0
        cma      0
        protection: (0, 0, 0, 0, 0)
Node 1, zone      DMA
  pages free     0
        boost    0
        min      0
        low      0
        high     0
        spanned  0
        present  0
        managed  0
        cma      0
        protection: (0, 0, 0, 0, 0)
Node 1, zone    DMA32
  per-node stats
      nr_inactive_anon 0
      nr_active_anon 0
      nr_inactive_file 0
      nr_active_file 0
      nr_unevictable 0
      nr_slab_reclaimable 0
      nr_slab_unreclaimable 0
      nr_isolated_anon 0
      nr_isolated_file 0
      workingset_nodes 0
      workingset_refault_anon 0
      workingset_refault_file 0
      workingset_activate_anon 0
      workingset_activate_file 0
      workingset_restore_anon 0
      workingset_restore_file 0
      workingset_nodereclaim 0
      nr_anon_pages 0
      nr_mapped    0
      nr_file_pages 0
      nr_dirty     0
      nr_writeback 0
      nr_writeback_temp 0
      nr_shmem     0
      nr_shmem_hugepages 0
      nr_shmem_pmdmapped 0
      nr_file_hugepages 0
      nr_file_pmdmapped 0
      nr_anon_transparent_hugepages 0
      nr_vmscan_write 0
      nr_vmscan_immediate_reclaim 0
      nr_dirtied   0
      nr_written   0
      nr_throttled_written 0
      nr_kernel_misc_reclaimable 0
      nr_foll_pin_acquired 0
      nr_foll_pin_released 0
      nr_kernel_stack 0
      nr_page_table_pages 0
      nr_sec_page_table_pages 0
      nr_swapcached 0
      pgpromote_success 0
      pgpromote_candidate 0
  pages free     1016
        boost    0
        min      66
        low      82
        high     98
        spanned  2048
        present  2048
        managed  2048
        cma      0
        protection: (0, 0, 0, 0, 0)
      nr_free_pages 1016
      nr_zone_inactive_anon 0
      nr_zone_active_anon 0
      nr_zone_inactive_file 0
      nr_zone_active_file 0
      nr_zone_unevictable 0
      nr_zone_write_pending 0
      nr_mlock     0
      nr_bounce    0
      nr_zspages   0
      nr_free_cma  0
      numa_hit     2
      numa_miss    0
      numa_foreign 1
      numa_interleave 0
      numa_local   0
      numa_other   2
  pagesets
    cpu: 0
              count: 0
              high:  82
              batch: 1
  vm stats threshold: 2
  node_unreclaimable:  0
  start_pfn:           524288
Node 1, zone   Normal
  pages free     0
        boost    0
        min      0
        low      0
        high     0
        spanned  0
        present  0
        managed  0
        cma      0
        protection: (0, 0, 0, 0, 0)
Node 1, zone  Movable
  pages free     0
        boost    0
        min      0
        low      0
        high     0
        spanned  0
        present  0
        managed  0
        cma      0
        protection: (0, 0, 0, 0, 0)
Node 1, zone   Device
  pages free     0
        boost    0
        min      0
        low      0
        high     0
        spanned  0
        present  0
        managed  0
        cma      0
        protection: (0, 0, 0, 0, 0)
)");
}

TEST(Show, Meminfo) {
  EXPECT_EQ(TwoNodes().text(show_meminfo), R"(MemTotal:          31744 kB
MemFree:           23388 kB
MemAvailable:      21840 kB
Buffers:               0 kB
Cached:                0 kB
SwapCached:            0 kB
Active:                0 kB
Inactive:              0 kB
Active(anon):          0 kB
Inactive(anon):        0 kB
Active(file):          0 kB
Inactive(file):        0 kB
Unevictable:           0 kB
Mlocked:               0 kB
SwapTotal:             0 kB
SwapFree:              0 kB
Zswap:                 0 kB
Zswapped:              0 kB
Dirty:                 0 kB
Writeback:             0 kB
AnonPages:             0 kB
Mapped:                0 kB
Shmem:                 0 kB
KReclaimable:          0 kB
Slab:                  0 kB
SReclaimable:          0 kB
SUnreclaim:            0 kB
KernelStack:           0 kB
PageTables:            0 kB
SecPageTables:         0 kB
NFS_Unstable:          0 kB
Bounce:                0 kB
WritebackTmp:          0 kB
CommitLimit:           0 kB
Committed_AS:          0 kB
VmallocTotal:          0 kB
VmallocUsed:           0 kB
VmallocChunk:          0 kB
Percpu:                8 kB
HardwareCorrupted:     0 kB
AnonHugePages:         0 kB
ShmemHugePages:        0 kB
ShmemPmdMapped:        0 kB
FileHugePages:         0 kB
FilePmdMapped:         0 kB
HugePages_Total:       0
HugePages_Free:        0
HugePages_Rsvd:        0
HugePages_Surp:        0
Hugepagesize:       2048 kB
Hugetlb:               0 kB
)");
}

TEST(Show, AFailedAllocation) {
  TwoNodes nodes;
  Text report;
  nodes.pages.set_report(report.printer());
  EXPECT_FALSE(nodes.pages.alloc_pages(0, kGfpKernel | kGfpFlagZero, 18, 1).ok());
  EXPECT_EQ(
      report.text,
      R"(swapper/0: page allocation failure: order:18, mode:0xdc0(GFP_KERNEL|__GFP_ZERO), nodemask=(null),cpuset=/,mems_allowed=0-1
Mem-Info:
active_anon:0 inactive_anon:0 isolated_anon:0
 active_file:0 inactive_file:0 isolated_file:0
 unevictable:0 dirty:0 writeback:0
 slab_reclaimable:0 slab_unreclaimable:0
 mapped:0 shmem:0 pagetables:0
 sec_pagetables:0 bounce:0
 kernel_misc_reclaimable:0
 free:5847 free_pcp:0 free_cma:0
Node 0 active_anon:0kB inactive_anon:0kB active_file:0kB inactive_file:0kB unevictable:0kB isolated(anon):0kB isolated(file):0kB mapped:0kB dirty:0kB writeback:0kB shmem:0kB shmem_thp: 0kB shmem_pmdmapped: 0kB anon_thp: 0kB writeback_tmp:0kB kernel_stack:0kB pagetables:0kB sec_pagetables:0kB all_unreclaimable? no
Node 1 active_anon:0kB inactive_anon:0kB active_file:0kB inactive_file:0kB unevictable:0kB isolated(anon):0kB isolated(file):0kB mapped:0kB dirty:0kB writeback:0kB shmem:0kB shmem_thp: 0kB shmem_pmdmapped: 0kB anon_thp: 0kB writeback_tmp:0kB kernel_stack:0kB pagetables:0kB sec_pagetables:0kB all_unreclaimable? no
Node 0 DMA free:15232kB boost:0kB min:492kB low:612kB high:732kB reserved_highatomic:0KB active_anon:0kB inactive_anon:0kB active_file:0kB inactive_file:0kB unevictable:0kB writepending:0kB present:16384kB managed:15360kB mlocked:0kB bounce:0kB free_pcp:0kB local_pcp:0kB free_cma:0kB
lowmem_reserve[]: 0 8 8 8 8
Node 0 DMA32 free:4092kB boost:0kB min:264kB low:328kB high:392kB reserved_highatomic:0KB active_anon:0kB inactive_anon:0kB active_file:0kB inactive_file:0kB unevictable:0kB writepending:0kB present:8192kB managed:8192kB mlocked:0kB bounce:0kB free_pcp:0kB local_pcp:0kB free_cma:0kB
lowmem_reserve[]: 0 0 0 0 0
Node 1 DMA32 free:4064kB boost:0kB min:264kB low:328kB high:392kB reserved_highatomic:0KB active_anon:0kB inactive_anon:0kB active_file:0kB inactive_file:0kB unevictable:0kB writepending:0kB present:8192kB managed:8192kB mlocked:0kB bounce:0kB free_pcp:0kB local_pcp:0kB free_cma:0kB
lowmem_reserve[]: 0 0 0 0 0
Node 0 DMA: 0*4kB 0*8kB 0*16kB 0*32kB 0*64kB 1*128kB (U) 1*256kB (U) 1*512kB (U) 2*1024kB (UM) 0*2048kB 1*4096kB (M) 1*8192kB (M) 0*16384kB 0*32768kB 0*65536kB 0*131072kB 0*262144kB 0*524288kB 0*1048576kB = 15232kB
Node 0 DMA32: 1*4kB (U) 1*8kB (U) 1*16kB (U) 1*32kB (U) 1*64kB (U) 1*128kB (U) 1*256kB (U) 1*512kB (U) 1*1024kB (U) 1*2048kB (M) 0*4096kB 0*8192kB 0*16384kB 0*32768kB 0*65536kB 0*131072kB 0*262144kB 0*524288kB 0*1048576kB = 4092kB
Node 1 DMA32: 0*4kB 0*8kB 0*16kB 1*32kB (M) 1*64kB (M) 1*128kB (M) 1*256kB (M) 1*512kB (M) 1*1024kB (M) 1*2048kB (M) 0*4096kB 0*8192kB 0*16384kB 0*32768kB 0*65536kB 0*131072kB 0*262144kB 0*524288kB 0*1048576kB = 4064kB
Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=1048576kB
Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB
Node 1 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=1048576kB
Node 1 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB
0 total pagecache pages
0 pages in swap cache
Free swap  = 0kB
Total swap = 0kB
8192 pages RAM
0 pages HighMem/MovableOnly
256 pages reserved
0 pages hwpoisoned
)");
}

// A 32-bit machine has HighMem where others have DMA32, and no Device.
TEST(Show, HighMem) {
  PretendMachine<> machine(
      {{{at(0, 32 * kMiB)}}}, 1, 1,
      {.dma = frames(16 * kMiB), .dma32 = frames(16 * kMiB), .normal = frames(24 * kMiB)});
  ASSERT_TRUE(machine.release_all().ok());
  machine.allocator.setup_watermarks();
  Text out;
  show_buddyinfo(machine.allocator, out.printer());
  show_meminfo(machine.allocator, out.printer());
  EXPECT_EQ(
      out.text,
      R"(Node 0, zone      DMA      0      0      0      0      0      0      0      0      0      0      0      0      1      0      0      0      0      0      0 
Node 0, zone   Normal      0      0      0      0      0      0      0      0      0      0      0      1      0      0      0      0      0      0      0 
Node 0, zone  HighMem      0      0      0      0      0      0      0      0      0      0      0      1      0      0      0      0      0      0      0 
MemTotal:          32768 kB
MemFree:           32768 kB
MemAvailable:      31280 kB
Buffers:               0 kB
Cached:                0 kB
SwapCached:            0 kB
Active:                0 kB
Inactive:              0 kB
Active(anon):          0 kB
Inactive(anon):        0 kB
Active(file):          0 kB
Inactive(file):        0 kB
Unevictable:           0 kB
Mlocked:               0 kB
HighTotal:          8192 kB
HighFree:           8192 kB
LowTotal:          24576 kB
LowFree:           24576 kB
SwapTotal:             0 kB
SwapFree:              0 kB
Zswap:                 0 kB
Zswapped:              0 kB
Dirty:                 0 kB
Writeback:             0 kB
AnonPages:             0 kB
Mapped:                0 kB
Shmem:                 0 kB
KReclaimable:          0 kB
Slab:                  0 kB
SReclaimable:          0 kB
SUnreclaim:            0 kB
KernelStack:           0 kB
PageTables:            0 kB
SecPageTables:         0 kB
NFS_Unstable:          0 kB
Bounce:                0 kB
WritebackTmp:          0 kB
CommitLimit:           0 kB
Committed_AS:          0 kB
VmallocTotal:          0 kB
VmallocUsed:           0 kB
VmallocChunk:          0 kB
Percpu:                8 kB
HardwareCorrupted:     0 kB
AnonHugePages:         0 kB
ShmemHugePages:        0 kB
ShmemPmdMapped:        0 kB
FileHugePages:         0 kB
FilePmdMapped:         0 kB
HugePages_Total:       0
HugePages_Free:        0
HugePages_Rsvd:        0
HugePages_Surp:        0
Hugepagesize:       2048 kB
Hugetlb:               0 kB
)");
}

}  // namespace
}  // namespace mm::test
