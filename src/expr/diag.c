/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <stdarg.h>

#include "base/fmt.h"
#include "expr/diag.h"

int diag_set(struct diag *d, int err, struct span at, const char *fmt, ...)
{
	va_list ap;

	if (!d || d->err)
		return err;
	d->err = err;
	d->at = at;
	d->note[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(d->message, sizeof(d->message), fmt, ap);
	va_end(ap);
	return err;
}

void diag_note(struct diag *d, const char *fmt, ...)
{
	size_t used;
	va_list ap;

	if (!d)
		return;
	used = strlen(d->note);
	if (used && used + 1 < sizeof(d->note)) {
		d->note[used++] = '\n';
		d->note[used] = '\0';
	}
	va_start(ap, fmt);
	vsnprintf(d->note + used, sizeof(d->note) - used, fmt, ap);
	va_end(ap);
}

/* One character of the text as a terminal gets it, "\t" for a tab; *bytes of the text, and columns. */
static unsigned int glyph(const char *s, char shown[16], size_t *bytes)
{
	char one[8] = { 0 };
	uint32_t cp;

	*bytes = fmt_utf8_next(s, &cp);
	memcpy(one, s, *bytes < sizeof(one) ? *bytes : sizeof(one) - 1);
	fmt_escape(shown, 16, one);
	return fmt_width(shown);
}

static unsigned int columns(const char *text, size_t from, size_t to)
{
	unsigned int sum = 0;
	char shown[16];
	size_t n;

	for (; from < to && text[from]; from += n)
		sum += glyph(text + from, shown, &n);
	return sum;
}

/* Where to begin so that the place is within `room` columns: a third of them before it, more if the rest is short. */
static size_t window_start(const char *text, size_t at, unsigned int room)
{
	unsigned int before = columns(text, 0, at), after = columns(text, at, SIZE_MAX), most = room / 3;
	char shown[16];
	size_t from = 0, n;

	if (before + after <= room)
		return 0;
	if (after < room - most)
		most = room - after;
	while (from < at && before > most) {
		before -= glyph(text + from, shown, &n);
		from += n;
	}
	return from;
}

static void line_print(const char *text, size_t from, unsigned int room, FILE *out)
{
	const char *dots = fmt_utf8() ? "…" : "...";
	unsigned int used = 0, tail = fmt_width(dots);
	char shown[16];
	size_t n;

	if (from)
		fputs(dots, out);
	for (; text[from]; from += n) {
		unsigned int w = glyph(text + from, shown, &n);

		if (used + w + (text[from + n] ? tail : 0) > room) {
			fputs(dots, out);
			break;
		}
		fputs(shown, out);
		used += w;
	}
	fputc('\n', out);
}

static void notes_print(const char *note, const char *prefix, FILE *out)
{
	while (*note) {
		size_t n = strcspn(note, "\n");

		fprintf(out, "%s  %.*s\n", prefix, (int)n, note);
		note += note[n] ? n + 1 : n;
	}
}

void diag_print(const struct diag *d, const char *text, const char *prefix, unsigned int width, FILE *out)
{
	unsigned int left = fmt_width(prefix) + 2, room, dots = fmt_utf8() ? 1 : 3, before, under;
	size_t end = strlen(text), at = d->at.at < end ? d->at.at : end, from;

	fprintf(out, "%s%s\n", prefix, d->message);
	if (d->at.len) {
		room = width > left + 20 ? width - left - dots : width ? 20 : UINT32_MAX;
		from = window_start(text, at, room);
		fprintf(out, "%s  ", prefix);
		line_print(text, from, room, out);
		before = columns(text, from, at) + (from ? dots : 0);
		under = columns(text, at, d->at.len < end - at ? at + d->at.len : end);
		fprintf(out, "%s  %*s^", prefix, (int)before, "");
		if (before + 1 < room) /* the tail of a long one is cut, too */
			for (unsigned int i = 1; i < under && before + i < room; i++)
				fputc('~', out);
		fputc('\n', out);
	}
	notes_print(d->note, prefix, out);
}
