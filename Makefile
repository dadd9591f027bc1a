# SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
# One non-recursive build. out/ mirrors the tree; every object has its own dependency file.
# `make` needs no root, no network and no BTF on the build machine.

PREFIX  ?= /usr/local
DESTDIR ?=
O       ?= out
CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool) bpftool)
ARCH    := $(shell uname -m)
VERSION := 0.1.0

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings \
           -Wno-unused-parameter -Werror
CFLAGS  ?= -O2 -g
ALL_CFLAGS = -std=gnu11 $(WARN) $(CFLAGS) $(SAN) -D_GNU_SOURCE -DSPOOR_VERSION='"$(VERSION)"' \
           -Iinclude -Isrc -Ibpf -I$(O) -include src/base/banned.h
LDLIBS  := -lbpf -ldw -lelf -lsqlite3 -lzstd -lz

# Kernel-side code: one target architecture a build, chosen by BPF_ARCH (x86 or arm64).
BPF_ARCH ?= $(if $(filter aarch64,$(ARCH)),arm64,x86)
BPF_CFLAGS = -std=gnu11 -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter \
           -Wno-missing-declarations -D__TARGET_ARCH_$(BPF_ARCH) -Ibpf -Isrc \
           -idirafter /usr/include -idirafter /usr/include/$(ARCH)-linux-gnu

BPF_SRC := $(wildcard src/path/*/*.bpf.c src/kernel/*.bpf.c)
BPF_OBJ := $(BPF_SRC:%.bpf.c=$(O)/%.bpf.o)
SKEL    := $(BPF_SRC:%.bpf.c=$(O)/%.skel.h)
LIB_SRC := $(filter-out $(BPF_SRC),$(wildcard src/base/*.c src/kernel/*.c src/model/*.c src/expr/*.c src/path/*/*.c src/view/*.c \
           src/store/*.c))
CMD_SRC := $(wildcard src/cmd/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(O)/%.o)
CMD_OBJ := $(CMD_SRC:%.c=$(O)/%.o)

all: $(O)/spoor

$(O)/spoor: $(CMD_OBJ) $(O)/libspoor.a
	@echo "  LINK    $@"
	@$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/libspoor.a: $(LIB_OBJ)
	@rm -f $@
	@$(AR) rcs $@ $^

# Every number that the C library's header has a name for.
$(O)/src/kernel/syscalls.inc:
	@mkdir -p $(@D)
	@echo '#include <sys/syscall.h>' | $(CC) -E -dM - | \
		sed -nE '/_(syscalls|arch_specific_syscall) /d; s/^#define __NR_([a-z0-9_]+) .*/[__NR_\1] = "\1",/p' | sort > $@.tmp
	@mv $@.tmp $@

$(O)/src/kernel/syscalls.o: $(O)/src/kernel/syscalls.inc

$(O)/%.o: %.c | $(SKEL)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/%.bpf.o: %.bpf.c
	@mkdir -p $(@D)
	@echo "  BPF     $@"
	@$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

# bpftool links first (drops the DWARF that only the compiler needs), then writes the header.
$(O)/%.skel.h: $(O)/%.bpf.o
	@echo "  SKEL    $@"
	@$(BPFTOOL) gen object $(<:.bpf.o=.linked.o) $<
	@$(BPFTOOL) gen skeleton $(<:.bpf.o=.linked.o) name $(subst -,_,$(notdir $*))_bpf > $@.tmp
	@mv $@.tmp $@

install: all
	install -D -m 755 $(O)/spoor $(DESTDIR)$(PREFIX)/bin/spoor
	install -D -m 644 docs/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/spoor
	for m in docs/man/*.1; do install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man1/$$(basename $$m); done

clean:
	rm -rf $(O)

-include mk/*.mk
-include $(LIB_OBJ:.o=.d) $(CMD_OBJ:.o=.d) $(BPF_OBJ:.o=.d)

.SECONDARY: $(BPF_OBJ) $(SKEL)
.DELETE_ON_ERROR:
.PHONY: all install clean check demo bench fuzz setup
