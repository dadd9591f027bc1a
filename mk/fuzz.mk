# SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
# make fuzz: every target of tests/fuzz for FUZZ_TIME seconds, with the corpus kept under $(O)/fuzz/corpus. The first
# crash ends it; its input is left as $(O)/fuzz/crash-TARGET-*. `make check` gives each target 5 seconds.

FUZZ_TIME   ?= 60
FUZZ_SAN    := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_SRC    := $(wildcard tests/fuzz/*.c)
FUZZ        := $(FUZZ_SRC:%.c=$(O)/%)
FUZZ_NAMES  := $(notdir $(FUZZ))

fuzz: fuzz-build
	@for t in $(FUZZ_NAMES); do O=$(O) tests/fuzz/run $$t $(FUZZ_TIME) || exit 1; done

# All of spoor once more, by clang and with the instrumentation: a build of its own below $(O)/fuzz.
fuzz-build:
	@$(MAKE) --no-print-directory O=$(O)/fuzz CC=$(CLANG) SAN="-fsanitize=fuzzer-no-link $(FUZZ_SAN)" fuzz-targets
fuzz-targets: $(FUZZ)

$(FUZZ): $(O)/tests/fuzz/%: tests/fuzz/%.c $(filter-out %/main.o,$(CMD_OBJ)) $(O)/libspoor.a
	@mkdir -p $(@D)
	@echo "  FUZZ    $@"
	@$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -Wno-missing-prototypes -MMD -MP -o $@ $(filter-out %.h,$^) $(LDFLAGS) $(LDLIBS)

-include $(FUZZ:=.d)
.PHONY: fuzz-build fuzz-targets
