# Baton's build: one Makefile for everything, all of whose products go to build/.
# `make help` says what can be asked of it. Sources are found by wildcard: a new file is built by
# being there.

SHELL := /bin/sh
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

VERSION := 0.1.0

ifneq (,$(filter setup,$(MAKECMDGOALS)))
# --- Setup -------------------------------------------------------------------------------------
# Before `setup` has run there may be no compiler to ask and no library to find, so whatever else
# is wanted in the same breath (`make setup run`) is left to a make started after it.
.NOTPARALLEL:
AFTER_SETUP := $(filter-out setup,$(MAKECMDGOALS))
.PHONY: setup $(AFTER_SETUP)
setup:
	@tools/setup $(AFTER_SETUP)
$(AFTER_SETUP): setup
	@+$(MAKE) --no-print-directory $@
else

# As many jobs as there are processors, unless the caller chose, who may be another make: what that
# says is in the environment only.
ifeq (,$(filter -j% --jobserver%,$(MAKEFLAGS) $(shell echo "$$MAKEFLAGS")))
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif

# --- Tools and manners -------------------------------------------------------------------------
# What the machine's programs are built for; what is one architecture's stands in folders called
# after it.
ARCH ?= x86_64
include tools/architectures.mk

BUILT := $(patsubst kernel/%/kernel.lds,%,$(wildcard kernel/*/kernel.lds))
ifneq (x86_64,$(ARCH))
ifeq (,$(filter $(ARCH),$(BUILT)))
$(error ARCH=$(ARCH) cannot be built whole; there are $(BUILT))
endif
ifneq (,$(filter-out all run image sbom reproducible install headers faulty examples referee test tidy clean help build/$(ARCH)/%,$(MAKECMDGOALS)))
$(error ARCH=$(ARCH) goes with all, run, image, sbom, reproducible, install, headers, faulty, examples, referee, test, tidy, clean and help; other tests are of all architectures)
endif
endif

# CXX is the host's compiler, too.
CXX     := g++
CACHE   := $(filter %ccache,$(CXX))
TARGET_CXX := $(if $(prefix.$(ARCH)),$(CACHE) $(prefix.$(ARCH))g++,$(CXX))
LD      := $(prefix.$(ARCH))ld
AR      := $(prefix.$(ARCH))ar
NM      := $(prefix.$(ARCH))nm
OBJCOPY := $(prefix.$(ARCH))objcopy
STRIP   := $(prefix.$(ARCH))strip
# Debian's own Python: pytest from apt belongs to it, whatever python3 the PATH leads to.
PYTHON  := /usr/bin/python3

# V=1 shows every command as it is run.
ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n' '$(1)' '$(patsubst $(CURDIR)/%,%,$@)'
endif

# SANITIZE=1: what the machine runs stops at undefined behaviour; in a folder of its own.
SANITIZED := $(if $(filter-out 0,$(SANITIZE)),sanitized)
ifneq (,$(and $(SANITIZED),$(filter-out all run image headers clean help build/sanitized/%,$(MAKECMDGOALS))))
$(error SANITIZE=1 goes with all, run, image, headers, clean and help)
endif
ROOT_BUILD := build$(SANITIZED:%=/%)
# Another architecture's below its name.
BUILD := $(ROOT_BUILD)$(if $(filter-out x86_64,$(ARCH)),/$(ARCH))
# `make install ESP=/efi` names where to; what is built goes to our own.
ASKED_ESP := $(ESP)
override ESP := $(BUILD)/esp

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wundef -Werror
LANGUAGE := -std=c++20 -I. -I$(BUILD)/gen
# No machine's paths in what is built.
PATHLESS := -ffile-prefix-map=$(CURDIR)=.
FREESTANDING := -ffreestanding -fno-exceptions -fno-rtti -fno-threadsafe-statics \
  -fno-stack-protector -fno-asynchronous-unwind-tables
# No runtime library: what is undefined is an instruction that traps, which the kernel names. A function
# keeps one for each of its checks: in one for all of them only one's line would be found.
TRAPS := $(if $(SANITIZED),-fsanitize=undefined -fsanitize-undefined-trap-on-error -fno-crossjumping \
  -fno-tree-tail-merge -DBATON_SANITIZED)
# The kernel's is not optimized: nothing undefined is gone before it is looked for, and it is built sooner.
KERNEL_SPEED := $(if $(SANITIZED),-O0,-O2)
EFI_SPEED := $(if $(SANITIZED),-O1,-O2)

.PHONY: all run test image install clean format tidy help FORCE programs
all: $(BUILD)/baton.img $(BUILD)/baton.iso $(BUILD)/kernel.elf $(BUILD)/compile_commands.json

# $(call remember,NAME,TEXT): a file that changes only when TEXT does. What is built from flags or
# from a list of files depends on it, and so is built again when they change. They are compared while
# this file is read, so that `make -n`, which takes every rule without a file for a change, tells the
# truth.
same = $(and $(findstring <$(1)>,<$(2)>),$(findstring <$(2)>,<$(1)>))
written = $(file <$(BUILD)/flags/$(1))
define remember
$(BUILD)/flags/$(1): $(if $(call same,$(strip $(call written,$(1))),$(strip $(2))),,FORCE)
	@mkdir -p $$(@D); printf '%s\n' '$(strip $(2))' > $$@
endef

COMPILER := $(shell $(CXX) --version 2>/dev/null | head -n 1)
ifeq (,$(and $(COMPILER),$(shell $(TARGET_CXX) --version 2>/dev/null | head -n 1)))
ifeq (,$(filter help clean,$(MAKECMDGOALS)))
$(error $(if $(COMPILER),$(TARGET_CXX),$(CXX)) is not here. `make setup` installs what Baton is built with)
endif
endif

# --- Rooms -------------------------------------------------------------------------------------
# A folder is a list.

# Folders of one architecture, or of several of a kind.
KINDS := $(sort $(ARCHITECTURES) $(foreach a,$(ARCHITECTURES),$(kin.$(a))))

# $(call neutral,FOLDER): its sources and its rooms', for every architecture.
neutral = $(wildcard $(1)/*.cpp $(patsubst %,%*.cpp,$(filter-out $(KINDS:%=$(1)/%/),$(wildcard $(1)/*/))))
# $(call room,FOLDER): those and this architecture's, with its rooms.
room = $(call neutral,$(1)) $(foreach a,$(ARCH) $(kin.$(ARCH)),$(wildcard $(1)/$(a)/*.cpp \
  $(1)/$(a)/*.S $(1)/$(a)/*/*.cpp))
# Of mm/ all: the host replays and tests machines of every kind.
ALL_MM := $(call neutral,mm) $(wildcard $(ARCHITECTURES:%=mm/%/*.cpp))

# What sources include and no person wrote.
GENERATED := $(BUILD)/gen/version.h $(BUILD)/gen/font_data.h $(BUILD)/gen/replay_page.h \
  $(BUILD)/gen/arch_tables.h $(soft.arm:%=$(BUILD)/gen/%)

# $(call compiled,GROUP,FLAGS,COMPILER): how sources become objects below build/GROUP/, and what these
# depend on; by $(CXX) unless another compiler is named.
define compiled
$(call remember,$(1),$(lastword $(3)) $(COMPILER): $(2))
$(BUILD)/$(1)/%.o: %.cpp $(BUILD)/flags/$(1) | $(GENERATED)
	$$(call say,CXX)
	@mkdir -p $$(@D)
	$$(Q)$(or $(3),$(CXX)) $(2) $$(BEGINS_WITH) -MMD -MP -c -o $$@ $$<
$(BUILD)/$(1)/%.S.o: %.S $(BUILD)/flags/$(1) | $(GENERATED)
	$$(call say,AS)
	@mkdir -p $$(@D)
	$$(Q)$(or $(3),$(CXX)) $(filter-out -std=% -f% -m% -W% -O%,$(2)) $(PATHLESS) -MMD -MP -c -o $$@ $$<
COMMANDS_OF_$(1) = $(or $(3),$(CXX)) $(2)
-include $(shell find $(BUILD)/$(1) -name '*.d' 2>/dev/null)
endef

# $(call tests,GROUP,OBJECTS): tests among a group's objects begin with GoogleTest's header, which is a
# third of what they compile, and compiled once.
define tests
$(BUILD)/$(1)/gtest.h.gch: $(BUILD)/flags/$(1)
	$$(call say,HEADER)
	@mkdir -p $$(@D)
	@echo '#include <gtest/gtest.h>' > $$(@:.gch=)
	$$(Q)$(COMMANDS_OF_$(1)) -x c++-header -o $$@ $$(@:.gch=)
$(2): private BEGINS_WITH := -include $(BUILD)/$(1)/gtest.h
$(2): $(BUILD)/$(1)/gtest.h.gch
endef

# $(call objects,GROUP,SOURCES)
objects = $(patsubst %,$(BUILD)/$(1)/%.o,$(patsubst %.cpp,%,$(2)))

# --- Version -----------------------------------------------------------------------------------
# The build id is the commit and nothing that changes by the clock: the same sources give the same
# bytes.
BUILD_ID := $(shell test -e .git && git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)

$(eval $(call remember,version,$(VERSION) $(BUILD_ID)))
$(BUILD)/gen/version.h: $(BUILD)/flags/version
	@mkdir -p $(@D)
	@printf '%s\n' '// Generated by the Makefile.' '#pragma once' \
	  '#define BATON_VERSION "$(VERSION)"' '#define BATON_BUILD_ID "$(BUILD_ID)"' > $@

# --- Fonts -------------------------------------------------------------------------------------
# The screen's, in three sizes: Debian's console fonts.
FONTS := $(patsubst %,/usr/share/consolefonts/Uni2-%.psf.gz,Terminus16 TerminusBold16 \
  Terminus24x12 TerminusBold24x12 Terminus32x16 TerminusBold32x16)

$(BUILD)/gen/font_data.h: tools/font
	$(call say,FONT)
	@mkdir -p $(@D)
	$(Q)$(PYTHON) tools/font $@ $(FONTS)

# --- Replay's page -----------------------------------------------------------------------------
PAGE_PARTS := $(wildcard tools/replay/page/*) tools/page
$(BUILD)/gen/replay_page.h: $(PAGE_PARTS)
	$(call say,PAGE)
	@mkdir -p $(@D)
	$(Q)$(PYTHON) tools/page $@

# --- Headers by architecture -------------------------------------------------------------------
# Which page tables loader/arch.h means.
$(BUILD)/gen/arch_tables.h:
	@mkdir -p $(@D)
	@printf '%s\n' '// Generated by the Makefile.' '#pragma once' \
	  '#include "loader/$(ARCH)/arch_tables.h"' > $@

$(soft.arm:%=$(BUILD)/gen/%):
	@mkdir -p $(@D)
	@echo '// Generated by the Makefile: there are none.' > $@

# --- EFI application ---------------------------------------------------------------------------
# efi/, loader/ and the position-independent part of mm/, linked into a shared object and turned into
# a PE image: with GNU-EFI's start code and by objcopy, or with start code and a header of ours
# (efi/<arch>/pe_header.S) where objcopy knows no such image.
GNU_EFI_INC := /usr/include/efi
OWN_PE := $(wildcard efi/$(ARCH)/pe_header.S)
GNU_EFI_START := crt0-efi-$(gnu_efi.$(ARCH)).o
GNU_EFI_LIB := $(if $(OWN_PE),,$(firstword $(patsubst %/$(GNU_EFI_START),%,$(wildcard $(patsubst %, \
  /usr/%/$(GNU_EFI_START),lib lib/$(libraries.$(ARCH)) lib/gnuefi lib64/gnuefi)))))
EFI_START := $(if $(OWN_PE),,$(GNU_EFI_LIB)/$(GNU_EFI_START))
LIBGCC    := $(if $(libgcc.$(ARCH)),$(shell $(TARGET_CXX) -print-libgcc-file-name))
EFI_LIBS  := $(if $(OWN_PE),,-lgnuefi) $(LIBGCC)

APPLICATION := $(ESP)/EFI/BOOT/$(boot.$(ARCH))
EFI_SRC := $(call room,efi) $(call room,loader)
EFI_OBJ := $(call objects,efi,$(EFI_SRC))
# Of mm/ the linker takes what the loader uses: e820, early reservations and printing.
MM_SRC := $(call room,mm) $(if $(mm_kin.$(ARCH)),$(wildcard mm/$(mm_kin.$(ARCH))/*.cpp))
EFI_MM_OBJ := $(call objects,efi,$(MM_SRC))
EFI_SCRIPT := efi/$(ARCH)/efi.lds
# Only the general registers: a firmware may leave SSE off (CR4.OSFXSR), as U-Boot's does.
EFI_CXXFLAGS := $(LANGUAGE) $(WARNINGS) $(FREESTANDING) $(PATHLESS) $(TRAPS) $(EFI_SPEED) -g -fpic \
  $(alone.$(ARCH)) -fvisibility=hidden -ffunction-sections -fdata-sections -fshort-wchar \
  $(calls.$(ARCH)) -isystem $(GNU_EFI_INC) \
  -isystem $(if $(as_wide.$(ARCH)),$(BUILD)/gen,$(GNU_EFI_INC))/$(gnu_efi.$(ARCH))
EFI_LDFLAGS := -shared -Bsymbolic -nostdlib --gc-sections -znocombreloc -z text --no-undefined \
  --build-id=none -z max-page-size=4096 -T $(EFI_SCRIPT) $(GNU_EFI_LIB:%=-L%) $(link.$(ARCH))
EFI_SECTIONS := $(if $(OWN_PE),.pe_header) .text .rodata .data $(if $(OWN_PE),,.dynamic) $(or $(relocations.$(ARCH)),.rela) .reloc .sbat
TO_PE := $(OBJCOPY) $(EFI_SECTIONS:%=-j %) $(if $(OWN_PE),--output-target=binary,\
  --strip-all --target=efi-app-$(gnu_efi.$(ARCH)) --subsystem=10)

$(eval $(call compiled,efi,$(EFI_CXXFLAGS),$(TARGET_CXX)))
# $(call as_wide,ARCH): GNU-EFI's headers of a CPU that it has none for.
define as_wide
$(BUILD)/gen/$(gnu_efi.$(1))/%.h:
	@mkdir -p $$(@D)
	@echo '#include <$(as_wide.$(1))/$$*.h>' > $$@
endef
ifneq (,$(as_wide.$(ARCH)))
$(eval $(call as_wide,$(ARCH)))
$(EFI_OBJ) $(EFI_MM_OBJ): | $(BUILD)/gen/$(gnu_efi.$(ARCH))/efibind.h
endif
$(eval $(call remember,efi.link,$(EFI_LDFLAGS) $(EFI_SECTIONS) $(EFI_OBJ) $(EFI_MM_OBJ)))

$(BUILD)/efi/libmm.a: $(EFI_MM_OBJ) $(BUILD)/flags/efi.link
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) crs $@ $(EFI_MM_OBJ)

$(BUILD)/efi/baton.so: $(EFI_OBJ) $(BUILD)/efi/libmm.a $(EFI_SCRIPT) $(BUILD)/flags/efi.link
	$(call say,LD)
	$(Q)$(LD) $(EFI_LDFLAGS) $(EFI_START) $(EFI_OBJ) $(BUILD)/efi/libmm.a -o $@ $(EFI_LIBS)

$(APPLICATION): $(BUILD)/efi/baton.so $(wildcard tools/check_efi)
	$(call say,EFI)
	@mkdir -p $(@D)
	$(Q)$(TO_PE) $< $@
	$(Q)$(if $(wildcard tools/check_efi),OBJDUMP=$(prefix.$(ARCH))objdump tools/check_efi $< $@)

# --- Kernel ------------------------------------------------------------------------------------
# kernel/, all of mm/, and the files both sides of the jump must agree on.
KERNEL_SRC := $(call room,kernel) $(MM_SRC) $(foreach r,handoff acpi fdt serial,$(call neutral,loader/$(r)))
KERNEL_OBJ := $(call objects,kernel,$(KERNEL_SRC))
KERNEL_SCRIPT := kernel/$(ARCH)/kernel.lds
# Where its image may lie.
PLACED := $(or $(moving.$(ARCH)),-fno-pic $(image.$(ARCH)))
KERNEL_CXXFLAGS := $(LANGUAGE) $(WARNINGS) $(FREESTANDING) $(PATHLESS) $(KERNEL_SPEED) -g \
  $(PLACED) $(alone.$(ARCH)) -fno-omit-frame-pointer -Ikernel/$(ARCH)/seam \
  $(if $(filter checked,$(LOCKS)),-DBATON_CHECK_LOCKS)
KERNEL_LDFLAGS := -nostdlib -static --build-id=none -z max-page-size=4096 -T $(KERNEL_SCRIPT) $(link.$(ARCH)) \
  $(moving_link.$(ARCH))

# Every function with an array looks whether its stack is whole (kernel/stack_guard.h).
KERNEL_CXXFLAGS += -fstack-protector-strong $(guard.$(ARCH)) $(TRAPS)

$(eval $(call compiled,kernel,$(KERNEL_CXXFLAGS),$(TARGET_CXX)))
$(eval $(call remember,kernel.link,$(KERNEL_LDFLAGS) $(KERNEL_OBJ)))

# Linked twice: the functions' names are taken from the first link and put, as the last segment,
# into the second, where a backtrace finds them. (ARM32's linker makes its veneers in any order.)
$(BUILD)/kernel/nameless.elf: $(KERNEL_OBJ) $(KERNEL_SCRIPT) $(BUILD)/flags/kernel.link
	$(call say,LD)
	$(Q)$(LD) $(KERNEL_LDFLAGS) $(KERNEL_OBJ) -o $@ $(LIBGCC)

$(BUILD)/kernel/names.o: $(BUILD)/kernel/nameless.elf kernel/symbols.awk
	$(call say,NAMES)
	$(Q)$(NM) -nC $< > $(@:.o=.nm)
	$(Q)awk -f kernel/symbols.awk $(@:.o=.nm) > $(@:.o=.S)
	$(Q)$(TARGET_CXX) -c -o $@ $(@:.o=.S)

$(BUILD)/kernel.elf: $(BUILD)/kernel/names.o
	$(call say,LD)
	$(Q)$(LD) $(KERNEL_LDFLAGS) $(KERNEL_OBJ) $< -o $@ $(LIBGCC)
	$(Q)$(NM) -nC $@ | grep -v -e kernel_symbol -e _from_thumb > $@.nm
	$(Q)grep -v -e kernel_symbol -e _from_thumb $(<:.o=.nm) | diff -q - $@.nm > /dev/null || \
	  { echo '$@: the table of names moved what it names' >&2; false; }
	@rm -f $@.nm

$(ESP)/EFI/baton/kernel.elf: $(BUILD)/kernel.elf
	$(call say,STRIP)
	@mkdir -p $(@D)
	$(Q)$(STRIP) --strip-all $< -o $@

# The kernel of 64 bits for an application of 32: what it is built of, its own make knows. The pair on
# that one's own ESP stays as it is.
WIDE_KERNEL := $(wide.$(ARCH):%=$(ESP)/EFI/baton/kernel64.elf)
$(WIDE_KERNEL): FORCE
	@mkdir -p $(@D)
	@+$(MAKE) --no-print-directory ARCH=$(wide.$(ARCH)) $(ROOT_BUILD)/kernel.elf
	@$(prefix.$(wide.$(ARCH)))strip --strip-all $(ROOT_BUILD)/kernel.elf -o $(BUILD)/wide.elf
	@cmp -s $(BUILD)/wide.elf $@ || cp $(BUILD)/wide.elf $@

# The application says which kernels it was built with, by the beginning of their SHA-256; with Secure Boot
# on it goes by the whole.
# $(call sha_of,FILE,DIGITS)
sha_of = $(if $(1),$$(sha256sum $(1) | cut -c 1-$(2)))
$(BUILD)/gen/kernel_id.h: $(ESP)/EFI/baton/kernel.elf $(WIDE_KERNEL)
	@mkdir -p $(@D)
	@printf '%s\n' '// Generated by the Makefile.' '#pragma once' \
	  "#define BATON_KERNEL_ID \"$(call sha_of,$<,16)\"" \
	  "#define BATON_WIDE_KERNEL_ID \"$(call sha_of,$(WIDE_KERNEL),16)\"" \
	  "#define BATON_KERNEL_SHA256 \"$(call sha_of,$<,64)\"" \
	  "#define BATON_WIDE_KERNEL_SHA256 \"$(call sha_of,$(WIDE_KERNEL),64)\"" > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(BUILD)/efi/efi/configuration.o $(BUILD)/efi/efi/trust.o $(BUILD)/efi/efi/$(ARCH)/pe_sections.S.o: $(BUILD)/gen/kernel_id.h

# --- Faulty firmware ---------------------------------------------------------------------------
# For the boot tests: UEFI programs that bend one firmware service and start Baton on what is left;
# one program for each bend_*.cpp of tests/boot/faulty/ and of the folder of this architecture there.
# Where the PE image's start code is ours, so is the little of GNU-EFI's library that they call.
FAULTY_ROOM := tests/boot/faulty
CHOSEN_SRC := $(wildcard $(FAULTY_ROOM)/chosen/*.cpp)
FAULTY_SRC := $(wildcard $(FAULTY_ROOM)/*.cpp $(patsubst %,$(FAULTY_ROOM)/%/*.cpp,$(ARCH) \
  $(kin.$(ARCH)) $(if $(OWN_PE),library))) $(CHOSEN_SRC)
FAULTY_OBJ := $(call objects,efi,$(FAULTY_SRC))
FAULTY_BENDS := $(filter %.o,$(foreach o,$(FAULTY_OBJ),$(if $(findstring /bend_,$(o)),$(o))))
FAULTY_REST := $(filter-out $(FAULTY_BENDS) $(call objects,efi,$(CHOSEN_SRC)),$(FAULTY_OBJ)) $(filter $(patsubst \
  %,$(BUILD)/efi/efi/%,$(ARCH)/entry.S.o $(ARCH)/pe_sections.S.o $(if $(OWN_PE),$(ARCH)/pe_header.S.o \
  $(ARCH)/memory_functions.S.o x86/memory_functions.o $(ARCH)/division.o freestanding.o)),$(EFI_OBJ))
FAULTY := $(patsubst bend_%.o,$(BUILD)/faulty/%.efi,$(notdir $(FAULTY_BENDS)))
ifneq (,$(as_wide.$(ARCH)))
$(FAULTY_OBJ): | $(patsubst %,$(BUILD)/gen/$(gnu_efi.$(ARCH))/%.h,efibind efilibplat)
endif

.SECONDARY: $(FAULTY_OBJ)
# $(call faulty_in,FOLDER)
define faulty_in
$(BUILD)/faulty/%.efi: $(BUILD)/efi/$(1)/bend_%.o $(FAULTY_REST) $(EFI_SCRIPT) $(BUILD)/flags/efi.link
	$$(call say,EFI)
	@mkdir -p $$(@D)
	$$(Q)$$(LD) $$(EFI_LDFLAGS) $$(EFI_START) $$(filter %.o,$$^) -o $$(@:.efi=.so) \
	  $$(if $$(OWN_PE),$$(LIBGCC),-lefi -lgnuefi)
	$$(Q)$$(TO_PE) $$(@:.efi=.so) $$@
endef
$(foreach f,$(FAULTY_ROOM) $(FAULTY_ROOM)/$(ARCH),$(eval $(call faulty_in,$(f))))
# What it chooses from is only its own.
$(BUILD)/faulty/chosen.efi: $(call objects,efi,$(CHOSEN_SRC))
.PHONY: faulty
faulty: $(FAULTY) $(if $(filter x86_64,$(ARCH)),$(BUILD)/bench/initrd_clock.efi)

# The system that boot loaders start with an initrd, to be compared (tests/bench/initrds); of PCs. It
# has no .sbat of Baton's, which would not start it as it would not start itself.
INITRD_CLOCK_OBJ := $(call objects,efi,tests/bench/initrd_clock.cpp) \
  $(patsubst %,$(BUILD)/efi/efi/$(ARCH)/%.S.o,entry pe_sections)
$(BUILD)/bench/initrd_clock.efi: $(INITRD_CLOCK_OBJ) $(EFI_SCRIPT) $(BUILD)/flags/efi.link
	$(call say,EFI)
	@mkdir -p $(@D)
	$(Q)$(LD) $(EFI_LDFLAGS) $(EFI_START) $(INITRD_CLOCK_OBJ) -o $(@:.efi=.so) -lefi -lgnuefi
	$(Q)$(subst -j .sbat,,$(TO_PE)) $(@:.efi=.so) $@

# --- ESP and disk image ------------------------------------------------------------------------
# The ESP holds the two programs, the files of esp/ and the manifest of whoever signs it (tools/sign),
# nothing else: what was there before and is not wanted any more is removed.
ESP_TEXTS := $(patsubst esp/%,$(ESP)/%,$(shell find esp -type f 2>/dev/null))
ESP_FILES := $(APPLICATION) $(ESP)/EFI/baton/kernel.elf $(WIDE_KERNEL) $(ESP_TEXTS)
$(eval $(call remember,esp,$(ESP_FILES)))

$(eval $(call remember,esp.texts,$(boot.$(ARCH)) $(entry.$(ARCH))))
$(ESP_TEXTS): $(ESP)/%: esp/% $(BUILD)/flags/esp.texts
	$(call say,COPY)
	@mkdir -p $(@D)
	$(Q)sed -e 's/BOOTX64\.EFI/$(boot.$(ARCH))/' -e '/^architecture /s/x64/$(entry.$(ARCH))/' $< > $@

$(BUILD)/esp.complete: $(ESP_FILES) $(BUILD)/flags/esp
	@find $(ESP) -type f ! -name 'manifest*.efi' $(foreach f,$(ESP_FILES),! -path $(f)) -delete
	@touch $@

$(BUILD)/baton.img: $(BUILD)/esp.complete tools/image
	$(call say,IMAGE)
	$(Q)tools/image $(ESP) $@

$(BUILD)/baton.iso: $(BUILD)/esp.complete tools/iso
	$(call say,ISO)
	$(Q)tools/iso $(ESP) $@

image: $(BUILD)/baton.img $(BUILD)/baton.iso

# What is in it, and by which packages' versions it was made: SPDX.
.PHONY: sbom
SBOM := $(BUILD)/baton.spdx.json
MADE_WITH = $(foreach p,$(lastword $(TARGET_CXX)) $(LD) $(OBJCOPY) $(PYTHON) mformat sfdisk xorriso,$(shell command -v $(p)))
$(SBOM): $(BUILD)/esp.complete tools/sbom
	$(call say,SBOM)
	$(Q)$(PYTHON) tools/sbom --esp $(ESP) --sources . --version $(VERSION) --build $(BUILD_ID) \
	  $(patsubst %,--linked '*.EFI:%',$(EFI_START) $(GNU_EFI_LIB:%=%/libgnuefi.a)) $(LIBGCC:%=--linked %) \
	  $(FONTS:%=--data %) $(patsubst %,--with %,$(MADE_WITH)) $@
sbom: $(SBOM)

# What is committed, built twice, somewhere else, by somebody else, at another time.
.PHONY: reproducible
REPRODUCED := $(if $(filter command environment,$(firstword $(origin ARCH))),$(ARCH))
reproducible:
	@$(PYTHON) tools/reproducible $(REPRODUCED)

install: $(BUILD)/esp.complete
	@$(PYTHON) tools/install install --from $(BUILD)/esp $(if $(ASKED_ESP),--esp '$(ASKED_ESP)')

# Signed in place are the trees of all architectures that have been built.
.PHONY: sign
sign: $(BUILD)/esp.complete
	@$(PYTHON) tools/sign $(if $(KEY),--key '$(KEY)') $(if $(CERT),--cert '$(CERT)') $(COVER:%=--cover '%') \
	  $(if $(WORDS),--options '$(WORDS)') $(ESP) $(patsubst %/EFI/BOOT,%,$(wildcard $(KINDS:%=build/%/esp/EFI/BOOT)))
	@+$(MAKE) --no-print-directory image

# --- Host --------------------------------------------------------------------------------------
# mm/ and loader/ need no machine, and neither do the kernel's own files outside kernel/$(ARCH)/ nor
# the architecture's self-tests;
# as a library, of which each test program takes what it uses. In tools/replay/ program/
# is a program, wasm/ another, the rest their library, which asks for no more than mm/.
REPLAY_PROGRAM := $(wildcard tools/replay/program/*.cpp)
# Of loader/ the program reads tables, device trees and Baton's record of the map with these.
MAP_RECORD := loader/map_record.cpp loader/efi_memory_map.cpp loader/bad_pages.cpp loader/handoff/bad_pages.cpp
REPLAY_READS := $(call neutral,loader/acpi) $(call neutral,loader/fdt) $(MAP_RECORD)
REPLAY_LIB := $(filter-out $(REPLAY_PROGRAM) tools/replay/wasm/%,$(call neutral,tools/replay))
HOST_SRC := $(ALL_MM) $(call room,loader) $(call neutral,kernel) \
  $(wildcard $(patsubst %,kernel/%/selftest/*.cpp,$(ARCH) $(kin.$(ARCH)))) $(REPLAY_LIB) $(filter-out %/main.cpp,$(REPLAY_PROGRAM)) \
  $(if $(findstring $(ARCH),$(shell $(CXX) -dumpmachine 2>/dev/null)),$(wildcard $(patsubst %,kernel/%/vector_*.S,$(ARCH) $(kin.$(ARCH)))))
HOST_CXXFLAGS := $(LANGUAGE) $(WARNINGS) $(PATHLESS) -g -fno-omit-frame-pointer -DBATON_CHECK_LOCKS
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all

# With the sanitizers: unit tests. The tests themselves, and what they have of replay, are not optimised:
# thrice as quick to build.
CHECKED_OBJ := $(call objects,host/checked,$(filter-out tools/%,$(HOST_SRC))) \
  $(call objects,host/tests,$(filter tools/%,$(HOST_SRC)))
UNIT_SRC := $(wildcard tests/unit/*_test.cpp tests/unit/mm/*_test.cpp)
# Fuzz targets are given their corpora there, too; tests/support/ is the machine under the kernel's files.
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.cpp)
SUPPORT_SRC := $(wildcard tests/support/*.cpp)
UNIT_OBJ := $(call objects,host/tests,$(UNIT_SRC) $(FUZZ_SRC) $(SUPPORT_SRC))
FIRMWARE_TESTS := $(call objects,host/tests,$(wildcard tests/firmware/*_test.cpp))
$(eval $(call compiled,host/checked,$(HOST_CXXFLAGS) -O1 $(SANITIZERS)))
$(eval $(call compiled,host/tests,$(HOST_CXXFLAGS) -O0 $(SANITIZERS)))
$(eval $(call tests,host/tests,$(UNIT_OBJ) $(FIRMWARE_TESTS)))
$(eval $(call remember,host/checked.link,$(CHECKED_OBJ) $(UNIT_OBJ)))

$(BUILD)/host/checked/libbaton.a: $(CHECKED_OBJ) $(BUILD)/flags/host/checked.link
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) crs $@ $(CHECKED_OBJ)

$(BUILD)/host/unit_tests: $(UNIT_OBJ) $(BUILD)/host/checked/libbaton.a
	$(call say,LINK)
	$(Q)$(CXX) $(SANITIZERS) -o $@ $(UNIT_OBJ) $(BUILD)/host/checked/libbaton.a \
	  -lgtest -lgtest_main -larchive -pthread

# The application itself on a firmware that is pretended: all of efi/ but what is an architecture's, as the
# host's program, with the firmware's calling convention. What is below it there is in tests/firmware/.
FIRMWARE_SRC := $(call neutral,efi) $(wildcard tests/firmware/pretend*.cpp)
FIRMWARE_OBJ := $(call objects,host/efi,$(filter-out efi/freestanding.cpp,$(FIRMWARE_SRC))) \
  $(call objects,host/checked,$(ALL_MM) $(call room,loader)) $(FIRMWARE_TESTS)
$(eval $(call compiled,host/efi,$(HOST_CXXFLAGS) -O0 $(SANITIZERS) -fshort-wchar -DGNU_EFI_USE_MS_ABI \
  -isystem $(GNU_EFI_INC) -isystem $(GNU_EFI_INC)/x86_64))
$(eval $(call remember,host/efi.link,$(FIRMWARE_OBJ)))
$(BUILD)/host/efi/efi/configuration.o $(BUILD)/host/efi/efi/trust.o: $(BUILD)/gen/kernel_id.h
$(BUILD)/host/firmware_tests: $(FIRMWARE_OBJ) $(BUILD)/flags/host/efi.link
	$(call say,LINK)
	$(Q)$(CXX) $(SANITIZERS) -o $@ $(FIRMWARE_OBJ) -lgtest -lgtest_main -pthread

# The unit tests once more, counting lines of mm/ and loader/, which come first: of what a header has
# everywhere the linker takes theirs.
COVERED_OBJ := $(call objects,host/coverage,$(filter mm/%.cpp loader/%.cpp,$(HOST_SRC)))
$(eval $(call compiled,host/coverage,$(filter-out $(PATHLESS) -g,$(HOST_CXXFLAGS)) -O0 --coverage))
$(eval $(call remember,host/coverage.link,$(COVERED_OBJ)))
$(BUILD)/host/covered_tests: $(COVERED_OBJ) $(UNIT_OBJ) $(BUILD)/host/checked/libbaton.a $(BUILD)/flags/host/coverage.link
	$(call say,LINK)
	$(Q)$(CXX) --coverage $(SANITIZERS) -o $@ $(COVERED_OBJ) $(UNIT_OBJ) $(BUILD)/host/checked/libbaton.a \
	  -lgtest -lgtest_main -larchive -pthread

.PHONY: coverage
coverage: $(BUILD)/host/covered_tests
	@find $(BUILD)/host/coverage -name '*.gcda' -delete
	$(Q)$< --gtest_brief=1
	$(Q)$(PYTHON) tools/coverage --least 95 $(BUILD)/host/coverage

# For speed: the mm library by itself, and host programs that run long.
MM_OBJ := $(call objects,host/fast,$(ALL_MM))
PROPERTY_SRC := $(wildcard tests/property/*_test.cpp)
# Machines are drawn as logs, which replay's reader reads.
PROPERTY_OBJ := $(call objects,host/fast,$(PROPERTY_SRC) $(REPLAY_LIB) $(REPLAY_READS) \
  $(patsubst %,tools/replay/program/%.cpp,machine_json json_machine device_tree))
$(eval $(call compiled,host/fast,$(HOST_CXXFLAGS) -O2))
$(eval $(call remember,host/fast.link,$(MM_OBJ) $(PROPERTY_OBJ)))

$(BUILD)/host/libmm.a: $(MM_OBJ) $(BUILD)/flags/host/fast.link
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) crs $@ $(MM_OBJ)

.PHONY: mm
mm: $(BUILD)/host/libmm.a

$(BUILD)/host/property_tests: $(PROPERTY_OBJ) $(BUILD)/host/libmm.a
	$(call say,LINK)
	$(Q)$(CXX) -o $@ $(PROPERTY_OBJ) $(BUILD)/host/libmm.a -lgtest -lgtest_main -pthread

# With several threads, under ThreadSanitizer, which does not go together with the others.
THREADS_SRC := $(wildcard tests/threads/*_test.cpp)
THREADS_OBJ := $(call objects,host/threads,$(ALL_MM) $(THREADS_SRC))
$(eval $(call compiled,host/threads,$(HOST_CXXFLAGS) -O1 -fsanitize=thread))
$(eval $(call remember,host/threads.link,$(THREADS_OBJ)))

$(BUILD)/host/threads_tests: $(THREADS_OBJ) $(BUILD)/flags/host/threads.link
	$(call say,LINK)
	$(Q)$(CXX) -fsanitize=thread -o $@ $(THREADS_OBJ) -lgtest -lgtest_main -pthread

# The same at full speed, for `make soak`.
SOAK_OBJ := $(call objects,host/fast,$(THREADS_SRC))
$(eval $(call remember,host/soak.link,$(SOAK_OBJ)))
$(BUILD)/host/threads_soak: $(SOAK_OBJ) $(BUILD)/host/libmm.a $(BUILD)/flags/host/soak.link
	$(call say,LINK)
	$(Q)$(CXX) -o $@ $(SOAK_OBJ) $(BUILD)/host/libmm.a -lgtest -lgtest_main -pthread

# Nanoseconds on the host, with Google Benchmark.
BENCH_OBJ := $(call objects,host/fast,$(wildcard tests/bench/*_bench.cpp) $(REPLAY_LIB))
$(eval $(call remember,host/bench.link,$(BENCH_OBJ)))
$(BUILD)/host/benchmarks: $(BENCH_OBJ) $(BUILD)/host/libmm.a $(BUILD)/flags/host/bench.link
	$(call say,LINK)
	$(Q)$(CXX) -o $@ $(BENCH_OBJ) $(BUILD)/host/libmm.a -lbenchmark -lbenchmark_main -pthread

# How costs grow: times over numbers, and the exponents that fit.
GROWTH_OBJ := $(call objects,host/fast,tests/bench/growth.cpp loader/efi_memory_map.cpp)
$(eval $(call remember,host/growth.link,$(GROWTH_OBJ)))
$(BUILD)/host/growth: $(GROWTH_OBJ) $(BUILD)/host/libmm.a $(BUILD)/flags/host/growth.link
	$(call say,LINK)
	$(Q)$(CXX) -o $@ $(GROWTH_OBJ) $(BUILD)/host/libmm.a

# Programs of their own beside these: what threads cost each other, what becomes of memory, what is
# touched.
HOST_BENCHES := $(patsubst %,$(BUILD)/host/%,bulk fragmentation metadata)
$(HOST_BENCHES) $(BUILD)/host/worst: $(BUILD)/host/%: $(BUILD)/host/fast/tests/bench/%.o $(BUILD)/host/libmm.a
	$(call say,LINK)
	$(Q)$(CXX) -o $@ $^ -pthread
# An allocator to stand beside Baton's, for the test of BENCH_WITH.
$(BUILD)/host/plain_map.so: tests/bench/plain_map.c tests/bench/other_allocator.h
	$(call say,LINK)
	@mkdir -p $(@D)
	$(Q)$(CXX) -x c -Wall -Wextra -Werror -O2 -I. -shared -fpic -o $@ $<

# Fuzz targets (tests/fuzz/target.h) under libFuzzer, which is clang's: T seconds of CPU time for each, on
# JOBS processors.
FUZZ_CXX ?= clang++
T ?= 60
JOBS ?= 1
FUZZERS := $(patsubst tests/fuzz/%_fuzz.cpp,$(BUILD)/fuzz/%,$(FUZZ_SRC))
FUZZ_FLAGS := $(LANGUAGE) -Wall -Wextra -Wno-unused-result $(PATHLESS) -g -O1 \
  -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
$(eval $(call compiled,fuzz,$(FUZZ_FLAGS),$(FUZZ_CXX)))
# What stands in for hardware comes before the library, where is some of the real thing, too.
FUZZ_SUPPORT_OBJ := $(call objects,fuzz,$(SUPPORT_SRC) tests/fuzz/engine.cpp)
FUZZ_LIB_OBJ := $(call objects,fuzz,$(HOST_SRC))
$(BUILD)/fuzz/libbaton.a: $(FUZZ_LIB_OBJ)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) crs $@ $^
$(FUZZERS): $(BUILD)/fuzz/%: $(BUILD)/fuzz/tests/fuzz/%_fuzz.o $(FUZZ_SUPPORT_OBJ) $(BUILD)/fuzz/libbaton.a
	$(call say,LINK)
	$(Q)$(FUZZ_CXX) -fsanitize=fuzzer,address,undefined -o $@ $^ -larchive -pthread

.PHONY: fuzz fuzz-corpus
CHOSEN_FUZZERS = $(if $(FUZZ),$(FUZZ:%=$(BUILD)/fuzz/%),$(FUZZERS))
fuzz: $(CHOSEN_FUZZERS)
	@$(PYTHON) tools/fuzz run --seconds '$(T)' --jobs '$(JOBS)' $(if $(QUIET),--quiet '$(QUIET)') $^
fuzz-corpus: $(CHOSEN_FUZZERS)
	@$(PYTHON) tools/fuzz corpus $^

# The replay of a machine's log or facts.
REPLAY_OBJ := $(call objects,host/fast,$(REPLAY_LIB) $(REPLAY_PROGRAM) $(REPLAY_READS))
$(eval $(call remember,host/replay.link,$(REPLAY_OBJ)))
$(BUILD)/host/replay: $(REPLAY_OBJ) $(BUILD)/host/libmm.a $(BUILD)/flags/host/replay.link
	$(call say,LINK)
	$(Q)$(CXX) -o $@ $(REPLAY_OBJ) $(BUILD)/host/libmm.a -larchive

.PHONY: replay replay-page corpus install-tools
replay: $(BUILD)/host/replay

# The same in WebAssembly, by clang with wasi-libc, for a page that takes logs itself. There are no
# files and no arguments.
WASM_CXX ?= clang++
WASM_SRC := $(ALL_MM) $(REPLAY_LIB) $(REPLAY_READS) $(wildcard tools/replay/wasm/*.cpp) \
  $(filter-out $(patsubst %,tools/replay/program/%.cpp,main pieces journal json),$(REPLAY_PROGRAM))
WASM_OBJ := $(call objects,wasm,$(WASM_SRC))
WASM_FLAGS := --target=wasm32-wasi $(LANGUAGE) -Wall -Wextra -Werror $(PATHLESS) -Os -fno-rtti \
  -fexceptions -D_WASI_EMULATED_MMAN -DJSON_HAS_FILESYSTEM=0 -DJSON_HAS_EXPERIMENTAL_FILESYSTEM=0
$(eval $(call compiled,wasm,$(WASM_FLAGS),$(WASM_CXX)))
$(eval $(call remember,wasm.link,$(WASM_OBJ)))
$(BUILD)/wasm/replay.wasm: $(WASM_OBJ) $(BUILD)/flags/wasm.link
	$(call say,LINK)
	$(Q)$(WASM_CXX) --target=wasm32-wasi -Wl,--max-memory=4294967296 -Wl,-z,stack-size=1048576 \
	  -Wl,--strip-all -o $@ $(WASM_OBJ)

$(BUILD)/replay.html: $(BUILD)/wasm/replay.wasm $(PAGE_PARTS)
	$(call say,PAGE)
	$(Q)$(PYTHON) tools/page $@ $<
replay-page: $(BUILD)/replay.html

# In a browser: PICTURES=folder keeps what was seen.
.PHONY: test-page
test-page: $(BUILD)/host/replay $(BUILD)/replay.html
	PICTURES='$(PICTURES)' $(PYTHON) -m pytest -q tests/page

# Real machines, and logs from outside where BATON_LOGS names a folder of them.
corpus: $(BUILD)/host/replay
	$(Q)$(PYTHON) tools/corpus tests/machines $(BATON_LOGS)

# mm/ as a library of one header and one source (docs/mm-library.md).
RELEASE := $(BUILD)/release
.PHONY: release install-mm
release:
	$(call say,RELEASE)
	$(Q)$(PYTHON) tools/release $(RELEASE) $(VERSION)
# With BATON_MM_FLAGS=-DBATON_MM_ONE_CPU, say.
$(RELEASE)/libbaton_mm.a: release FORCE
	$(Q)$(CXX) -std=c++20 -O2 -fno-exceptions -fno-rtti $(BATON_MM_FLAGS) -c -o $(RELEASE)/baton_mm.o $(RELEASE)/baton_mm.cpp
	$(Q)rm -f $@ && $(AR) crs $@ $(RELEASE)/baton_mm.o
install-mm: $(RELEASE)/libbaton_mm.a
	$(call say,INSTALL)
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/include $(RELEASE)/baton_mm.h
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib $(RELEASE)/libbaton_mm.a
	$(Q)$(PYTHON) tools/release packages $(DESTDIR)$(PREFIX)/lib $(VERSION) $(PREFIX)

PREFIX ?= /usr/local
install-tools: $(BUILD)/host/replay
	$(call say,INSTALL)
	$(Q)install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin $(BUILD)/host/replay tools/mapdump
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 docs/replay.1

# Every program a test needs.
programs: $(if $(UNIT_SRC),$(BUILD)/host/unit_tests) $(BUILD)/host/firmware_tests \
  $(if $(THREADS_SRC),$(BUILD)/host/threads_tests) \
  $(if $(PROPERTY_SRC),$(BUILD)/host/property_tests) $(BUILD)/host/benchmarks \
  $(BUILD)/host/growth $(HOST_BENCHES) $(BUILD)/host/plain_map.so $(BUILD)/host/replay faulty

# --- Other architectures -----------------------------------------------------------------------
# Neutral code is compiled for those that cannot be built yet, with the same warnings. Not linked:
# what it asks of an architecture is not there.
OTHERS := $(filter-out $(ARCH) $(patsubst kernel/%/,%,$(wildcard kernel/*/)),$(ARCHITECTURES))
define neutral_of
$(call compiled,neutral/$(1),$(LANGUAGE) $(WARNINGS) $(FREESTANDING) $(PATHLESS) $(alone.$(1)) -O0 \
  -Wno-psabi -fshort-wchar $(calls.$(1)) -isystem $(GNU_EFI_INC),$(CACHE) $(prefix.$(1))g++)
NEUTRAL_OBJ_$(1) := $(call objects,neutral/$(1),$(foreach f,efi loader kernel mm,\
  $(call neutral,$(f))) $(wildcard mm/$(1)/*.cpp loader/$(1)/*.cpp))
$$(NEUTRAL_OBJ_$(1)): $(if $(as_wide.$(1)),| $(BUILD)/gen/$(gnu_efi.$(1))/efibind.h)
$(call as_wide,$(1))
$(BUILD)/neutral/$(1)/efi/configuration.o: $(BUILD)/gen/kernel_id.h
endef
$(foreach a,$(OTHERS),$(eval $(call neutral_of,$(a))))
.PHONY: neutral
neutral: $(foreach a,$(OTHERS),$(NEUTRAL_OBJ_$(a)))

# mm/ and its unit tests as programs of 32 bits, and as an Arm machine's of 64, which are among what
# `make test ARCH=aarch64` runs. GoogleTest from its source package. The tests index their own vectors with
# frame numbers, which mm/ itself may not.
GOOGLETEST := /usr/src/googletest/googletest
EMULATED := ia32 arm aarch64
# No debug information, which emulators have no use for; what ARM's calling convention was before
# GCC 7 does not matter.
NARROW_CXXFLAGS := $(HOST_CXXFLAGS) -g0 -Wno-psabi
# Machines are drawn as logs. And the memory test's sweeps, where they are not the host's own.
LOG_READER := $(wildcard tools/replay/log_*.cpp) tools/replay/machine.cpp
vector_runs = $(wildcard $(patsubst %,kernel/%/vector_*.S,$(1) $(kin.$(1)))) tests/unit/vector_runs_test.cpp
define narrow
$(call compiled,host/$(1)/mm,$(NARROW_CXXFLAGS) -O1 -isystem $(GOOGLETEST)/include,$(CACHE) $(prefix.$(1))g++)
$(call compiled,host/$(1)/tests,$(NARROW_CXXFLAGS) -O0 -Wno-conversion -Wno-narrowing \
  -isystem $(GOOGLETEST)/include,$(CACHE) $(prefix.$(1))g++)
NARROW_OBJ_$(1) := $(call objects,host/$(1)/mm,$(ALL_MM)) $(call \
  objects,host/$(1)/tests,$(LOG_READER) $(wildcard tests/unit/mm/*_test.cpp) $(call vector_runs,$(1)))
$(BUILD)/host/$(1)/gtest%.o: $(GOOGLETEST)/src/gtest%.cc
	$$(call say,CXX)
	@mkdir -p $$(@D)
	$$(Q)$(CACHE) $(prefix.$(1))g++ -std=c++20 -O1 -I$(GOOGLETEST) -I$(GOOGLETEST)/include -c -o $$@ $$<
$(call remember,host/$(1).link,$$(NARROW_OBJ_$(1)))
$(BUILD)/host/mm_$(1)_tests: $$(NARROW_OBJ_$(1)) $(BUILD)/host/$(1)/gtest-all.o \
    $(BUILD)/host/$(1)/gtest_main.o $(BUILD)/flags/host/$(1).link
	$$(call say,LINK)
	$$(Q)$(prefix.$(1))g++ -static -o $$@ $$(filter %.o,$$^) -pthread
endef
$(foreach a,$(EMULATED),$(eval $(call narrow,$(a))))
$(foreach a,$(EMULATED),$(eval $(call tests,host/$(a)/tests,$(filter %_test.o,$(NARROW_OBJ_$(a))))))
# Random machines, too, for which speed counts; what of theirs is text is the host's.
define narrow_property
$(call compiled,host/$(1)/property,$(NARROW_CXXFLAGS) -O2 -Wno-conversion -Wno-narrowing \
  -isystem $(GOOGLETEST)/include,$(CACHE) $(prefix.$(1))g++)
PROPERTY_OBJ_$(1) := $(call objects,host/$(1)/mm,$(ALL_MM)) $(call objects,host/$(1)/tests,$(LOG_READER)) \
  $(call objects,host/$(1)/property,$(filter-out %/spellings_test.cpp %/machine_forms_test.cpp %/map_record_test.cpp,$(PROPERTY_SRC)))
$$(eval $$(call remember,host/property_$(1).link,$$(PROPERTY_OBJ_$(1))))
$(BUILD)/host/property_$(1)_tests: $$(PROPERTY_OBJ_$(1)) $(BUILD)/host/$(1)/gtest-all.o \
    $(BUILD)/host/$(1)/gtest_main.o $(BUILD)/flags/host/property_$(1).link
	$$(call say,LINK)
	$$(Q)$(prefix.$(1))g++ -static -o $$@ $$(filter %.o,$$^) -pthread
endef
$(foreach a,$(EMULATED),$(eval $(call narrow_property,$(a))))
.PHONY: narrow
narrow: $(foreach a,ia32 arm,$(BUILD)/host/mm_$(a)_tests $(BUILD)/host/property_$(a)_tests)

# --- Headers -----------------------------------------------------------------------------------
# Each compiles by itself, with the flags of a world in which it is used. With which a source begins,
# that source has shown.
ROOMS := efi loader kernel mm tools tests/support
BEGUN_WITH := $(shell find $(ROOMS) -name '*.cpp' -exec grep -h -m 1 '^\#include' {} + | cut -d '"' -f 2)
# What is another architecture's is seen with ARCH=; there, nothing else is.
own_rooms = $(foreach a,$(1) $(kin.$(1)),efi/$(a)/% kernel/$(a)/%)
OTHERS_ROOMS := $(filter-out $(call own_rooms,$(ARCH)),$(foreach a,$(BUILT),$(call own_rooms,$(a))))
HEADERS := $(filter-out $(BEGUN_WITH) $(OTHERS_ROOMS),$(shell find $(ROOMS) -name '*.h'))
ifneq (x86_64,$(ARCH))
HEADERS := $(filter $(call own_rooms,$(ARCH)),$(HEADERS))
endif
HEADERS_OK := $(HEADERS:%=$(BUILD)/headers/%.ok)
flags_of = $(or $(COMMANDS_OF_$(firstword $(subst /, ,$(1)))),$(COMMANDS_OF_host/tests))
$(HEADERS_OK): $(BUILD)/headers/%.ok: % | $(GENERATED)
	$(call say,HEADER)
	@mkdir -p $(@D)
	$(Q)echo '#include "$<"' | $(call flags_of,$<) -x c++ -fsyntax-only -MMD -MP -MF $(@:.ok=.d) -MT $@ -
	@touch $@
-include $(wildcard $(HEADERS_OK:.ok=.d))
.PHONY: headers
headers: $(HEADERS_OK)

# --- For editors and clang-tidy ----------------------------------------------------------------
# Each source once, with the flags of a world in which it is built: the host's where there is a
# choice. clang takes -mgeneral-regs-only to mean that long double cannot even be declared, and has no
# -mapcs-frame.
define newline


endef
for_clang = $(filter-out -mgeneral-regs-only -mapcs-frame,$(COMMANDS_OF_$(1)))
command = {"directory": "$(CURDIR)", "file": "$(2)", "command": "$(for_clang) -c $(2)"}
commands = $(foreach s,$(filter %.cpp,$(2)),$(call command,$(1),$(s))$(newline))
# What the host's programs have of loader/ is seen as x86-64's; another's is seen as its own.
IN_EFI := $(filter efi/% $(if $(filter-out x86_64,$(ARCH)),loader/$(ARCH)/%),$(EFI_SRC))
ON_HOST := $(filter-out $(IN_EFI),$(HOST_SRC))
IN_KERNEL := $(filter-out $(HOST_SRC),$(filter $(patsubst %,kernel/%,$(addsuffix /%,$(ARCH) $(kin.$(ARCH)))),$(KERNEL_SRC)))
ALL_COMMANDS = $(call commands,efi,$(IN_EFI) $(FAULTY_SRC))$(call \
  commands,kernel,$(IN_KERNEL))$(call commands,host/checked,$(ON_HOST))$(call \
  commands,host/tests,$(UNIT_SRC))
$(eval $(call remember,commands,$(COMMANDS_OF_efi) $(COMMANDS_OF_kernel) \
  $(COMMANDS_OF_host/checked) $(IN_EFI) $(FAULTY_SRC) $(IN_KERNEL) $(HOST_SRC) $(UNIT_SRC)))

$(BUILD)/compile_commands.json: $(BUILD)/flags/commands
	$(call say,JSON)
	$(file >$@.new,$(ALL_COMMANDS))
	@{ echo '['; sed -e 's/^ *//' -e '/^$$/d' $@.new | sed '$$!s/$$/,/'; echo ']'; } > $@
	@rm $@.new

# A dozen sources of a room are looked at together, and again when an object of theirs has changed, and so
# when a header has.
# What is to be warned of the compiler has said. The static analyzer looks at one function at a time,
# and at ten thousand states of it, unless it is asked to go deeper, which takes many times as long.
comma := ,
analysis = $(patsubst %,--extra-arg=%,-Xclang -analyzer-config -Xclang $(if $(ANALYSIS),mode=$(ANALYSIS),mode=shallow$(comma)max-nodes=10000))
SEEN := $(BUILD)/tidy$(addprefix -,$(ANALYSIS))
# Of another architecture only what is its own, or its kind's and seen nowhere else: the rest has been
# seen as x86-64's. There a product of sizes has 32 bits, or one of registers has, on purpose.
seen_of.aarch64 := aarch64 bsa
seen_of.ia32    := ia32 narrow
seen_of.arm     := arm
TIDY_CHECKS := --checks=-bugprone-suspicious-include
ifeq (x86_64,$(ARCH))
seen_here = $(1)
else
seen_here = $(filter $(foreach a,$(seen_of.$(ARCH)),efi/$(a)/% kernel/$(a)/% loader/$(a)/%),$(1))
TIDY_CHECKS := $(TIDY_CHECKS),-bugprone-implicit-widening-of-multiplication-result
endif
# $(call seen_together,WORLD,ROOM,DOZEN,SOURCES)
define seen_together
tidy: $(SEEN)/$(1)/$(2)$(3).ok
$(SEEN)/$(1)/$(2)$(3).ok: $(call objects,$(1),$(4)) .clang-tidy tools/tidy
	$$(call say,TIDY)
	$$(Q)tools/tidy $$(@:.ok=) '$(4)' $(analysis) $(TIDY_CHECKS) -- $(patsubst %-,--target=%,$(prefix.$(ARCH))) $(filter-out -W% %g++,$(for_clang)) -w
	@touch $$@
endef
# $(call by_dozens,WORLD,ROOM,SOURCES)
by_dozens = $(foreach n,1 13 25 37,$(if $(word $(n),$(3)),$(eval $(call \
  seen_together,$(1),$(2),$(n),$(wordlist $(n),$(shell expr $(n) + 11),$(3))))))
# $(call tidied,WORLD,SOURCES)
in_room = $(foreach s,$(2),$(if $(filter $(1),$(dir $(s))),$(s)))
tidied = $(foreach r,$(sort $(dir $(2))),$(call by_dozens,$(1),$(r),$(call in_room,$(r),$(2))))
$(call tidied,efi,$(call seen_here,$(filter %.cpp,$(IN_EFI))))
$(call tidied,kernel,$(call seen_here,$(filter %.cpp,$(IN_KERNEL))))
$(if $(filter x86_64,$(ARCH)),$(call tidied,host/checked,$(filter %.cpp,$(ON_HOST))))

# --- Using it ----------------------------------------------------------------------------------
MEM     ?= $(if $(filter arm,$(ARCH)),2G,4G)
# U-Boot on Arm machines finds the memory of one node only.
NODES   ?= $(if $(filter aarch64-u-boot arm-u-boot,$(ARCH)-$(FIRMWARE)),1,2)
CPUS    ?= 4
MACHINE ?=
MIXED   ?=
FIRMWARE ?=
OPTIONS ?=
GDB     ?=

# In the environment DISPLAY is the X server's; only as one of make's own words it is ours.
SHOWN := $(if $(filter command override,$(firstword $(origin DISPLAY))),$(DISPLAY),none)

# KERNEL=examples/NAME is built; another file is taken as it is.
OTHER_KERNEL = $(if $(wildcard $(KERNEL)/.),$(patsubst %,$(BUILD)/examples/%.elf,$(notdir $(patsubst %/,%,$(KERNEL)))),$(KERNEL))
run: all $(if $(KERNEL),$(OTHER_KERNEL))
	@$(PYTHON) tools/run --arch '$(if $(MIXED),mixed,$(ARCH))' --mem '$(MEM)' --nodes '$(NODES)' --cpus '$(CPUS)' \
	  --machine '$(MACHINE)' --firmware '$(FIRMWARE)' --display '$(SHOWN)' \
	  --options '$(OPTIONS)' $(if $(SANITIZED),--esp $(ESP)) $(if $(KERNEL),--kernel '$(OTHER_KERNEL)') $(if $(GDB),--gdb)

# --- Examples ----------------------------------------------------------------------------------
# Kernels of other people's, who have the handoff's header and no more: examples/NAME/ becomes
# build/examples/NAME.elf, linked where docs/handoff.md says; so does the one that checks what that says.
OTHER_KERNELS := $(filter-out examples/multiboot2,$(patsubst %/,%,$(wildcard examples/*/))) tests/boot/checker
BASE_OF := $(if $(filter narrow,$(kin.$(ARCH))),0xf7000000,0xffffffff80200000)
EXAMPLE_FLAGS = -I. -I$(BUILD)/gen -I$(RELEASE) -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -O2 \
  -Wall -Wextra -Werror $(PATHLESS) $(alone.$(ARCH)) \
  $(or $(MOVING),-fno-pic $(filter-out -mapcs-frame,$(image.$(ARCH))))
# The one that checks is moved by KASLR, where kernels are.
MOVING :=
$(BUILD)/examples/tests/boot/checker/%.o: MOVING := $(moving.$(ARCH))
EXAMPLES := $(patsubst %,$(BUILD)/examples/%.elf,$(notdir $(OTHER_KERNELS)))
$(eval $(call compiled,examples,$(EXAMPLE_FLAGS) -std=c++20 -fno-exceptions -fno-rtti,$(TARGET_CXX)))
$(BUILD)/examples/%.o: %.c $(BUILD)/flags/examples
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(TARGET_CXX) -x c -std=c11 $(EXAMPLE_FLAGS) -MMD -MP -c -o $@ $<
# Of a static PIE a script of its own.
script_of = $(or $(if $(moving.$(ARCH)),$(wildcard $(1)/kernel.lds)),examples/kernel.lds)
# $(call example,FOLDER)
define example
$(BUILD)/examples/$(notdir $(1)).elf: $(patsubst %,$(BUILD)/examples/%.o,$(basename $(wildcard $(1)/*.c \
    $(1)/*.cpp))) $$(call script_of,$(1))
	$$(call say,LD)
	$$(Q)$(LD) -nostdlib -static -z max-page-size=4096 $(link.$(ARCH)) --defsym BASE=$(BASE_OF) \
	  $$(if $$(filter $(1)/%,$$(call script_of,$(1))),$(moving_link.$(ARCH))) -T $$(call script_of,$(1)) \
	  -o $$@ $$(filter %.o,$$^) $(LIBGCC)
endef
$(foreach e,$(OTHER_KERNELS),$(eval $(call example,$(e))))
# One with mm/ as a library.
$(RELEASE)/baton_mm.cpp: tools/release $(call neutral,mm) $(ALL_MM) $(wildcard mm/*.h mm/*/*.h include/baton/*.h) \
    loader/library/mm.cpp loader/efi_memory_map.cpp loader/efi_memory_map.h
	$(call say,RELEASE)
	$(Q)$(PYTHON) tools/release $(RELEASE) $(VERSION)
$(BUILD)/examples/baton_mm.o: $(RELEASE)/baton_mm.cpp $(BUILD)/flags/examples
	$(call say,CXX)
	$(Q)$(COMMANDS_OF_examples) -fno-threadsafe-statics -DBATON_MM_ONE_CPU -c -o $@ $<
$(patsubst %,$(BUILD)/examples/examples/%/main.o,buddy multiboot2): $(RELEASE)/baton_mm.cpp
$(BUILD)/examples/buddy.elf: $(BUILD)/examples/baton_mm.o
# One that GRUB starts, with the same.
$(BUILD)/examples/multiboot2.elf: $(BUILD)/examples/examples/multiboot2/main.o $(BUILD)/examples/baton_mm.o examples/multiboot2/kernel.lds
	$(call say,LD)
	$(Q)$(LD) -nostdlib -static -z max-page-size=4096 $(link.$(ARCH)) -T examples/multiboot2/kernel.lds \
	  -o $@ $(filter %.o,$^) $(LIBGCC)
# And a program that hands out huge pages.
$(BUILD)/examples/hugepages: examples/hugepages.c $(RELEASE)/baton_mm.cpp
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=c++20 -O2 -DBATON_MM_ONE_CPU -c -o $@.mm.o $(RELEASE)/baton_mm.cpp
	$(Q)$(CC) -O2 -Wall -Wextra -Werror -I$(RELEASE) -o $@ $< $@.mm.o -lnuma
.PHONY: examples
examples: $(EXAMPLES) $(if $(filter ia32,$(ARCH)),$(BUILD)/examples/multiboot2.elf)

# `+` passes make's jobs on, and runs the line for `make -n`, too, which is to show it only.
SHARING_JOBS := $(if $(findstring n,$(firstword -$(MAKEFLAGS))),,+)
test:
	@$(SHARING_JOBS)BUILD=$(if $(filter x86_64,$(ARCH)),$(BUILD) $(PYTHON) tools/test,build $(PYTHON) tools/test of $(ARCH))

# Boots of further machines, of kinds that `make test` has others of.
.PHONY: test-long
test-long: all faulty examples $(BUILD)/host/replay
	@+for arch in $(filter-out x86_64,$(BUILT)); do \
	  $(MAKE) --no-print-directory ARCH=$$arch all faulty examples || exit; \
	done
	@BUILD=$(BUILD) $(PYTHON) tools/test long

# Under UBSan, and that it does stop.
.PHONY: sanitized
sanitized:
	@$(SHARING_JOBS)BUILD=$(BUILD) $(PYTHON) tools/test sanitized

# All boots with Secure Boot on.
.PHONY: secure
secure: all faulty
	@+for arch in $(filter-out x86_64,$(BUILT)); do $(MAKE) --no-print-directory ARCH=$$arch all faulty || exit; done
	@BUILD=$(BUILD) $(PYTHON) -m pytest -q -p no:cacheprovider tests/boot/test_secure_boot.py tests/boot/test_measured.py

# Firmware that is hostile, case by case (tests/boot/hostile.py), on all architectures unless ARCHS= names some.
ARCHS ?= $(BUILT)
.PHONY: hostile
hostile: all faulty
	@+for arch in $(filter-out x86_64,$(ARCHS)); do $(MAKE) --no-print-directory ARCH=$$arch all faulty || exit; done
	@BUILD=$(BUILD) $(PYTHON) tests/boot/hostile_firmware --arch '$(ARCHS)' --only '$(ONLY)'

.PHONY: check
check:
	@$(SHARING_JOBS)BUILD=$(BUILD) $(PYTHON) tools/test check

# --- Referee -----------------------------------------------------------------------------------
# Real Linux on the same machines; see tests/referee/run.
ONLY   ?=
KERNEL ?=
BOOTS  ?= 100
OPERATIONS ?= 50000000
HOST_OPERATIONS ?= 200000000
.PHONY: referee unchanged soak bench bench-cpus bench-host bench-growth bench-linux bench-check \
  bench-record bench-initrd bench-hugepages bench-replay bench-worst
# Of all architectures unless ARCH= names one.
REFEREED := $(if $(filter command environment,$(firstword $(origin ARCH))),$(ARCH))
referee: all
	@$(if $(REFEREED),,+for arch in $(filter-out x86_64,$(BUILT)); do \
	  $(MAKE) --no-print-directory ARCH=$$arch all || exit; done)
	@BUILD=build $(PYTHON) tests/referee/run --arch '$(REFEREED)' --only '$(ONLY)' $(if $(KERNEL),--kernel '$(KERNEL)') \
	  $(if $(RANDOM),--random $(RANDOM)) $(if $(SEED),--seed $(SEED))

unchanged:
	@BUILD=$(BUILD) $(PYTHON) tests/referee/unchanged --before '$(BEFORE)' --only '$(ONLY)' \
	  $(if $(AFTER),--after '$(AFTER)') $(if $(EXCEPT),--except '$(EXCEPT)')

soak: all $(BUILD)/host/threads_soak
	@BUILD=$(BUILD) $(PYTHON) tools/soak --guest $(OPERATIONS) --host $(HOST_OPERATIONS)
	@BUILD=$(BUILD) $(PYTHON) tests/referee/soak --boots $(BOOTS)

bench: all $(BUILD)/host/growth $(BUILD)/host/fragmentation $(BUILD)/host/metadata
	@SIZES='$(SIZES)' tools/bench
	@$(BUILD)/host/fragmentation
	@$(BUILD)/host/metadata
	@$(BUILD)/host/growth

bench-linux: all
	@BUILD=$(BUILD) SIZES='$(SIZES)' $(PYTHON) tests/referee/bench

# All but times on the host, beside what is in docs/. Recorded are Linux's figures and times, too.
bench-check:
	@$(SHARING_JOBS)$(MAKE) --no-print-directory bench > $(BUILD)/bench.log
	@$(PYTHON) tools/benchmarks check $(BUILD)/bench.log
bench-record:
	@$(SHARING_JOBS)$(MAKE) --no-print-directory bench > $(BUILD)/bench.log
	@$(SHARING_JOBS)$(MAKE) --no-print-directory bench-linux >> $(BUILD)/bench.log
	@$(SHARING_JOBS)$(MAKE) --no-print-directory bench-host >> $(BUILD)/bench.log
	@$(PYTHON) tools/benchmarks record $(BUILD)/bench.log

# CURVES="reserve nodes": only those.
bench-growth: $(BUILD)/host/growth
	@$< $(CURVES)

bench-initrd: all $(BUILD)/bench/initrd_clock.efi
	@MIB='$(MIB)' tests/bench/initrds

bench-hugepages: $(BUILD)/examples/hugepages
	@$<

bench-replay: $(BUILD)/host/replay
	@BUILD=$(BUILD) tests/bench/replays

bench-worst: $(BUILD)/host/worst
	@$< $(WHAT)

bench-cpus: all
	@BUILD=$(BUILD) WHAT='$(WHAT)' tools/bench_cpus

bench-host: $(BUILD)/host/benchmarks $(BUILD)/host/bulk $(if $(BENCH_WITH),$(BUILD)/host/fragmentation)
	@$< --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true \
	  --benchmark_report_aggregates_only=true
	@THREADS='$(THREADS)' BENCH_WITH='$(BENCH_WITH)' $(BUILD)/host/bulk
	$(if $(BENCH_WITH),@BENCH_WITH='$(BENCH_WITH)' $(BUILD)/host/fragmentation)

OUR_SOURCES = $(shell find efi loader mm kernel tools tests include examples -name '*.cpp' -o -name '*.[ch]')
format:
	clang-format -i $(OUR_SOURCES)

clean:
	rm -rf $(BUILD)

help:
	@sed -n 's/^#: //p' Makefile

#: make            build everything into build/
#: make setup      install what is needed to build, run and test (Debian and Ubuntu)
#:                   `make setup run`: only what a boot needs, and boot
#: make ARCH=aarch64  the same for 64-bit Arm machines, into build/aarch64/; so `make run`
#: make ARCH=ia32     and for PCs with a firmware of 32 bits, into build/ia32/
#: make ARCH=arm      and for 32-bit Arm machines, into build/arm/
#: make run        boot Baton in QEMU; serial console on this terminal
#:                   MEM=4G NODES=2 CPUS=4 MACHINE=q35|pc OPTIONS="selftest poweroff" GDB=1
#:                   DISPLAY=gtk|sdl|vnc: show the screen as well
#:                   FIRMWARE=u-boot: under U-Boot's UEFI instead of OVMF or AAVMF
#:                   MACHINE=virt,acpi=off: with a device tree and no ACPI (ARCH=aarch64)
#:                   MIXED=1: on a CPU of 64 bits (ARCH=ia32), where the kernel of 64 bits is taken
#:                   SANITIZE=1: application and kernel stop at undefined behaviour, and where is said;
#:                   so `make SANITIZE=1`, into build/sanitized/
#: make sanitized  build that, and see that all self-tests pass under it
#: make check      while working: format, build, unit tests of what changed, four boots
#: make test       build, then run the tests; the last line counts them. ARCH=...: what is that architecture's own
#: make neutral    compile what is no architecture's for those that cannot be built whole
#: make narrow     mm's tests as programs of 32 bits, build/host/{mm,property}_{ia32,arm}_tests
#: make examples   kernels of other people's (examples/), with ARCH=, too; make run KERNEL=examples/hello-c
#: make faulty     what the boot tests put in front of Baton (tests/boot/faulty/), with ARCH=, too
#: make headers    see that each header compiles by itself
#: make referee    compare Baton with Debian's Linux on every machine of tests/referee/machines.txt
#:                   ONLY=numa-2x2g (or a pattern, or several with commas) KERNEL=linux-image-...
#:                   RANDOM=20 SEED=1: on machines made by chance instead; ARCH=...: one's only
#: make unchanged  BEFORE=commit: show that HEAD (or AFTER=) says and does the same in QEMU
#:                   EXCEPT=pattern: lines that may differ
#: make soak       all CPUs in the allocator for long, nothing lost: in a guest of 8 CPUs and 4 nodes
#:                   (OPERATIONS=50000000), as 2 and 8 threads (HOST_OPERATIONS=200000000);
#:                   machines of 64 and 255 CPUs; and one two-node machine booted 100 times (BOOTS=100): always the same
#: make bench      count instructions: the relay's stations, allocations (SIZES="2G 16G"); how memory
#:                   fragments, what of it is touched; and bench-growth
#: make bench-cpus what many CPUs cost and bring, in time: their start, memtest, waiting
#:                   WHAT="bring-up memtest prompt"
#: make bench-host nanoseconds of the page allocator on the host, beside a plain list; several threads
#:                   THREADS="1 2 4" BENCH_WITH=path: beside the allocator of a shared library, see
#:                   tests/bench/other_allocator.h
#: make bench-linux instructions of the hand-over, Debian's Linux beside Baton (SIZES="2G 64G")
#: make bench-check make bench, and what has moved by more than 2 % from docs/benchmarks.txt
#: make bench-record  make bench bench-linux bench-host into docs/benchmarks.txt, its table and pictures
#: make bench-initrd instructions to bring an initrd to a system, systemd-boot beside Baton (MIB=32)
#: make bench-hugepages 2 MiB of mm/ as a program's allocator, beside aligned_alloc's and mmap's, in nanoseconds
#: make bench-replay what the replay of 100,000 entries in 1,024 nodes takes, and of a log of 50,000 lines
#: make bench-worst what each call of mm/ costs at worst, in instructions, and how many of them hold a lock
#:                   (WHAT=o0: the calls of such names)
#: make bench-growth how costs grow with a machine's entries, reservations, nodes and CPUs, in exponents
#:                   CURVES="e820 nodes"
#: make fuzz       feed whatever takes input from outside with anything (libFuzzer, needs clang)
#:                   T=60: seconds of CPU time for each target; FUZZ=acpi: only that one; JOBS=2 at a time
#:                   QUIET=300: go on until so many of these pass without new coverage
#: make coverage   which lines of mm/ and loader/ the unit tests reach, and which not; fails below 95 %
#: make fuzz-corpus  what it found that reaches most, into tests/fuzz/corpus/, which the unit tests go through
#: make image      only the images, build/baton.img (disks, sticks) and build/baton.iso (discs, sticks)
#: make sbom       what is in the ESP and by which versions it was made: SPDX, build/baton.spdx.json; ARCH=...
#: make reproducible  what is committed, built in two folders, by two users, at two times: the same bytes; ARCH=...
#: make install    put Baton on this machine's EFI System Partition; see tools/install --help
#:                   ESP=/efi, or an image; default: the one that is mounted; ARCH=...: another architecture's
#: make sign       sign what is built for Secure Boot, in place, with your keys; see tools/sign --help
#:                   KEY=db.key CERT=db.pem; COVER="EFI/baton/initrd.img" WORDS="mem=2G": a manifest, too
#: make secure     all boots with Secure Boot on, by the owner's keys, a stranger's, and under shim; with a TPM
#: make hostile    boots on firmware that is hostile, case by case, each with its end
#:                   ONLY="map-* exit-*" ARCHS="x86_64 aarch64"
#: make replay     only build/host/replay, which takes a dmesg or another map through mm (docs/replay.md)
#: make replay-page  build/replay.html, a page that replays logs dropped into it (`tools/setup replay-page`)
#: make test-long  boots of further machines, which are no part of `make test`
#: make test-page  the page in headless Chromium (`tools/setup test-page`, about 420 MB); PICTURES=folder
#: make corpus     replay every machine of tests/machines/ and say who agrees with Linux (BATON_LOGS=folder: and logs)
#: make release    mm/ as a library of one header and one source, in build/release/ (docs/mm-library.md)
#: make install-mm that library, for pkg-config and CMake, into PREFIX=/usr/local
#: make install-tools  replay, its man page and mapdump into PREFIX=/usr/local
#: make mm         only the memory-management library, for the host: build/host/libmm.a
#: make format     put all sources into the project's format
#: make tidy       only clang-tidy; ANALYSIS=deep follows calls, too
#: make clean      remove build/
#: V=1 shows the commands.
endif
