/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include "base/glob.h"

/* After the [ of a set: is c in it? *end is behind its ], NULL when there is none: then the [ is a plain character. */
static bool set_has(const char *set, char c, const char **end)
{
	bool negated = *set == '!' || *set == '^', found = false;
	const char *p = set + negated;

	for (const char *first = p; *p && (*p != ']' || p == first); p++) {
		unsigned char low = (unsigned char)*p, high = low;

		if (p[1] == '-' && p[2] && p[2] != ']') {
			high = (unsigned char)p[2];
			p += 2;
		}
		found |= low <= (unsigned char)c && (unsigned char)c <= high;
	}
	*end = *p ? p + 1 : NULL;
	return found != negated;
}

/* Matches one character of the pattern; *next is behind it. */
static bool one_match(const char *glob, char c, const char **next)
{
	const char *end;
	bool has;

	*next = glob + 1;
	if (*glob == '?')
		return true;
	if (*glob == '[') {
		has = set_has(glob + 1, c, &end);
		if (end) {
			*next = end;
			return has;
		}
	}
	if (*glob == '\\' && glob[1]) {
		*next = glob + 2;
		return glob[1] == c;
	}
	return *glob == c;
}

bool glob_match(const char *glob, const char *name)
{
	const char *star = NULL, *from = name, *next;

	/* only the last star can take more: what was before it has matched as early as it could */
	while (*name) {
		if (*glob == '*') {
			star = ++glob;
			from = name;
		} else if (*glob && one_match(glob, *name, &next)) {
			glob = next;
			name++;
		} else if (star) {
			glob = star;
			name = ++from;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return !*glob;
}

bool glob_is(const char *s)
{
	return strpbrk(s, "*?[") != NULL;
}
