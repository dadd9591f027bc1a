/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Chunks: begin, put, open, next; and the fields that are in every structure. The dictionary is codec_dict.c. */
#include "store/codec_priv.h"

void cx_fail(struct codec *c, int err)
{
	if (!c->err)
		c->err = err;
}

/* ---- numbers: seven bits a byte, the lowest first ---- */

static void number_put(struct codec *c, uint64_t v)
{
	if (vec_reserve(&c->body, 10)) {
		cx_fail(c, -ENOMEM);
		return;
	}
	for (; v >= 0x80; v >>= 7)
		c->body.v[c->body.n++] = (uint8_t)(v | 0x80);
	c->body.v[c->body.n++] = (uint8_t)v;
}

static uint64_t number_get(struct codec *c)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; c->at < c->end && shift < 64; shift += 7) {
		uint8_t b = *c->at++;

		if (shift == 63 && b > 1)
			break;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	cx_fail(c, -EBADMSG);
	c->at = c->end;
	return 0;
}

void cx_u64_long(struct codec *c, uint64_t *v)
{
	if (c->decode)
		*v = number_get(c);
	else
		number_put(c, *v);
}

void cx_int(struct codec *c, int *v)
{
	int64_t wide = *v;

	cx_i64(c, &wide);
	if (wide < INT32_MIN || wide > INT32_MAX) {
		cx_fail(c, -EBADMSG);
		wide = 0;
	}
	if (c->decode)
		*v = (int)wide;
}

void cx_bool(struct codec *c, bool *v)
{
	uint64_t b = *v;

	cx_u64(c, &b);
	if (c->decode)
		*v = b != 0;
}

void cx_u64s(struct codec *c, uint64_t *v, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		cx_u64(c, &v[i]);
}

/* Buckets that hold something: how far on from the last one, and how many. */
void cx_hist(struct codec *c, uint64_t hist[HIST_N])
{
	uint64_t n = 0, at = 0, step = 0;

	for (unsigned int i = 0; i < HIST_N && !c->decode; i++)
		n += hist[i] != 0;
	cx_u64(c, &n);
	for (uint64_t i = 0; i < n && !c->err; i++) {
		for (step = 0; !c->decode && !hist[at + step]; step++)
			;
		cx_u64(c, &step);
		if (step >= HIST_N - at) {
			cx_fail(c, -EBADMSG);
			return;
		}
		at += step;
		cx_u64(c, &hist[at]);
		if (++at == HIST_N && i + 1 < n) {
			cx_fail(c, -EBADMSG);
			return;
		}
	}
}

/* ---- what has other things in it ---- */

void *cx_array(struct codec *c, const void *p, unsigned int *n, size_t size)
{
	static const max_align_t empty; /* of no elements, and not NULL: views add to it */
	uint64_t many = *n;

	cx_u64(c, &many);
	if (!c->decode)
		return (void *)p;
	*n = 0;
	if (many > (uint64_t)(c->end - c->at)) /* each takes a byte at least */
		cx_fail(c, -EBADMSG);
	if (c->err || !many)
		return (void *)&empty;
	p = cx_alloc(c, many * size);
	*n = p ? (unsigned int)many : 0;
	return (void *)p;
}

void *cx_maybe(struct codec *c, const void *p, size_t size)
{
	bool some = p != NULL;

	cx_bool(c, &some);
	return !some || c->err ? NULL : c->decode ? cx_alloc(c, size) : (void *)p;
}

static void cx_cause(struct codec *c, struct lost *l)
{
	cx_str(c, &l->what);
	cx_str(c, &l->why);
	cx_u64(c, &l->n);
}

static void cx_lost(struct codec *c, struct losses *l)
{
	CX_EACH(c, l, v, n, cx_cause);
	cx_u64(c, &l->total);
}

static void cx_unseen(struct codec *c, struct unseen *u)
{
	cx_str(c, &u->what);
	cx_str(c, &u->why);
}

static void cx_cost(struct codec *c, struct cost *k)
{
	uint64_t *const numbers[] = { &k->wall, &k->cpu_user, &k->cpu_sys, &k->bpf_ns, &k->bpf_runs, &k->ops, &k->rss,
				      &k->rss_peak, &k->map_bytes, &k->attach_ns };

	cx_bool(c, &k->bpf_known);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		cx_u64(c, numbers[i]);
	CX_EACH(c, k, unseen, nunseen, cx_unseen);
}

static void cx_summary(struct codec *c, struct summary *s)
{
	struct sched *sched;
	struct why *why;
	struct probes *probes;

	cx_u64(c, &s->t);
	cx_u64(c, &s->ns);
	cx_bool(c, &s->interval);
	cx_rows(c, s);
	s->sched = sched = cx_maybe(c, s->sched, sizeof(*sched));
	if (sched)
		cx_sched(c, sched);
	s->why = why = cx_maybe(c, s->why, sizeof(*why));
	if (why)
		cx_why(c, why);
	s->probes = probes = cx_maybe(c, s->probes, sizeof(*probes));
	if (probes)
		cx_probes(c, probes);
}

static void cx_object(struct codec *c, uint64_t type, void *object)
{
	switch (type) {
	case MSG_OP: cx_op(c, object); break;
	case MSG_DELAY: cx_delay(c, object); break;
	case MSG_CALL: cx_call(c, object); break;
	case MSG_HIT: cx_hit(c, object); break;
	case MSG_SUMMARY: cx_summary(c, object); break;
	case MSG_LOST: cx_lost(c, object); break;
	case MSG_COST: cx_cost(c, object); break;
	default: cx_fail(c, c->decode ? -EBADMSG : -EINVAL);
	}
}

static size_t object_size(enum message_type type)
{
	static const size_t sizes[MSG_N] = {
		[MSG_OP] = sizeof(struct op), [MSG_DELAY] = sizeof(struct delay), [MSG_CALL] = sizeof(struct slow_call),
		[MSG_HIT] = sizeof(struct hit), [MSG_SUMMARY] = sizeof(struct summary), [MSG_LOST] = sizeof(struct losses),
		[MSG_COST] = sizeof(struct cost),
	};

	return type < MSG_N ? sizes[type] : 0;
}

int codec_put(struct codec *c, enum message_type type, const void *object)
{
	size_t before = c->body.n, size = object_size(type);
	uint64_t number = type;
	struct message copy; /* its pointers are set to themselves; behind them nothing is written */

	if (!size)
		return -EINVAL;
	memcpy(&copy.op, object, size);
	c->err = 0;
	cx_u64(c, &number);
	cx_object(c, type, &copy.op);
	if (!c->err && codec_size(c) > CODEC_MAX)
		c->err = -E2BIG;
	if (c->err)
		c->body.n = before;
	return c->err;
}

int codec_next(struct codec *c, struct message *m)
{
	uint64_t type = 0;

	if (c->err || c->at == c->end)
		return c->err;
	for (struct arena_block *b = c->passing, *next; b; b = next) { /* the first one, of the usual size, stays */
		next = b->next;
		if (b != c->passing)
			free(b);
	}
	if (c->passing) {
		c->passing->next = NULL;
		c->passing->used = 0;
	}
	c->allowed = (size_t)(c->end - c->at) * 128 + (1 << 20);
	memset(m, 0, sizeof(*m));
	cx_u64(c, &type);
	cx_object(c, type, &m->op);
	m->type = type < MSG_N ? (enum message_type)type : 0;
	return c->err ? c->err : 1;
}
