/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* A thread's time from the history: its events of all CPUs in time order, and what must have been between each two. */
#include <errno.h>

#include "path/why/why_hist.h"

enum {
	AHEAD = 128,              /* entries of a CPU after the window, at most, in which a thread is looked for */
	IN_FLIGHT = 8,            /* so many of the latest may be just being written: an interrupt within an event, and so on */
	TRIES = 256,              /* to read one of these */
};

/* ---- the rings ---- */

/* A ring when we looked: numbers first .. first + n - 1 (they may wrap), the ith of which may since be overwritten.
 * until: after it nothing is known, for the next one is still not written; else UINT64_MAX. */
struct span { const struct why_hist *ring; uint32_t mask, first, n; bool full; uint64_t until; };

static bool entry_try(const struct why_hist *at, uint32_t number, struct why_hist *e)
{
	if (__atomic_load_n(&at->seq, __ATOMIC_ACQUIRE) != number)
		return false;
	*e = *(const volatile struct why_hist *)at;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&at->seq, __ATOMIC_RELAXED) == number && e->seq == number;
}

/* False: overwritten, or just being written. Number 0, once in 2^32 events, looks like the latter. */
static bool entry_read(const struct span *s, uint32_t i, struct why_hist *e)
{
	uint32_t number = s->first + i;
	int tries = s->n - i <= IN_FLIGHT ? TRIES : 1;

	while (number && tries--)
		if (entry_try(&s->ring[(number - 1) & s->mask], number, e))
			return true;
	return false;
}

/* Has an early number come after the last ones before 0? Two are looked at, for one may just be overwritten. */
static bool numbers_wrapped(const struct span *s, uint32_t last)
{
	for (uint32_t number = UINT32_MAX; number > UINT32_MAX - 2; number--)
		if (__atomic_load_n(&s->ring[(number - 1) & s->mask].seq, __ATOMIC_RELAXED) > last)
			return true;
	return false;
}

static struct span span_of(const struct why_history *h, uint32_t cpu)
{
	struct span s = { .ring = h->ring + (size_t)cpu * h->size, .mask = h->size - 1, .until = UINT64_MAX };
	uint32_t last = __atomic_load_n(&h->seq[cpu].seq, __ATOMIC_ACQUIRE);
	struct why_hist e;

	s.full = last >= h->size || numbers_wrapped(&s, last);
	s.n = s.full ? h->size : last;
	s.first = last - s.n + 1;
	for (int i = 0; i < IN_FLIGHT && s.n && !entry_read(&s, s.n - 1, &e); i++) {
		s.n--;
		s.until = 0;
	}
	if (!s.until && s.n && entry_read(&s, s.n - 1, &e))
		s.until = e.t;
	return s;
}

/* The first one that is at or after t. What is overwritten was before all that is there. */
static uint32_t span_find(const struct span *s, uint64_t t)
{
	uint32_t lo = 0, hi = s->n;
	struct why_hist e;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (entry_read(s, mid, &e) && e.t >= t)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* Since when nothing is missing, seen from `at`, the first one at or after t: 0 is at least since t. */
static uint64_t span_reach(const struct why_history *h, const struct span *s, uint32_t at, uint64_t t)
{
	struct why_hist e;

	if (at && entry_read(s, at - 1, &e) && e.t < t)
		return 0;
	if (!at && !s->full && (h->begin || !s->n))
		return h->begin;
	return at < s->n && entry_read(s, at, &e) ? e.t : UINT64_MAX;
}

/* ---- the events of a thread ---- */

/* What an event says of the thread. */
enum what { EV_ON, EV_OFF, EV_WOKEN, EV_WAKES /* somebody: so it is on the CPU */ };

struct event {
	uint64_t t;
	uint64_t reach;           /* since when nothing is missing of its CPU */
	uint32_t cpu, order;
	enum what what;
	bool rewoken;             /* it blocked, had been woken while on the CPU, and gets one again without another wake-up:
				   * that one came in the middle of the switch */
	bool unsure;              /* or did it? Nothing follows */
	struct why_hist e;
};

struct events {
	VEC(struct event) v;
	uint64_t horizon;         /* nothing after it counts: of some CPU we know no more */
	uint64_t reach;           /* before it, some CPU's may be missing */
};

static bool event_of(const struct why_hist *e, uint32_t tid, enum what *what)
{
	if (e->event == WHY_EV_SWITCH && e->a == tid)
		*what = EV_OFF;
	else if (e->event == WHY_EV_SWITCH && e->b == tid)
		*what = EV_ON;
	else if (e->event == WHY_EV_WAKE && e->a == tid && e->context == WHY_BY_TASK)
		*what = EV_WAKES;
	else if (e->event == WHY_EV_WAKE && e->b == tid)
		*what = EV_WOKEN;
	else
		return false;
	return true;
}

/* Adds those of one CPU from the window's begin to a little after its end. */
static int events_add_cpu(struct events *ev, const struct why_history *h, uint32_t cpu, uint32_t tid, uint64_t from,
			  uint64_t to)
{
	struct span s = span_of(h, cpu);
	uint32_t i = span_find(&s, from), ahead = 0;
	uint64_t reach = span_reach(h, &s, i, from);
	size_t begin = ev->v.n;
	struct event e = { .cpu = cpu };

	for (; i < s.n; i++) {
		if (!entry_read(&s, i, &e.e)) { /* overwritten since, and all before it */
			ev->v.n = begin;
			reach = UINT64_MAX;
			continue;
		}
		e.t = e.e.t;
		if (reach == UINT64_MAX)
			reach = e.t;
		if (e.t > ev->horizon)
			break;
		if (e.t > to && ++ahead > AHEAD) {
			ev->horizon = e.t - 1;
			break;
		}
		if (!event_of(&e.e, tid, &e.what))
			continue;
		e.reach = reach;
		e.order = (uint32_t)ev->v.n;
		if (vec_push(&ev->v, e))
			return -ENOMEM;
		if (e.t > to && e.what != EV_WOKEN) { /* what comes after says no more of the window; of a wake-up it does */
			ev->horizon = e.t;
			break;
		}
	}
	if (reach > ev->reach)
		ev->reach = reach;
	if (s.until < ev->horizon)
		ev->horizon = s.until;
	return 0;
}

static int event_order(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->t != y->t)
		return x->t < y->t ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

/* A wake-up says something only with what follows: it may have come in the middle of a switch. */
static bool event_is_beyond(const struct events *ev, const struct event *e)
{
	return e->t > ev->horizon || (e->t == ev->horizon && e->what == EV_WOKEN);
}

static int events_get(struct events *ev, const struct why_history *h, uint32_t tid, uint64_t from, uint64_t to)
{
	for (uint32_t c = 0; c < h->ncpus; c++)
		if (events_add_cpu(ev, h, c, tid, from, to))
			return -ENOMEM;
	if (ev->v.n)
		qsort(ev->v.v, ev->v.n, sizeof(*ev->v.v), event_order);
	while (ev->v.n && event_is_beyond(ev, &ev->v.v[ev->v.n - 1]))
		ev->v.n--;
	return 0;
}

/* ---- the time between them ---- */

enum state { ST_UNKNOWN, ST_CPU, ST_RUNQ, ST_BLOCKED };

static enum state state_before(const struct event *e)
{
	static const enum state is[] = { [EV_ON] = ST_RUNQ, [EV_OFF] = ST_CPU, [EV_WOKEN] = ST_BLOCKED, [EV_WAKES] = ST_CPU };

	return e->what == EV_WOKEN && e->e.how == WHY_OFF_NEW ? ST_UNKNOWN : is[e->what]; /* there was no such thread */
}

static enum state state_after(const struct event *e)
{
	switch (e->what) {
	case EV_ON: case EV_WAKES: return ST_CPU;
	case EV_WOKEN: return ST_RUNQ;
	case EV_OFF: break;
	}
	switch (e->e.how) {
	case WHY_OFF_BLOCKED: return e->rewoken ? ST_RUNQ : e->unsure ? ST_UNKNOWN : ST_BLOCKED;
	case WHY_OFF_PREEMPTED: case WHY_OFF_THROTTLED: return ST_RUNQ;
	default: return ST_UNKNOWN; /* dead */
	}
}

/* What is being made: the pieces so far end at `at`. */
struct pieces { why_segs_t *out; size_t begin; uint64_t at, to; };

/* Up to `end`, what s says. */
static int piece_add(struct pieces *p, uint64_t end, struct why_seg s)
{
	struct why_seg *last = p->out->n > p->begin ? &p->out->v[p->out->n - 1] : NULL;

	if (end > p->to)
		end = p->to;
	if (p->at >= end)
		return 0;
	s.t = p->at;
	s.ns = end - p->at;
	s.nr = WHY_NR_UNKNOWN;
	if (s.kind == CRIT_CPU)
		s.part[WHY_KERNEL] = s.ns;
	p->at = end;
	/* to wake somebody is no end of being on the CPU */
	if (last && s.kind == last->kind && (s.kind == CRIT_UNKNOWN || s.kind == CRIT_CPU)) {
		last->ns += s.ns;
		last->part[WHY_KERNEL] += s.part[WHY_KERNEL];
		return 0;
	}
	return vec_push(p->out, s);
}

static int piece_unknown(struct pieces *p, uint64_t end)
{
	return piece_add(p, end, (struct why_seg){ .kind = CRIT_UNKNOWN });
}

static struct why_seg seg_wait(const struct event *end)
{
	const struct why_hist *e = &end->e;

	return (struct why_seg){ .kind = CRIT_WAIT, .context = e->context < WHY_BY_N ? e->context : WHY_BY_NONE, .vec = e->vec,
				 .write = !!e->write, .by_tid = e->a, .dev = e->dev };
}

/* begin: what put it on the run queue, or NULL: that was not seen. */
static struct why_seg seg_runq(const struct event *begin)
{
	struct why_seg s = { .kind = CRIT_RUNQ, .how = WHY_OFF_BLOCKED };

	if (begin && begin->what == EV_OFF && begin->e.how != WHY_OFF_BLOCKED) {
		s.how = begin->e.how;
		s.by_tid = begin->e.b;
	} else if (begin && begin->what == EV_WOKEN && begin->e.how == WHY_OFF_NEW) {
		s.how = WHY_OFF_NEW;
	}
	return s;
}

/* Its time until `next`, as that tells it. prev: the event before, NULL: none. known: since when nothing is missing. */
static int piece_before(struct pieces *p, const struct event *prev, const struct event *next, uint64_t known)
{
	enum state was = prev ? state_after(prev) : ST_UNKNOWN, is = state_before(next);

	if (is == ST_CPU)
		known = next->reach; /* it came to this CPU only by an event of this CPU */
	if (p->at < known) {
		if (piece_unknown(p, known < next->t ? known : next->t))
			return -ENOMEM;
		prev = NULL;
	}
	if (prev && (was != is || (is == ST_CPU && prev->cpu != next->cpu))) /* an event was hidden */
		return piece_unknown(p, next->t);
	switch (is) {
	case ST_CPU: return piece_add(p, next->t, (struct why_seg){ .kind = CRIT_CPU });
	case ST_RUNQ: return piece_add(p, next->t, seg_runq(prev));
	case ST_BLOCKED: return piece_add(p, next->t, seg_wait(next));
	case ST_UNKNOWN: break;
	}
	return piece_unknown(p, next->t);
}

/* Its time from the last event on, of which nothing is missing until `end`. */
static int piece_last(struct pieces *p, const struct event *last, uint64_t known, uint64_t end)
{
	enum state is = last ? state_after(last) : ST_UNKNOWN;
	int err = 0;

	if (is == ST_CPU)
		err = piece_add(p, end, (struct why_seg){ .kind = CRIT_CPU });
	else if (p->at >= known && is == ST_RUNQ)
		err = piece_add(p, end, seg_runq(last));
	else if (p->at >= known && is == ST_BLOCKED)
		err = piece_add(p, end, (struct why_seg){ .kind = CRIT_WAIT });
	return err ? err : piece_unknown(p, p->to);
}

/* Its state at an event, by `last`, the one before (NULL: none), if nothing is missing since; else by `next`, the first one
 * from here on that is no wake-up (NULL: none): then only that it is on the CPU. */
static enum state state_at(const struct events *ev, const struct event *last, const struct event *next)
{
	enum state after = last ? state_after(last) : ST_UNKNOWN;

	if (last && (after == ST_CPU || last->t >= ev->reach))
		return after;
	return next && state_before(next) == ST_CPU ? ST_CPU : ST_UNKNOWN;
}

/* Drops wake-ups that ended no wait: of a task that had not left its CPU yet, or was on the run queue already. One that
 * came in the middle of a switch is seen before it: then the task was never away but for the run queue. */
static void events_clean(struct events *ev)
{
	size_t n = 0, total = ev->v.n, next = 0;
	struct event *v = ev->v.v;
	bool woken = false; /* while on its CPU */

	for (size_t i = 0; i < total; i++) {
		bool vain = v[i].what == EV_WOKEN && v[i].e.how != WHY_OFF_NEW;
		enum state is;

		while (next < total && (next < i || v[next].what == EV_WOKEN))
			next++;
		is = state_at(ev, n ? &v[n - 1] : NULL, next < total ? &v[next] : NULL);
		if (vain && (is == ST_RUNQ || is == ST_CPU)) {
			woken |= is == ST_CPU;
			continue;
		}
		if (woken && v[i].what == EV_OFF) {
			v[i].rewoken = i + 1 < total && v[i + 1].what == EV_ON;
			v[i].unsure = i + 1 == total;
		}
		woken &= v[i].what == EV_WAKES;
		v[n++] = v[i];
	}
	ev->v.n = n;
}

int why_history_segs(struct why_history *h, uint32_t tid, uint64_t from, uint64_t to, why_segs_t *out)
{
	struct pieces p = { .out = out, .begin = out->n, .at = from, .to = to };
	struct events ev = { .horizon = UINT64_MAX };
	int err = 0;

	if (from >= to)
		return 0;
	if (tid) /* 0 is each CPU's idle task */
		err = events_get(&ev, h, tid, from, to);
	if (!err)
		events_clean(&ev);
	for (size_t i = 0; i < ev.v.n && !err; i++)
		err = piece_before(&p, i ? &ev.v.v[i - 1] : NULL, &ev.v.v[i], ev.reach);
	if (!err)
		err = piece_last(&p, ev.v.n ? &ev.v.v[ev.v.n - 1] : NULL, ev.reach, ev.horizon);
	if (err)
		out->n = p.begin;
	vec_free(&ev.v);
	return err;
}

/* ---- who had a CPU ---- */

struct rans { why_rans_t *out; size_t begin; uint64_t at, to; };

static int ran_add(struct rans *r, uint64_t end, uint32_t tid)
{
	struct why_ran *last = r->out->n > r->begin ? &r->out->v[r->out->n - 1] : NULL;
	uint64_t ns;

	if (end > r->to)
		end = r->to;
	if (r->at >= end)
		return 0;
	ns = end - r->at;
	r->at = end;
	if (last && last->tid == tid) {
		last->ns += ns;
		return 0;
	}
	return vec_push(r->out, (struct why_ran){ ns, tid });
}

/* Who got the CPU last before number i; WHY_RAN_UNKNOWN: not told any more. */
static uint32_t ran_before(const struct span *s, uint32_t i)
{
	struct why_hist e;

	while (i-- && entry_read(s, i, &e))
		if (e.event == WHY_EV_SWITCH)
			return e.b;
	return WHY_RAN_UNKNOWN;
}

/* Up to a switch: who left the CPU there had it since the last one, if that is whom the last one gave it to. */
static int ran_switch(struct rans *r, const struct why_hist *e, uint64_t reach, bool first, uint32_t *who)
{
	if (first && ran_add(r, reach, WHY_RAN_UNKNOWN))
		return -ENOMEM;
	if (ran_add(r, e->t, first || *who == e->a ? e->a : WHY_RAN_UNKNOWN))
		return -ENOMEM;
	*who = e->b;
	return 0;
}

int why_history_ran(struct why_history *h, uint32_t cpu, uint64_t from, uint64_t to, why_rans_t *out)
{
	struct rans r = { .out = out, .begin = out->n, .at = from, .to = to };
	struct span s = cpu < h->ncpus ? span_of(h, cpu) : (struct span){ .until = UINT64_MAX };
	uint32_t begin = span_find(&s, from), who = WHY_RAN_UNKNOWN;
	uint64_t reach = cpu < h->ncpus ? span_reach(h, &s, begin, from) : UINT64_MAX;
	bool first = true;
	struct why_hist e;
	int err = 0;

	for (uint32_t i = begin; i < s.n && r.at < to && !err; i++) {
		if (!entry_read(&s, i, &e)) { /* overwritten since: begin anew */
			r.at = from;
			out->n = r.begin;
			reach = UINT64_MAX;
			first = true;
			continue;
		}
		if (reach == UINT64_MAX)
			reach = e.t;
		if (e.event != WHY_EV_SWITCH)
			continue;
		err = ran_switch(&r, &e, reach < e.t ? reach : e.t, first, &who);
		first = false;
	}
	if (first) /* no switch since: whoever got it last still has it */
		who = reach <= from ? ran_before(&s, begin) : WHY_RAN_UNKNOWN;
	if (!err)
		err = ran_add(&r, s.until, who);
	if (!err)
		err = ran_add(&r, to, WHY_RAN_UNKNOWN);
	if (err)
		out->n = r.begin;
	return err;
}
