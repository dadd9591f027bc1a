/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include "base/fmt.h"

#include <errno.h>
#include <langinfo.h>
#include <wchar.h>

bool fmt_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* v * mul / unit, rounded once; the product may pass 64 bits. */
static unsigned long long rounded(uint64_t v, unsigned int mul, uint64_t unit)
{
	return (unsigned long long)(((unsigned __int128)v * mul + unit / 2) / unit);
}

/* v / unit with 2 or 3 significant digits, at most two after the point. */
static char *fmt_scaled(char *buf, uint64_t v, uint64_t unit, unsigned int digits, const char *suffix)
{
	unsigned long long limit = digits == 3 ? 1000 : 100;
	unsigned long long hundredths = rounded(v, 100, unit), tenths = rounded(v, 10, unit);

	if (hundredths < limit)
		snprintf(buf, FMT_LEN, "%llu.%02llu%s", hundredths / 100, hundredths % 100, suffix);
	else if (tenths < limit)
		snprintf(buf, FMT_LEN, "%llu.%llu%s", tenths / 10, tenths % 10, suffix);
	else
		snprintf(buf, FMT_LEN, "%llu%s", rounded(v, 1, unit), suffix);
	return buf;
}

struct unit { uint64_t size; const char *suffix; };

/* In the smallest unit that takes no more than three digits before the point. */
static char *fmt_units(char *buf, uint64_t v, const struct unit *u, unsigned int n)
{
	unsigned int i = 0;

	while (i + 1 < n && rounded(v, 1, u[i].size) >= 1000)
		i++;
	if (u[i].size == 1)
		snprintf(buf, FMT_LEN, "%llu%s", (unsigned long long)v, u[i].suffix);
	else
		fmt_scaled(buf, v, u[i].size, 3, u[i].suffix);
	return buf;
}

#define NS_PER_S 1000000000ULL

char *fmt_time(char buf[FMT_LEN], uint64_t ns)
{
	const struct unit units[] = { { 1, "ns" }, { 1000, fmt_utf8() ? "µs" : "us" }, { 1000000, "ms" },
				      { NS_PER_S, "s" } };

	if (ns >= 10000 * NS_PER_S)
		return fmt_scaled(buf, ns, 3600 * NS_PER_S, 3, "h");
	return fmt_units(buf, ns, units, 4);
}

char *fmt_time_words(char buf[FMT_LEN], uint64_t ns)
{
	if (ns < 1000)
		snprintf(buf, FMT_LEN, "%u ns", (unsigned int)ns);
	else if (ns < 995000)
		fmt_scaled(buf, ns, 1000, 2, fmt_utf8() ? " µs" : " us");
	else if (ns < 99500000)
		fmt_scaled(buf, ns, 1000000, 2, " ms");
	else
		fmt_scaled(buf, ns, NS_PER_S, 2, " s");
	return buf;
}

static const struct unit size_units[] = {
	{ 1, "" }, { 1ULL << 10, "k" }, { 1ULL << 20, "M" }, { 1ULL << 30, "G" }, { 1ULL << 40, "T" },
	{ 1ULL << 50, "P" }, { 1ULL << 60, "E" },
};

char *fmt_size(char buf[FMT_LEN], uint64_t bytes)
{
	return fmt_units(buf, bytes, size_units, 7);
}

char *fmt_size_exact(char buf[FMT_LEN], uint64_t bytes)
{
	unsigned int i = 0;

	while (bytes && i < 4 && bytes % size_units[i + 1].size == 0)
		i++;
	snprintf(buf, FMT_LEN, "%llu%s", (unsigned long long)(bytes / size_units[i].size),
		 size_units[i].suffix);
	return buf;
}

char *fmt_size_words(char buf[FMT_LEN], uint64_t bytes)
{
	if (bytes < 1000)
		snprintf(buf, FMT_LEN, "%u bytes", (unsigned int)bytes);
	else if (bytes < 995000)
		fmt_scaled(buf, bytes, 1000, 2, " kB");
	else if (bytes < 995000000)
		fmt_scaled(buf, bytes, 1000000, 2, " MB");
	else
		fmt_scaled(buf, bytes, 1000000000, 2, " GB");
	return buf;
}

char *fmt_count(char buf[FMT_LEN], uint64_t n)
{
	static const struct unit units[] = { { 1000, "k" }, { 1000000, "M" }, { 1000000000, "G" },
					     { 1000000000000, "T" }, { 1000000000000000, "P" } };

	if (n >= 100000)
		return fmt_units(buf, n, units, 5);
	snprintf(buf, FMT_LEN, "%u", (unsigned int)n);
	return buf;
}

char *fmt_percent(char buf[FMT_LEN], uint64_t part, uint64_t whole)
{
	uint64_t tenths = whole ? (uint64_t)(((unsigned __int128)part * 1000 + whole / 2) / whole) : 0;

	if (!part || !whole)
		snprintf(buf, FMT_LEN, "-");
	else if (!tenths)
		snprintf(buf, FMT_LEN, "<0.1%%");
	else if (tenths < 1000)
		snprintf(buf, FMT_LEN, "%u.%u%%", (unsigned int)tenths / 10, (unsigned int)tenths % 10);
	else
		snprintf(buf, FMT_LEN, "%llu%%", (unsigned long long)((tenths + 5) / 10));
	return buf;
}

/* Numbers that the kernel keeps to itself (include/linux/errno.h), seen because we look from inside. */
static const struct { int err; const char *name; } kernel_errnos[] = {
	{ 512, "ERESTARTSYS" }, { 513, "ERESTARTNOINTR" }, { 514, "ERESTARTNOHAND" }, { 515, "ENOIOCTLCMD" },
	{ 516, "ERESTART_RESTARTBLOCK" }, { 517, "EPROBE_DEFER" }, { 518, "EOPENSTALE" }, { 524, "ENOTSUPP" },
	{ 528, "EJUKEBOX" }, { 529, "EIOCBQUEUED" }, { 531, "EIOCBRETRY" },
};

char *fmt_errno(char buf[FMT_LEN], int64_t err)
{
	const char *name = err > 0 && err < 4096 ? strerrorname_np((int)err) : NULL;

	for (size_t i = 0; !name && i < sizeof(kernel_errnos) / sizeof(kernel_errnos[0]); i++)
		if (kernel_errnos[i].err == err)
			name = kernel_errnos[i].name;
	if (name)
		snprintf(buf, FMT_LEN, "%s", name);
	else
		snprintf(buf, FMT_LEN, "errno %lld", (long long)err);
	return buf;
}

size_t fmt_utf8_next(const char *s, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char c = (unsigned char)s[0];
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 :
		   c >= 0xf0 && c < 0xf5 ? 4 : 0;
	uint32_t v = n == 1 ? c : n == 2 ? c & 0x1f : n == 3 ? c & 0x0f : c & 0x07;

	*cp = FMT_INVALID;
	if (!n)
		return 1;
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80) /* a NUL ends here too */
			return 1;
		v = v << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return 1;
	*cp = v;
	return n;
}

/* Invisible characters that change how the rest of the line is shown. */
static bool is_trick(uint32_t cp)
{
	return (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff || cp == 0xad || cp == 0x61c;
}

/* One character in printable form; returns its bytes in the source. */
static size_t escape_one(char out[FMT_LEN], const char *s, bool utf8)
{
	uint32_t cp;
	size_t n = fmt_utf8_next(s, &cp);

	if (n > 1 && !utf8) {
		cp = FMT_INVALID;
		n = 1;
	}
	if (cp == '\n' || cp == '\t' || cp == '\r')
		snprintf(out, FMT_LEN, "\\%c", cp == '\n' ? 'n' : cp == '\t' ? 't' : 'r');
	else if (cp == FMT_INVALID || cp < ' ' || cp == 0x7f)
		snprintf(out, FMT_LEN, "\\x%02x", (unsigned char)s[0]);
	else if (cp >= 0x80 && (wcwidth((wchar_t)cp) < 0 || is_trick(cp)))
		snprintf(out, FMT_LEN, "\\u%04x", cp);
	else
		snprintf(out, FMT_LEN, "%.*s", (int)n, s);
	return n;
}

char *fmt_escape(char *dst, size_t cap, const char *src)
{
	bool utf8 = fmt_utf8();
	size_t used = 0;

	while (src && *src) {
		char one[FMT_LEN];
		size_t from = escape_one(one, src, utf8), n = strlen(one);

		if (used + n >= cap)
			break;
		memcpy(dst + used, one, n);
		used += n;
		src += from;
	}
	dst[used] = '\0';
	return dst;
}

static unsigned int char_width(uint32_t cp)
{
	int w = cp < 0x80 || cp == FMT_INVALID ? 1 : wcwidth((wchar_t)cp);

	return w < 0 ? 1 : (unsigned int)w;
}

unsigned int fmt_width(const char *s)
{
	unsigned int w = 0;
	uint32_t cp;

	while (*s) {
		s += fmt_utf8_next(s, &cp);
		w += char_width(cp);
	}
	return w;
}

static char *cut_head(char *dst, size_t cap, const char *src, unsigned int width, const char *dots)
{
	unsigned int w = 0;
	size_t used = 0, room = strlen(dots) + 1;
	uint32_t cp;

	while (*src) {
		size_t n = fmt_utf8_next(src, &cp);

		if (w + char_width(cp) > width - 1 || used + n + room > cap)
			break;
		memcpy(dst + used, src, n);
		used += n;
		w += char_width(cp);
		src += n;
	}
	memcpy(dst + used, dots, room);
	return dst;
}

char *fmt_cut(char *dst, size_t cap, const char *src, unsigned int width, bool keep_tail)
{
	const char *dots = fmt_utf8() ? "…" : "~";
	unsigned int w = fmt_width(src);
	uint32_t cp;

	if (w <= width && strlen(src) < cap) {
		memcpy(dst, src, strlen(src) + 1);
		return dst;
	}
	dst[0] = '\0';
	if (!width || cap < 8)
		return dst;
	if (!keep_tail)
		return cut_head(dst, cap, src, width, dots);
	while (*src && (w > width - 1 || strlen(src) + strlen(dots) >= cap)) {
		src += fmt_utf8_next(src, &cp);
		w -= char_width(cp);
	}
	snprintf(dst, cap, "%s%s", dots, src);
	return dst;
}

void fmt_pad(FILE *out, const char *s, unsigned int width, bool right)
{
	unsigned int w = fmt_width(s), pad = w < width ? width - w : 0;

	if (right)
		fprintf(out, "%*s%s", (int)pad, "", s);
	else
		fprintf(out, "%s%*s", s, (int)pad, "");
}
