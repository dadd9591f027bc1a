# SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
# make demo: what spoor shows of a real workload, from nothing to trees, in half a minute.
# SETUP=true leaves the packages alone.

SETUP ?= tools/setup

demo:
	@$(SETUP) demo
	@$(MAKE) --no-print-directory all
	@SPOOR=$(abspath $(O)/spoor) tools/demo
