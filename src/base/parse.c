/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <stdbool.h>

#include "base/parse.h"

struct unit { const char *name; uint64_t scale; };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits at *s into *v, and *s past them. */
static int digits_read(const char **s, uint64_t *v)
{
	uint64_t sum = 0;

	if (!is_digit(**s))
		return -EINVAL;
	for (; is_digit(**s); (*s)++)
		if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, (uint64_t)(**s - '0'), &sum))
			return -ERANGE;
	*v = sum;
	return 0;
}

static int hex_read(const char *s, uint64_t *v)
{
	uint64_t sum = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		const char *at = strchr("0123456789abcdef", *s >= 'A' && *s <= 'F' ? *s + 32 : *s);

		if (!at)
			return -EINVAL;
		if (sum >> 60)
			return -ERANGE;
		sum = sum << 4 | (uint64_t)(at - "0123456789abcdef");
	}
	*v = sum;
	return 0;
}

int parse_u64(const char *s, uint64_t *v)
{
	uint64_t n;
	int err;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return hex_read(s + 2, v);
	err = digits_read(&s, &n);
	/* "99999999999999999999x" is junk before it is too large. */
	if (err == -ERANGE && s[strspn(s, "0123456789")])
		return -EINVAL;
	if (err || *s)
		return err ? err : -EINVAL;
	*v = n;
	return 0;
}

int parse_u32(const char *s, uint32_t *v)
{
	uint64_t n;
	int err = parse_u64(s, &n);

	if (err)
		return err;
	if (n > UINT32_MAX)
		return -ERANGE;
	*v = (uint32_t)n;
	return 0;
}

static const struct unit *unit_find(const struct unit *units, const char *name)
{
	for (; units->name; units++)
		if (!strcmp(units->name, name))
			return units;
	return NULL;
}

/* Digits after the point, as a share of scale; what is finer than one is cut off. */
static uint64_t fraction_scale(const char *digits, size_t n, uint64_t scale)
{
	unsigned __int128 value = 0, whole = 1;

	for (size_t i = 0; i < n && i < 18; i++) { /* 18 digits are finer than any unit here */
		value = value * 10 + (unsigned int)(digits[i] - '0');
		whole *= 10;
	}
	return (uint64_t)(value * scale / whole);
}

/* "1.25ms" in the smallest unit. */
static int quantity_parse(const char *s, const struct unit *units, uint64_t *v)
{
	const char *number = s, *fraction;
	size_t whole = strspn(s, "0123456789"), part = 0;
	const struct unit *u;
	uint64_t sum;

	s += whole;
	fraction = s + 1;
	if (*s == '.') {
		part = strspn(fraction, "0123456789");
		if (!part)
			return -EINVAL;
		s = fraction + part;
	}
	u = unit_find(units, s);
	if (!whole || !u)
		return -EINVAL;
	if (digits_read(&number, &sum) || __builtin_mul_overflow(sum, u->scale, &sum) ||
	    __builtin_add_overflow(sum, fraction_scale(fraction, part, u->scale), &sum))
		return -ERANGE;
	*v = sum;
	return 0;
}

int parse_duration(const char *s, uint64_t *ns)
{
	static const struct unit units[] = {
		{ "", 1000000000 }, { "s", 1000000000 }, { "ms", 1000000 }, { "us", 1000 }, { "µs", 1000 },
		{ "μs", 1000 }, { "ns", 1 }, { "m", 60000000000 }, { "min", 60000000000 }, { "h", 3600000000000 },
		{ NULL, 0 },
	};

	return quantity_parse(s, units, ns);
}

int parse_size(const char *s, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ "", 1 }, { "B", 1 },
		{ "k", 1ull << 10 }, { "K", 1ull << 10 }, { "kB", 1ull << 10 }, { "KB", 1ull << 10 },
		{ "KiB", 1ull << 10 }, { "M", 1ull << 20 }, { "MB", 1ull << 20 }, { "MiB", 1ull << 20 },
		{ "m", 1ull << 20 }, { "G", 1ull << 30 }, { "g", 1ull << 30 }, { "GB", 1ull << 30 },
		{ "GiB", 1ull << 30 }, { "T", 1ull << 40 }, { "TB", 1ull << 40 }, { "TiB", 1ull << 40 },
		{ NULL, 0 },
	};

	return quantity_parse(s, units, bytes);
}
