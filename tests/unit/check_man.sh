#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0
# The options in --help, in the man pages and in the completion are the same, and the pages are sound mdoc.
# usage: tests/unit/check_man.sh SPOOR   (from the top of the tree)
set -u
spoor=${1:-out/spoor}
failed=0

fail() { echo "check_man: $*" >&2; failed=1; }

# "  -p, --pid LIST   text" -> "-p --pid LIST"
help_options() {
	"$spoor" "$1" --help | sed -n -E 's/^  (-.), (--[a-z-]+( [A-Z]+)?)( .*|$)/\1 \2/p
		s/^      (--[a-z-]+( [A-Z]+)?)( .*|$)/\1/p'
}

# ".It Fl p , Fl -pid Ar LIST" of the section OPTIONS -> "-p --pid LIST"
man_options() {
	sed -n '/^\.Sh OPTIONS/,/^\.El/s/^\.It //p' "$1" | sed -E 's/Fl (.) , /-\1 /; s/Fl -/--/; s/ Ar / /'
}

for cmd in io sched why probe types find record report doctor; do
	page=docs/man/spoor-$cmd.1
	help=$(help_options $cmd)
	[ -n "$help" ] || fail "no options found in 'spoor $cmd --help'"
	diff <(echo "$help") <(man_options "$page") >&2 || fail "$page and 'spoor $cmd --help' (above: <) differ"
	# the words, too, are those of the table
	"$spoor" $cmd --help-man | grep -v '^\.\(Sh\|Bl\|El\)' | while IFS= read -r line; do
		grep -qxF -- "$line" "$page" || echo "$line"
	done | { missing=$(cat); [ -z "$missing" ] || { echo "$missing" >&2; exit 1; }; } ||
		fail "$page lacks these lines of 'spoor $cmd --help-man'"
	words=$("$spoor" --completion bash | grep -F -A3 "	$cmd)")
	for option in $(echo "$help" | grep -o -E -- '--[a-z-]+'); do
		grep -qE -- "$option( |')" <<<"$words" || fail "completion of $cmd lacks $option"
	done
done

# mandoc in Debian 12 knows neither this system nor the date of a page that is newer than it.
if command -v mandoc >/dev/null; then
	for page in docs/man/*.1; do
		said=$(mandoc -T lint -W warning "$page" 2>&1) || { echo "$said" >&2; fail "$page: mandoc complains"; }
	done
fi
bash -n <("$spoor" --completion bash) || fail "completion is not valid bash"
exit $failed
