#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Every form of the probe language, as docs/probe-language.md has it: each example is run, with both back ends, and its
# output compared with the page. Root. What needs probes on functions is skipped where the kernel has none.
#
# usage: tests/native/probelang.sh [PATTERN]      only examples whose commands have it
#	tests/vm/run-vm --fast -c 1 -t 900 KERNEL -- tests/native/probelang.sh
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
spoor=${SPOOR:-$PWD/${O:-out}/spoor}
[ -x "$spoor" ] || { echo "no $spoor: make first"; exit 1; }
ip link set lo up 2>/dev/null
exec "${PYTHON:-python3}" tests/lib/probe_doc.py "$spoor" docs/probe-language.md "$@"
