# SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
# make check: every test. tests/run lists and runs them; TESTS='unit/* vm/6.1/*' picks some, `tests/run -l` names them.
# Without root, what needs none; missing packages are then named, and their tests skipped.

SETUP ?= tools/setup
TESTS ?=

UNIT  := $(patsubst %.c,$(O)/%,$(wildcard tests/unit/*.c))
PROGS := $(patsubst %.c,$(O)/%,$(wildcard tests/progs/*.c))

check:
	@if [ "$$(id -u)" = 0 ]; then $(SETUP) check; else $(SETUP) build && { $(SETUP) check || :; }; fi
	@mkdir -p $(O)
	@$(MAKE) --no-print-directory -j$$(nproc) all >$(O)/build.log 2>&1 || { cat $(O)/build.log; exit 1; }
	@$(MAKE) --no-print-directory -k progs >$(O)/build.log 2>&1 || cat $(O)/build.log
	@O=$(O) tests/run $(TESTS)

# Everything of spoor but main(), so that commands' option tables can be tested too.
unit: $(UNIT)

$(UNIT): $(O)/tests/unit/%: tests/unit/%.c $(filter-out %/main.o,$(CMD_OBJ)) $(O)/libspoor.a
	@mkdir -p $(@D)
	@echo "  TEST    $@"
	@$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $(filter-out %.h,$^) $(LDFLAGS) -lcmocka -lm $(LDLIBS)

# Loads whose storage behaviour is known, for the truth tests.
progs: $(PROGS)

$(PROGS): $(O)/tests/progs/%: tests/progs/%.c
	@mkdir -p $(@D)
	@echo "  PROG    $@"
	@$(CC) -std=gnu11 -O2 -g -D_GNU_SOURCE -MMD -MP -o $@ $< -Wl,--as-needed -luring -laio -lpthread

bpf-objects: $(BPF_OBJ)
skeletons: $(SKEL)

-include $(UNIT:=.d) $(PROGS:=.d)
.PHONY: unit progs bpf-objects skeletons
