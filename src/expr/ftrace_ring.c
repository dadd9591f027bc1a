/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * A page of ftrace's ring buffer, as per_cpu/cpuN/trace_pipe_raw hands it out: time (8 bytes), length in use with flags in
 * its upper bits (8 bytes), then events. An event's first word has a type in 5 bits and the time since the one before in 27.
 */
#include "expr/ftrace_priv.h"

enum { PAGE_HEAD = 16, TYPE_PADDING = 29, TYPE_EXTEND = 30, TYPE_STAMP = 31, STAMP_BITS = 59 };
#define COMMIT_MASK   0xfffffull
#define MISSED_EVENTS (1ull << 31)
#define MISSED_STORED (1ull << 30)  /* their number stands behind the data */

struct cursor { const uint8_t *at, *end; uint64_t t; };

static uint32_t word(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

/* Time that no delta can tell. */
static void stamp(struct cursor *c, unsigned int type, uint64_t delta)
{
	uint64_t v = (uint64_t)word(c->at + 4) << 27 | delta;

	if (type == TYPE_EXTEND)
		c->t += v;
	else /* the upper bits do not fit: those of before */
		c->t = (c->t & ~((1ull << STAMP_BITS) - 1)) | v;
	c->at += 8;
}

/* The next event with data. False: no more; *broken if it is not what it says. */
static bool event_next(struct cursor *c, struct ring_event *e, bool *broken)
{
	while (c->end - c->at >= 4) {
		uint32_t head = word(c->at), type = head & 31, delta = head >> 5;
		uint64_t all, skip = 4;

		if (type == TYPE_PADDING && !delta)
			return false;
		*broken = c->end - c->at < 8;
		if (*broken)
			return false;
		if (type == TYPE_EXTEND || type == TYPE_STAMP) {
			stamp(c, type, delta);
			continue;
		}
		all = type && type != TYPE_PADDING ? 4 + 4ull * type : 4 + (uint64_t)word(c->at + 4);
		skip = type ? 4 : 8;
		*broken = all < 8 || all > (uint64_t)(c->end - c->at);
		if (*broken)
			return false;
		c->t += delta;
		*e = (struct ring_event){ c->at + skip, (uint32_t)(all - skip), c->t };
		all = (all + 3) / 4 * 4;
		c->at = all < (uint64_t)(c->end - c->at) ? c->at + all : c->end;
		if (type != TYPE_PADDING)
			return true;
	}
	return false;
}

bool ring_page(const uint8_t *page, size_t size, bool (*fn)(void *ctx, const struct ring_event *e), void *ctx, uint64_t *lost)
{
	struct cursor c = { page + PAGE_HEAD, NULL, 0 };
	struct ring_event e;
	bool broken = false;
	uint64_t commit;

	*lost = 0;
	if (size < PAGE_HEAD)
		return false;
	memcpy(&c.t, page, 8);
	memcpy(&commit, page + 8, 8);
	if ((commit & COMMIT_MASK) > size - PAGE_HEAD)
		return false;
	c.end = c.at + (commit & COMMIT_MASK);
	if (commit & MISSED_EVENTS) {
		*lost = 1;
		if ((commit & MISSED_STORED) && (commit & COMMIT_MASK) + 8 <= size - PAGE_HEAD)
			memcpy(lost, c.end, 8);
	}
	while (event_next(&c, &e, &broken))
		if (!fn(ctx, &e))
			break;
	return !broken;
}
