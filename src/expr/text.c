/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <string.h>

#include "base/fmt.h"
#include "expr/text.h"

void text_bytes(struct text *t, const char *s, size_t n)
{
	if (t->n + n + 1 > t->cap)
		n = t->cap > t->n + 1 ? t->cap - t->n - 1 : 0;
	memcpy(t->buf + t->n, s, n);
	t->n += n;
}

void text_put(struct text *t, const char *s)
{
	text_bytes(t, s, strlen(s));
}

void text_char(struct text *t, char c)
{
	if (t->n + 1 < t->cap)
		t->buf[t->n++] = c;
}

void text_end(struct text *t)
{
	t->buf[t->n < t->cap ? t->n : t->cap - 1] = '\0';
	if (t->n < t->cap)
		t->n++;
}

void text_dec(struct text *t, uint64_t v)
{
	char digits[20], *p = digits + sizeof(digits);

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	text_bytes(t, p, (size_t)(digits + sizeof(digits) - p));
}

void text_int(struct text *t, int64_t v)
{
	if (v < 0)
		text_char(t, '-');
	text_dec(t, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void text_hex(struct text *t, uint64_t v)
{
	char digits[16], *p = digits + sizeof(digits);

	do {
		*--p = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v);
	text_put(t, t->json ? "\"0x" : "0x");
	text_bytes(t, p, (size_t)(digits + sizeof(digits) - p));
	if (t->json)
		text_char(t, '"');
}

static void json_escape(struct text *t, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	const char code[] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	if (c == '"' || c == '\\') {
		text_char(t, '\\');
		text_char(t, (char)c);
	} else {
		text_bytes(t, code, sizeof(code));
	}
}

/* Bytes that are not UTF-8 become U+FFFD. */
static void quoted_json(struct text *t, const char *s, size_t n)
{
	char one[8];
	uint32_t cp;

	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)s[i];
		size_t k = n - i < 4 ? n - i : 4;

		if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
			text_char(t, (char)c);
			i++;
		} else if (c < 0x80) {
			json_escape(t, c);
			i++;
		} else {
			memcpy(one, s + i, k);
			one[k] = '\0';
			k = fmt_utf8_next(one, &cp);
			if (cp == FMT_INVALID)
				text_put(t, "\xef\xbf\xbd");
			else if (cp < 0xa0) /* a terminal acts on them */
				json_escape(t, (unsigned char)cp);
			else
				text_bytes(t, s + i, k);
			i += k;
		}
	}
}

static void quoted_plain(struct text *t, const char *s, size_t n, bool quotes)
{
	char raw[512], clean[2560];
	size_t k = 0;

	while (k < n && s[k] >= ' ' && s[k] < 0x7f && (!quotes || (s[k] != '"' && s[k] != '\\')))
		k++;
	if (k == n) {
		text_bytes(t, s, n);
		return;
	}
	n = n < sizeof(raw) ? n : sizeof(raw) - 1;
	memcpy(raw, s, n);
	raw[n] = '\0';
	fmt_escape(clean, sizeof(clean), raw);
	for (const char *c = clean; *c; c++) {
		if (quotes && *c == '"')
			text_char(t, '\\');
		text_char(t, *c);
	}
}

void text_quoted(struct text *t, const char *s, size_t n)
{
	n = strnlen(s, n);
	text_char(t, '"');
	if (t->json)
		quoted_json(t, s, n);
	else
		quoted_plain(t, s, n, true);
	text_char(t, '"');
}

void text_bare(struct text *t, const char *s)
{
	if (t->json)
		text_quoted(t, s, strlen(s));
	else
		quoted_plain(t, s, strlen(s), false);
}
