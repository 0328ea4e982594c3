// Checks of the tables that say which CPU and which memory are near each other: MADT, SRAT, SLIT,
// HMAT, CEDT (ACPI 6.5 section 5.2.12, .16, .17, .28; CXL 3.0 section 9.17.1).
#pragma once

#include "kernel/selftest/table_tests.h"

namespace kernel {

using TableCheck = loader::Outcome(const TableFacts& machine, loader::Facts& facts);

TableCheck check_madt_form, check_madt_cpus, check_madt_x2apic, check_madt_addresses;
TableCheck check_srat_form, check_srat_reserved, check_srat_overlap, check_srat_order;
TableCheck check_srat_backed, check_srat_coverage, check_srat_cpus, check_srat_apic_ids;
TableCheck check_slit_size, check_slit_diagonal, check_slit_reserved, check_slit_symmetry;
TableCheck check_slit_domains;
TableCheck check_hmat_form, check_hmat_domains;
TableCheck check_cedt_form, check_cedt_windows;

}  // namespace kernel
