/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include "base/json.h"

#include <errno.h>
#include <math.h>

#include "base/fmt.h"

static void json_drain(struct json *j)
{
	errno = 0;
	if (j->n && !j->err && fwrite_unlocked(j->buf, 1, j->n, j->out) != j->n)
		j->err = errno ? -errno : -EIO;
	j->n = 0;
}

/* The usual case is a few bytes, sooner copied than a function is called for it. */
static inline void json_put(struct json *j, const char *s, size_t n)
{
	if (__builtin_expect(n <= 24 && sizeof(j->buf) - j->n >= n, 1)) {
		char *p = j->buf + j->n;

		j->n += n;
		if (n >= 8) {
			memcpy(p, s, 8);
			if (n > 16)
				memcpy(p + 8, s + 8, 8);
			memcpy(p + n - 8, s + n - 8, 8);
		} else if (n >= 4) {
			memcpy(p, s, 4);
			memcpy(p + n - 4, s + n - 4, 4);
		} else {
			while (n--)
				p[n] = s[n];
		}
		return;
	}
	while (__builtin_expect(n > sizeof(j->buf) - j->n, 0)) {
		size_t part = sizeof(j->buf) - j->n;

		memcpy(j->buf + j->n, s, part);
		j->n += part;
		s += part;
		n -= part;
		json_drain(j);
	}
	memcpy(j->buf + j->n, s, n);
	j->n += n;
}

static void json_putc(struct json *j, char c)
{
	if (j->n == sizeof(j->buf))
		json_drain(j);
	j->buf[j->n++] = c;
}

/* Before every value. */
static void json_value(struct json *j)
{
	if (j->comma)
		json_putc(j, ',');
	j->comma = true;
}

void json_init(struct json *j, FILE *out)
{
	j->out = out;
	j->err = 0;
	j->comma = false;
	j->n = 0;
}

static void json_begin(struct json *j, char c)
{
	json_value(j);
	json_putc(j, c);
	j->comma = false;
}

static void json_end(struct json *j, char c)
{
	json_putc(j, c);
	j->comma = true;
}

void json_object_begin(struct json *j) { json_begin(j, '{'); }
void json_object_end(struct json *j) { json_end(j, '}'); }
void json_array_begin(struct json *j) { json_begin(j, '['); }
void json_array_end(struct json *j) { json_end(j, ']'); }

void json_key_long(struct json *j, const char *key, size_t n)
{
	json_value(j);
	json_putc(j, '"');
	json_put(j, key, n);
	json_put(j, "\":", 2);
	j->comma = false;
}

void json_raw(struct json *j, const char *value)
{
	json_value(j);
	json_put(j, value, strlen(value));
}

void json_text_key(struct json *j, const char *key)
{
	json_str(j, key);
	json_putc(j, ':');
	j->comma = false;
}

static void json_escape(struct json *j, uint32_t cp)
{
	static const char hex[] = "0123456789abcdef";
	static const char from[] = "\"\\\n\t\r\b\f", to[] = "\"\\ntrbf";
	const char *p = cp < 0x80 && cp ? strchr(from, (int)cp) : NULL;

	if (p) {
		char esc[2] = { '\\', to[p - from] };

		json_put(j, esc, 2);
	} else {
		char esc[6] = { '\\', 'u', '0', '0', hex[cp >> 4 & 15], hex[cp & 15] };

		json_put(j, esc, 6);
	}
}

/* What is copied as it is: ASCII but for the control characters, '"' and the backslash. */
static const bool json_plain[256] = { [' '] = true, ['!'] = true, ['#' ... '['] = true, [']' ... '~'] = true };

/* What cannot be copied as it is. Control characters of both sets are escaped, C1 (U+0080 to U+009F) and DEL too:
 * a terminal acts on them. Returns the bytes it took. */
static size_t json_special(struct json *j, const char *s)
{
	uint32_t cp;
	size_t n = fmt_utf8_next(s, &cp);

	if (cp == FMT_INVALID)
		json_put(j, "\xef\xbf\xbd", 3);
	else if (cp >= 0xa0)
		json_put(j, s, n);
	else
		json_escape(j, cp);
	return n;
}

void json_str(struct json *j, const char *s)
{
	if (!s) {
		json_null(j);
		return;
	}
	json_value(j);
	json_putc(j, '"');
	while (*s) {
		const char *run = s;

		while (json_plain[(unsigned char)*s])
			s++;
		json_put(j, run, (size_t)(s - run));
		if (*s)
			s += json_special(j, s);
	}
	json_putc(j, '"');
}

/* Two digits at a time. */
void json_u64_long(struct json *j, uint64_t v)
{
	static const char pairs[] = "00010203040506070809" "10111213141516171819" "20212223242526272829" "30313233343536373839"
				    "40414243444546474849" "50515253545556575859" "60616263646566676869" "70717273747576777879"
				    "80818283848586878889" "90919293949596979899";
	enum { MOST = 20 };
	char digits[2 * MOST] = { 0 };
	size_t i = MOST;

	json_value(j);
	for (; v >= 100; v /= 100)
		memcpy(digits + (i -= 2), pairs + v % 100 * 2, 2);
	if (v >= 10)
		memcpy(digits + (i -= 2), pairs + v * 2, 2);
	else
		digits[--i] = (char)('0' + v);
	if (sizeof(j->buf) - j->n < MOST) {
		json_put(j, digits + i, MOST - i);
		return;
	}
	memcpy(j->buf + j->n, digits + i, MOST); /* a constant length is a few moves */
	j->n += MOST - i;
}

void json_i64(struct json *j, int64_t v)
{
	if (v >= 0) {
		json_u64(j, (uint64_t)v);
		return;
	}
	json_value(j);
	json_putc(j, '-');
	j->comma = false;
	json_u64(j, 0 - (uint64_t)v);
}

void json_f64(struct json *j, double v)
{
	char text[40];
	int n;

	if (!isfinite(v)) {
		json_null(j);
		return;
	}
	n = snprintf(text, sizeof(text), "%.15g", v);
	for (int i = 0; i < n; i++) /* the locale's decimal point */
		if (!strchr("0123456789+-e", text[i]))
			text[i] = '.';
	json_value(j);
	json_put(j, text, (size_t)n);
}

void json_bool(struct json *j, bool v)
{
	json_value(j);
	json_put(j, v ? "true" : "false", v ? 4 : 5);
}

void json_null(struct json *j)
{
	json_value(j);
	json_put(j, "null", 4);
}

int json_line(struct json *j)
{
	json_putc(j, '\n');
	j->comma = false;
	json_drain(j);
	return j->err;
}

int json_flush(struct json *j)
{
	json_drain(j);
	errno = 0;
	if ((fflush(j->out) || ferror(j->out)) && !j->err)
		j->err = errno ? -errno : -EIO;
	return j->err;
}
