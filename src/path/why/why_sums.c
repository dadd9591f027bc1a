/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Records into sums, and into what the walk along the critical path needs. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "path/why/why_priv.h"

/* Shorter than this the history is not asked who had the CPU: it takes as long. */
enum { RUNQ_SHORT = 10000 };

static struct why_tally *tally(struct why_state *st, struct why_tab *tab, const struct why_key *key, uint64_t ns)
{
	struct why_tally *t = why_tab_get(tab, key);

	if (!t) {
		st->forgotten++;
		return NULL;
	}
	t->count++;
	t->ns += ns;
	t->max0 = ns > t->max0 ? ns : t->max0;
	return t;
}

/* t: whose sums they are too; NULL: nobody asked for them. */
static void runq_tally(struct why_state *st, struct thread *t, uint32_t tid, uint64_t ns)
{
	struct why_key key = { .comm = "" };
	struct why_tab *const tabs[] = { t ? &t->runq : NULL, &st->runq };
	uint32_t tgid;

	if (tid == WHY_RAN_UNKNOWN) {
		key.context = WHY_BY_NONE;
	} else if (tid) {
		why_store_named(st->store, tid, &tgid, &key.comm);
		key.context = WHY_BY_TASK;
		key.tid = tid;
	} else {
		key.context = WHY_BY_NOBODY; /* the CPU was idle */
	}
	for (int i = 0; i < 2 && t; i++) {
		struct why_tally *a = tally(st, tabs[i], &key, ns);

		if (a && ns >= a->max) {
			a->max = ns;
			a->by_tid = tid;
		}
	}
}

/* Who had the CPU that it got, while it waited for one. Returns who had it the longest, 0: nobody. */
static uint32_t runq_take(struct why_state *st, struct thread *t, const struct why_stay *r)
{
	uint64_t ns = r->run - r->woken, most = 0;
	uint32_t by = r->how == WHY_OFF_PREEMPTED ? r->by_tid : 0;
	why_rans_t rans = { 0 };

	if (!ns)
		return 0;
	if (ns < RUNQ_SHORT || why_history_ran(&st->history, r->cpu_run, r->woken, r->run, &rans) || !rans.n) {
		vec_free(&rans);
		runq_tally(st, t, by, ns);
		return by;
	}
	by = 0;
	for (size_t i = 0; i < rans.n; i++) {
		uint32_t tid = rans.v[i].tid == r->tid ? 0 : rans.v[i].tid;

		runq_tally(st, t, tid, rans.v[i].ns);
		if (tid && tid != WHY_RAN_UNKNOWN && rans.v[i].ns > most) {
			most = rans.v[i].ns;
			by = tid;
		}
	}
	vec_free(&rans);
	return by;
}

/* Was it blocked when it was first seen, at the beginning of the window? */
static bool wait_before(const struct why_stay *r)
{
	return r->flags & WHY_F_BEFORE && r->how == WHY_OFF_BLOCKED && r->on == r->off;
}

static void wait_take(struct why_state *st, struct thread *t, const struct why_stay *r)
{
	struct why_key key = { .site = r->site, .comm = "", .dev = r->dev, .context = r->context, .vec = r->vec,
			       .write = r->write };
	struct why_tab *const tabs[] = { &t->waits, &st->waits };
	uint64_t ns = r->woken - r->off;
	uint32_t tgid;

	if (!ns)
		return;
	if (r->context == WHY_BY_TASK) {
		why_store_named(st->store, r->by_tid, &tgid, &key.comm);
		key.tid = r->by_tid;
	}
	for (int i = 0; i < 2; i++) {
		struct why_tally *a = tally(st, tabs[i], &key, ns);

		if (a)
			a->before += wait_before(r);
		if (!a || ns < a->max)
			continue;
		a->max = ns;
		a->by_tid = r->by_tid;
		a->lock = r->lock;
		a->owner_site = r->lock && r->owner_tid ? why_store_asleep(st->store, r->owner_tid, r->off, r->woken) : 0;
		a->owner = r->lock ? why_store_string(st->store, r->owner) : "";
		a->owner_tid = r->lock ? r->owner_tid : 0;
		a->owner_tgid = r->lock ? r->owner_tgid : 0;
	}
}

/* ---- others' time, while it is still in the history ---- */

enum { PAST_DEPTH = 6, PAST_MOST = 4096 };

/* What the one that ended a wait did meanwhile; and, of its own waits, the ones that ended those. */
static int past_take(struct why_state *st, uint32_t tid, uint64_t from, uint64_t to, int depth)
{
	struct thread *t = why_store_find(st->store, tid);
	size_t first;
	int err;

	if (!t || (t->ended && t->last <= from)) /* the number may have gone to another */
		t = why_store_thread(st->store, tid, from);
	if (!t || depth > PAST_DEPTH || t->past.n > PAST_MOST || !why_store_past_room(st->store))
		return 0;
	if (!t->seen) {
		t->helper = true;
		if (!t->comm[0])
			why_store_named(st->store, tid, &t->tgid, &t->comm);
	} else if (!t->open && t->last < to) {
		from = t->last > from ? t->last : from; /* since then it is no longer traced */
	} else if (t->stays.n && t->stays.v[0].on < to) {
		to = t->stays.v[0].on; /* from then on it has been traced */
	}
	if (t->past.n) {
		const struct why_seg *last = &t->past.v[t->past.n - 1];

		if (last->t + last->ns > from)
			from = last->t + last->ns;
	}
	if (from >= to)
		return 0;
	first = t->past.n;
	err = why_history_segs(&st->history, tid, from, to, &t->past);
	why_store_past_count(st->store, t->past.n - first);
	for (size_t i = first; i < t->past.n && !err; i++) {
		struct why_seg p = t->past.v[i];

		if (p.kind == CRIT_WAIT && p.by_tid)
			err = past_take(st, p.by_tid, p.t, p.t + p.ns, depth + 1);
	}
	return err;
}

/* ---- records ---- */

static void parts_take(struct thread *t, const struct why_stay *r, bool calls)
{
	if (r->on > t->last && !calls)
		t->part[WHY_UNKNOWN] += r->on - t->last;
	for (int i = 0; i < WHY_ON_N; i++)
		t->part[i] += r->part[i];
	if (!r->run)
		return;
	t->part[WHY_WAIT] += r->woken - r->off;
	t->part[why_runq_part(r->how)] += r->run - r->woken;
}

/* Is it time that was asked for? Of a thread whose calls are explained, what it does as a helper between them is not; of
 * another, that it is a helper now says only that the filter no longer finds it. */
static bool stay_counts(const struct why_state *st, struct thread *t, const struct why_stay *r)
{
	if (r->flags & WHY_F_HELPER)
		return !t->helper && !st->opts.call;
	if (t->helper) { /* until now it was only that: it begins here */
		t->first = t->last = r->on > t->last ? r->on : t->last;
		t->before = r->flags & WHY_F_BEFORE;
		t->helper = false;
	}
	return true;
}

/* Times go forward, also when records do not: another one's clock, or a hostile file. */
static void times_mend(const struct thread *t, struct why_stay *r)
{
	uint64_t d;

	if (r->on >= t->last)
		return;
	d = t->last - r->on; /* this much of it has been counted */
	r->on = t->last;
	if (r->off < r->on)
		r->off = r->on;
	for (int i = 0; i < WHY_ON_N; i++) {
		uint64_t less = r->part[i] < d ? r->part[i] : d;

		r->part[i] -= less;
		d -= less;
	}
	if (!r->run)
		return;
	if (r->woken < r->off)
		r->woken = r->off;
	if (r->run < r->woken)
		r->run = r->woken;
}

static int stay_store(struct why_state *st, struct thread *t, const struct why_stay *r, uint32_t runq_tid)
{
	const struct stay s = {
		.on = r->on, .off = r->off, .woken = r->woken, .run = r->run, .site = r->site, .by_tid = r->by_tid, .dev = r->dev,
		.part = { r->part[0], r->part[1], r->part[2], r->part[3] }, .runq_tid = runq_tid, .nr = r->nr,
		.how = r->how, .context = r->context, .vec = r->vec, .write = r->write, .before = wait_before(r),
	};
	int err = why_store_stay(st->store, t, &s);

	if (err == -ENOSPC)
		st->forgotten++;
	return err == -ENOSPC ? 0 : err;
}

int why_take(struct why_state *st, const struct why_stay *record)
{
	struct thread *t = why_store_thread(st->store, record->tid, record->on);
	struct why_stay r = *record;
	uint32_t runq_tid = 0;
	bool counts;
	int err = 0;

	if (!t) {
		st->threads_lost++;
		return 0;
	}
	if (!t->seen) { /* until now it was only known by name, or from the history */
		t->first = t->last = r.on;
		t->helper = r.flags & WHY_F_HELPER;
		t->before = r.flags & WHY_F_BEFORE;
		t->seen = true;
	}
	counts = stay_counts(st, t, &r);
	times_mend(t, &r);
	t->tgid = r.tgid;
	if (strcmp(t->comm, r.comm))
		t->comm = why_store_string(st->store, r.comm);
	if (r.by_tid && r.by_comm[0])
		why_store_name(st->store, r.by_tid, r.by_tgid, r.by_comm);
	if (counts)
		parts_take(t, &r, st->opts.call);
	t->last = r.run ? r.run : r.off;
	t->open = r.run && !(r.flags & WHY_F_END);
	if (r.flags & WHY_F_END && r.how == WHY_OFF_DEAD)
		t->ended = true;
	if (r.run)
		runq_tid = runq_take(st, counts ? t : NULL, &r);
	if (r.run && counts)
		wait_take(st, t, &r);
	if (r.run && r.how == WHY_OFF_BLOCKED && r.by_tid && r.woken > r.off)
		err = past_take(st, r.by_tid, r.off, r.woken, 0);
	return err ? err : stay_store(st, t, &r, runq_tid);
}

/* A record of what is still under way, as if it ended now. */
static void open_close(const struct why_state *st, const struct why_task *k, struct why_stay *r)
{
	uint64_t end = st->end > k->last ? st->end : k->last;

	*r = k->s;
	r->type = WHY_STAY;
	r->flags |= WHY_F_END;
	if (k->state == WHY_RUNS) {
		r->part[k->nr == WHY_NR_USER ? WHY_ON_USER : WHY_ON_KERNEL] += end - k->last;
		r->off = end;
		r->how = WHY_OFF_PREEMPTED;
		r->woken = r->run = 0;
		return;
	}
	if (end < r->off)
		end = r->off;
	if (k->state == WHY_BLOCKED || r->woken < r->off) {
		r->woken = end;
		r->context = WHY_BY_NOBODY;
	}
	r->run = r->woken > end ? r->woken : end;
}

int why_take_open(struct why_state *st)
{
	int fd = why_map_fd(st, "tasks"), slots = why_map_fd(st, "slots"), err = 0;
	uint32_t tid, prev, slot, *at = NULL;
	struct why_task k;
	struct why_stay r;

	why_open_read(st, WHY_OPEN_END);
	while (!err && !bpf_map_get_next_key(fd, at, &tid)) {
		if (!bpf_map_lookup_elem(fd, &tid, &slot) && !bpf_map_lookup_elem(slots, &slot, &k)) {
			open_close(st, &k, &r);
			if (!why_stay_check(&r, sizeof(r)))
				err = why_take(st, &r);
			else
				st->malformed++;
		}
		prev = tid;
		at = &prev;
	}
	return err;
}
