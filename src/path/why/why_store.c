/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "path/why/why_store.h"

enum { THREADS_MOST = 1 << 18, STRINGS_MOST = 1 << 18, PAST_MOST = 1 << 19, STAYS_MOST = 1 << 19, STAYS_FEW = 4096, BUCKETS = 1 << 14,
       SITES_MOST = 1 << 13, SLICE = 2048 /* stays whose pieces are there at once */ };

struct string { struct string *next; char text[]; };
struct named { struct named *next; uint32_t tid, tgid; const char *comm; };

struct why_store {
	VEC(struct thread *) threads;
	VEC(struct thread *) by_tid[BUCKETS];
	struct string *strings[BUCKETS];
	struct named *named[BUCKETS];
	size_t nstrings, nnamed, nstays, npast;
	uint64_t sites[SITES_MOST];   /* of stacks, by number; open addressing. 0: free, and number 0 is of none */
	size_t nsites;
	bool no_proc;
};

struct why_store *why_store_new(void)
{
	return calloc(1, sizeof(struct why_store));
}

static void thread_free(struct thread *t)
{
	vec_free(&t->stays);
	vec_free(&t->past);
	why_tab_free(&t->waits);
	why_tab_free(&t->runq);
	free(t);
}

void why_store_free(struct why_store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->threads.n; i++)
		thread_free(s->threads.v[i]);
	vec_free(&s->threads);
	for (size_t i = 0; i < BUCKETS; i++) {
		vec_free(&s->by_tid[i]);
		for (struct string *p = s->strings[i], *next; p; p = next) {
			next = p->next;
			free(p);
		}
		for (struct named *p = s->named[i], *next; p; p = next) {
			next = p->next;
			free(p);
		}
	}
	free(s);
}

/* FNV-1a. */
static size_t text_hash(const char *text)
{
	uint32_t h = 2166136261u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return h % BUCKETS;
}

static size_t tid_hash(uint32_t tid)
{
	return tid * 2654435761u >> 18; /* 14 bits: BUCKETS */
}

const char *why_store_string(struct why_store *s, const char *text)
{
	struct string **at = &s->strings[text_hash(text)], *p;
	size_t n = strlen(text) + 1;

	for (p = *at; p; p = p->next)
		if (!strcmp(p->text, text))
			return p->text;
	p = s->nstrings < STRINGS_MOST ? malloc(sizeof(*p) + n) : NULL;
	if (!p)
		return "";
	memcpy(p->text, text, n);
	p->next = *at;
	*at = p;
	s->nstrings++;
	return p->text;
}

/* Where in its bucket a thread of that id is; the number of those there when there is none. */
static size_t bucket_index(const struct why_store *s, uint32_t tid)
{
	size_t h = tid_hash(tid), i = 0;

	while (i < s->by_tid[h].n && s->by_tid[h].v[i]->tid != tid)
		i++;
	return i;
}

struct thread *why_store_find(const struct why_store *s, uint32_t tid)
{
	size_t h = tid_hash(tid), i = bucket_index(s, tid);

	return i < s->by_tid[h].n ? s->by_tid[h].v[i] : NULL;
}

size_t why_store_count(const struct why_store *s)
{
	return s->threads.n;
}

struct thread *why_store_at(const struct why_store *s, size_t i)
{
	return s->threads.v[i];
}

struct thread *why_store_thread(struct why_store *s, uint32_t tid, uint64_t t)
{
	struct thread *was = why_store_find(s, tid), *new;
	size_t h = tid_hash(tid);

	if (was && !was->ended)
		return was;
	if (s->threads.n >= THREADS_MOST)
		return NULL;
	new = calloc(1, sizeof(*new));
	if (!new)
		return NULL;
	new->tid = tid;
	new->comm = "";
	new->first = new->last = t;
	new->older = was;
	if (vec_reserve(&s->by_tid[h], 1) || vec_push(&s->threads, new)) {
		free(new);
		return NULL;
	}
	s->by_tid[h].v[bucket_index(s, tid)] = new;
	if (!was)
		s->by_tid[h].n++;
	return new;
}

/* ---- names ---- */

static struct named *named_find(const struct why_store *s, uint32_t tid)
{
	for (struct named *p = s->named[tid_hash(tid)]; p; p = p->next)
		if (p->tid == tid)
			return p;
	return NULL;
}

void why_store_name(struct why_store *s, uint32_t tid, uint32_t tgid, const char *comm)
{
	struct named *p = named_find(s, tid);
	struct thread *t = why_store_find(s, tid);

	if (t && !t->ended && strcmp(t->comm, comm)) /* it may have got it since its last record */
		t->comm = why_store_string(s, comm);
	if (!p) {
		p = s->nnamed < STRINGS_MOST ? calloc(1, sizeof(*p)) : NULL;
		if (!p)
			return;
		p->tid = tid;
		p->next = s->named[tid_hash(tid)];
		s->named[tid_hash(tid)] = p;
		s->nnamed++;
	}
	p->tgid = tgid;
	if (!p->comm || strcmp(p->comm, comm))
		p->comm = why_store_string(s, comm);
}

void why_store_ask(struct why_store *s, bool proc)
{
	s->no_proc = !proc;
}

/* A task that nobody named: it woke one that was not traced. */
static void named_ask(struct why_store *s, uint32_t tid)
{
	char path[64], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/comm", tid);
	f = s->no_proc ? NULL : fopen(path, "re");
	if (f) {
		if (!fgets(comm, sizeof(comm), f))
			comm[0] = '\0';
		fclose(f);
	}
	comm[strcspn(comm, "\n")] = '\0';
	why_store_name(s, tid, tid, comm);
}

void why_store_named(struct why_store *s, uint32_t tid, uint32_t *tgid, const char **comm)
{
	const struct thread *t = why_store_find(s, tid);
	const struct named *n;

	if (t && t->comm[0]) {
		*tgid = t->tgid;
		*comm = t->comm;
		return;
	}
	n = named_find(s, tid);
	if (!n) {
		named_ask(s, tid);
		n = named_find(s, tid);
	}
	*tgid = n ? n->tgid : 0;
	*comm = n ? n->comm : "";
}

/* ---- stays ---- */

/* Of a stack; 0 when there is none, or when they are too many: it is unknown then. */
static uint16_t site_number(struct why_store *s, uint64_t site)
{
	uint32_t i = (uint32_t)(site >> 32 ^ site) & (SITES_MOST - 1);

	if (!site)
		return 0;
	for (i = i ? i : 1; s->sites[i]; i = i + 1 < SITES_MOST ? i + 1 : 1)
		if (s->sites[i] == site)
			return (uint16_t)i;
	if (s->nsites >= SITES_MOST / 4 * 3)
		return 0;
	s->sites[i] = site;
	s->nsites++;
	return (uint16_t)i;
}

/* At most 48 bits of a time, whose place among off, woken, run, user is i. */
static uint32_t time_pack(struct kept *k, int i, uint64_t ns)
{
	const uint64_t most = (1ull << 48) - 1;

	if (ns > most)
		ns = most;
	k->high[i] = (uint16_t)(ns >> 32);
	return (uint32_t)ns;
}

static uint64_t time_unpack(const struct kept *k, int i, uint32_t low)
{
	return (uint64_t)k->high[i] << 32 | low;
}

static uint32_t part_pack(uint64_t ns)
{
	return ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static bool who_is_dev(uint8_t context)
{
	return context == WHY_BY_DEVICE || context == WHY_BY_IRQ;
}

static struct kept stay_pack(struct why_store *s, const struct stay *a)
{
	struct kept k = { .on = a->on, .irq = part_pack(a->part[WHY_ON_IRQ]), .softirq = part_pack(a->part[WHY_ON_SOFTIRQ]),
			  .who = who_is_dev(a->context) ? a->dev : a->by_tid, .runq_tid = a->runq_tid,
			  .site = site_number(s, a->site), .nr = (int16_t)(a->nr >= WHY_NR_KERNEL && a->nr < WHY_SUM_FAULT ? a->nr : WHY_NR_UNKNOWN), .how = a->how, .context = a->context,
			  .vec = a->vec, .write = a->write & 1, .end = !a->run, .before = a->before };

	k.off = time_pack(&k, 0, a->off - a->on);
	k.woken = a->run ? time_pack(&k, 1, a->woken - a->on) : 0;
	k.run = a->run ? time_pack(&k, 2, a->run - a->on) : 0;
	k.user = time_pack(&k, 3, a->part[WHY_ON_USER]);
	return k;
}

static struct stay stay_unpack(const struct why_store *s, const struct kept *k)
{
	struct stay a = { .on = k->on, .off = k->on + time_unpack(k, 0, k->off), .site = s->sites[k->site],
			  .runq_tid = k->runq_tid, .nr = k->nr, .how = k->how, .context = k->context, .vec = k->vec,
			  .write = k->write, .before = k->before };
	uint64_t left = a.off - a.on, user = time_unpack(k, 3, k->user);

	if (!k->end) {
		a.woken = k->on + time_unpack(k, 1, k->woken);
		a.run = k->on + time_unpack(k, 2, k->run);
	}
	*(who_is_dev(k->context) ? &a.dev : &a.by_tid) = k->who;
	a.part[WHY_ON_USER] = user < left ? user : left;
	left -= a.part[WHY_ON_USER];
	a.part[WHY_ON_IRQ] = k->irq < left ? k->irq : left;
	left -= a.part[WHY_ON_IRQ];
	a.part[WHY_ON_SOFTIRQ] = k->softirq < left ? k->softirq : left;
	a.part[WHY_ON_KERNEL] = left - a.part[WHY_ON_SOFTIRQ];
	return a;
}

int why_store_stay(struct why_store *s, struct thread *t, const struct stay *stay)
{
	/* when those that switch all the time have filled it, there is still room for the others */
	if (s->nstays >= (t->stays.n < STAYS_FEW ? 2 : 1) * (size_t)STAYS_MOST)
		return -ENOSPC;
	if (vec_push(&t->stays, stay_pack(s, stay)))
		return -ENOMEM;
	s->nstays++;
	return 0;
}

/* ---- pieces ---- */

struct cut { uint64_t from, to; why_segs_t *out; };

/* part * ns / whole; the remainder of all parts goes to the largest. */
static void parts_share(uint64_t part[WHY_CPU_N], const uint64_t from[WHY_ON_N], uint64_t ns, uint64_t whole)
{
	uint64_t sum = 0;
	int largest = WHY_KERNEL;

	for (int i = 0; i < WHY_CPU_N; i++) {
		part[i] = whole ? (uint64_t)((__uint128_t)from[i] * ns / whole) : 0;
		sum += part[i];
		if (from[i] > from[largest])
			largest = i;
	}
	part[largest] += ns - sum;
}

/* A piece of [t, end), as far as it lies within. */
static int piece_add(const struct cut *c, const struct why_seg *piece, uint64_t t, uint64_t end, const uint64_t *part)
{
	struct why_seg p = *piece;

	p.t = t < c->from ? c->from : t;
	p.ns = end < c->to ? end : c->to;
	if (p.ns <= p.t)
		return 0;
	p.ns -= p.t;
	if (part)
		parts_share(p.part, part, p.ns, end - t);
	return vec_push(c->out, p);
}

static int stay_pieces(const struct cut *c, const struct stay *s)
{
	struct why_seg on = { .kind = CRIT_CPU, .nr = s->nr };
	struct why_seg wait = { .kind = CRIT_WAIT, .how = s->how, .context = s->context, .vec = s->vec, .write = s->write,
				.nr = s->nr, .by_tid = s->by_tid, .dev = s->dev, .site = s->site, .before = s->before };
	struct why_seg runq = { .kind = CRIT_RUNQ, .how = s->how, .nr = s->nr, .by_tid = s->runq_tid };
	int err = piece_add(c, &on, s->on, s->off, s->part);

	if (err || !s->run)
		return err;
	if (s->how == WHY_OFF_BLOCKED)
		err = piece_add(c, &wait, s->off, s->woken, NULL);
	return err ? err : piece_add(c, &runq, s->woken, s->run, NULL);
}

/* The first piece that ends after `from`. */
static size_t past_index(const struct thread *t, uint64_t from)
{
	size_t lo = 0, hi = t->past.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (t->past.v[mid].t + t->past.v[mid].ns <= from)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* What lies between the records: from the history, else unknown. */
static int gap_pieces(const struct thread *t, uint64_t from, uint64_t to, why_segs_t *out)
{
	static const struct why_seg unknown = { .kind = CRIT_UNKNOWN, .nr = WHY_NR_UNKNOWN };
	const struct cut c = { from, to, out };
	uint64_t at = from;
	int err = 0;

	for (size_t i = t ? past_index(t, from) : 0; t && i < t->past.n && !err && at < to; i++) {
		const struct why_seg *p = &t->past.v[i];
		uint64_t end = p->t + p->ns;

		if (end <= at || p->kind == CRIT_UNKNOWN)
			continue;
		if (p->t >= to)
			break;
		if (p->t > at)
			err = piece_add(&c, &unknown, at, p->t, NULL);
		if (!err)
			err = piece_add(&(struct cut){ at > p->t ? at : p->t, to, out }, p, p->t, end, p->part);
		at = end;
	}
	return err || at >= to ? err : piece_add(&c, &unknown, at, to, NULL);
}

static uint64_t stay_end(const struct kept *k)
{
	return k->on + (k->end ? time_unpack(k, 0, k->off) : time_unpack(k, 2, k->run));
}

/* The first stay that ends after `from`. */
static size_t stay_index(const struct thread *t, uint64_t from)
{
	size_t lo = 0, hi = t->stays.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (stay_end(&t->stays.v[mid]) <= from)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Since when something is known of it. `first` is later for one that was only a helper then. */
static uint64_t thread_begin(const struct thread *t)
{
	uint64_t begin = t->first;

	if (t->stays.n && t->stays.v[0].on < begin)
		begin = t->stays.v[0].on;
	return t->past.n && t->past.v[0].t < begin ? t->past.v[0].t : begin;
}

/* Who had that id before `to`. */
static const struct thread *thread_then(const struct why_store *s, uint32_t tid, uint64_t to)
{
	const struct thread *t = why_store_find(s, tid);

	while (t && t->older && thread_begin(t) >= to)
		t = t->older;
	return t;
}

uint64_t why_store_slice(void *ctx, uint32_t tid, uint64_t from, uint64_t to)
{
	const struct thread *t = thread_then(ctx, tid, to);
	size_t i = t ? stay_index(t, from) + SLICE : 0;
	uint64_t end;

	if (!t || i >= t->stays.n)
		return to;
	end = stay_end(&t->stays.v[i]);
	return end > from && end < to ? end : to;
}

int why_store_segs(void *ctx, uint32_t tid, uint64_t from, uint64_t to, why_segs_t *out)
{
	const struct thread *t = thread_then(ctx, tid, to);
	static const uint64_t kernel[WHY_ON_N] = { [WHY_ON_KERNEL] = 1 };
	static const struct why_seg running = { .kind = CRIT_CPU, .nr = WHY_NR_UNKNOWN };
	uint64_t at = from;
	int err = 0;

	if (t && t->older && from < thread_begin(t)) { /* until then the number was another's */
		at = thread_begin(t);
		err = why_store_segs(ctx, tid, from, at, out);
	}
	for (size_t i = t ? stay_index(t, at) : 0; t && i < t->stays.n && at < to && !err; i++) {
		const struct stay s = stay_unpack(ctx, &t->stays.v[i]);
		const struct cut c = { at, to, out };

		if (s.on >= to)
			break;
		if (s.on > at)
			err = gap_pieces(t, at, s.on, out);
		if (!err)
			err = stay_pieces(&c, &s);
		if (stay_end(&t->stays.v[i]) > at)
			at = stay_end(&t->stays.v[i]);
	}
	if (err || at >= to)
		return err;
	if (t && t->open && t->stays.n && at >= t->last)
		return piece_add(&(struct cut){ at, to, out }, &running, at, to, kernel);
	return gap_pieces(t, at, to, out);
}

uint64_t why_store_asleep(const struct why_store *s, uint32_t tid, uint64_t from, uint64_t to)
{
	const struct thread *t = thread_then(s, tid, to);
	uint64_t most = 0, site = 0;

	for (size_t i = t ? stay_index(t, from) : 0; t && i < t->stays.n; i++) {
		const struct stay a = stay_unpack(s, &t->stays.v[i]);
		uint64_t begin = a.off > from ? a.off : from, end = a.woken < to ? a.woken : to;

		if (a.on >= to)
			break;
		if (a.how == WHY_OFF_BLOCKED && end > begin && end - begin > most) {
			most = end - begin;
			site = a.site;
		}
	}
	return site;
}

/* ---- forgetting ---- */

bool why_store_past_room(const struct why_store *s)
{
	return s->npast < PAST_MOST;
}

void why_store_past_count(struct why_store *s, size_t n)
{
	s->npast += n;
}

static void thread_prune(struct why_store *s, struct thread *t, uint64_t before)
{
	size_t stays = stay_index(t, before), past = past_index(t, before);

	if (stays) {
		t->stays.n -= stays;
		s->nstays -= stays;
		memmove(t->stays.v, t->stays.v + stays, t->stays.n * sizeof(*t->stays.v));
	}
	if (past) {
		t->past.n -= past;
		s->npast -= past < s->npast ? past : s->npast;
		memmove(t->past.v, t->past.v + past, t->past.n * sizeof(*t->past.v));
	}
}

void why_store_prune(struct why_store *s, uint64_t before)
{
	if (s->nstays < STAYS_MOST / 2 && s->npast < PAST_MOST / 2)
		return;
	for (size_t i = 0; i < s->threads.n; i++)
		thread_prune(s, s->threads.v[i], before);
}
