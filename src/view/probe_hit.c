/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* A line a hit: when, where, who, which probe, what it saw. Half a million a second: one write each into the FILE's buffer. */
#include "view/probe.h"

enum { LINE = 1 << 16, WHO_WIDTH = 22 };

struct hits { struct view v; size_t n; char line[LINE]; };

static void put(struct hits *s, const char *text, size_t n)
{
	if (n > LINE - s->n)
		n = LINE - s->n;
	memcpy(s->line + s->n, text, n);
	s->n += n;
}

static void put_text(struct hits *s, const char *text)
{
	put(s, text, strlen(text));
}

/* At least width digits or fill. */
static void put_number(struct hits *s, uint64_t v, unsigned int width, char fill)
{
	char digits[24], *p = digits + sizeof(digits);

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while (p > digits && (unsigned int)(digits + sizeof(digits) - p) < width)
		*--p = fill;
	put(s, p, (size_t)(digits + sizeof(digits) - p));
}

static void put_who(struct hits *s, const struct hit *h)
{
	char comm[80];
	size_t at = s->n;
	const char *c = h->comm;

	while (*c > ' ' && *c < 0x7f)
		c++;
	put_text(s, *c ? fmt_escape(comm, sizeof(comm), h->comm) : h->comm);
	put(s, "-", 1);
	put_number(s, h->tid, 0, ' ');
	for (size_t n = s->n - at; n < WHO_WIDTH; n++)
		put(s, " ", 1);
}

static void put_head(struct hits *s, const struct hit *h)
{
	put_number(s, h->t / 1000000000, 6, ' ');
	put(s, ".", 1);
	put_number(s, h->t / 1000 % 1000000, 6, '0');
	put(s, " ", 1);
	put_number(s, h->cpu, 3, '0');
	put(s, " ", 1);
	put_who(s, h);
	put(s, " ", 1);
	if (s->v.o.color)
		put_text(s, "\033[1m");
	put_text(s, h->probe);
	if (s->v.o.color)
		put_text(s, "\033[0m");
	put(s, ":", 1);
}

static int hit_line(void *self, const struct hit *h)
{
	struct hits *s = self;

	s->n = 0;
	put_head(s, h);
	for (unsigned int i = 0; i < h->nfields; i++) {
		put(s, " ", 1);
		put_text(s, h->fields[i].name);
		put(s, "=", 1);
		put_text(s, h->fields[i].text);
	}
	if (s->n == LINE)
		s->n--;
	put(s, "\n", 1);
	fwrite_unlocked(s->line, 1, s->n, s->v.o.out);
	if (h->kstack)
		view_stack(&s->v, "    ", h->kstack);
	if (h->ustack)
		view_stack(&s->v, "    ", h->ustack);
	return ferror_unlocked(s->v.o.out) ? view_result(&s->v) : 0;
}

static void *hits_open(const struct sink_opts *opts)
{
	return view_open(opts, sizeof(struct hits));
}

const struct sink sink_hits = {
	.name = "hits",
	.open = hits_open,
	.hit = hit_line,
	.resize = view_resize,
	.flush = view_flush,
	.close = view_close,
};
