# SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
# make bench: speed and size of spoor on this machine, into docs/benchmarks.md (about 20 minutes, needs root).
# BENCH='--only why' for the rows of one command, BENCH='--quick' for a short look that writes nothing; bench/run --help
# names the options.
# SETUP=true leaves the packages alone.

SETUP ?= tools/setup
BENCH ?=

bench:
	@$(SETUP) bench
	@$(MAKE) --no-print-directory all bench-tools
	@O=$(O) bench/run $(BENCH)

bench-tools: $(O)/bench/helper $(O)/bench/empty.bpf.o

$(O)/bench/helper: bench/helper.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(LDFLAGS) $(LDLIBS)

-include $(O)/bench/helper.d $(O)/bench/empty.bpf.d
.PHONY: bench-tools
