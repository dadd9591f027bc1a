/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Waits for locks of the kernel: from tables of places, one a CPU, to rows of functions. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "model/lock_names.h"
#include "model/stacks.h"
#include "path/sched/sched_priv.h"

typedef VEC(struct sched_lock) sites_t;

struct sched_locks {
	struct sched_state *st;
	unsigned int ncpus;
	struct sched_lock *percpu;        /* what a look-up in a map gives: a value for each CPU */
	sites_t now, before;              /* all CPUs, by site and flags; before: at the last interval */
	VEC(struct lock_row) rows;
	VEC(uint64_t) most;               /* of each row: the largest sum of one place */
	struct lock_names names;
};

struct sched_locks *sched_locks_new(struct sched_state *st)
{
	struct sched_locks *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->st = st;
	l->ncpus = (unsigned int)libbpf_num_possible_cpus();
	l->percpu = calloc(l->ncpus, sizeof(*l->percpu));
	if (!l->percpu) {
		free(l);
		return NULL;
	}
	return l;
}

void sched_locks_free(struct sched_locks *l)
{
	if (!l)
		return;
	vec_free(&l->now);
	vec_free(&l->before);
	vec_free(&l->rows);
	vec_free(&l->most);
	lock_names_free(&l->names);
	free(l->percpu);
	free(l);
}

static int site_order(const void *a, const void *b)
{
	const struct sched_lock *x = a, *y = b;

	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	return (x->flags > y->flags) - (x->flags < y->flags);
}

static void site_merge(struct sched_lock *to, const struct sched_lock *from)
{
	struct sched_lock sum = from->max > to->max ? *from : *to;

	sum.count = to->count + from->count;
	sum.ns = to->ns + from->ns;
	*to = sum;
}

static int sites_fetch(struct sched_locks *l)
{
	int fd = sched_map_fd(l->st, "locks"), err = 0;
	sites_t *v = &l->now;
	size_t n = 0;

	v->n = 0;
	for (uint32_t i = 0; i < SCHED_LOCKS && !err; i++) {
		if (bpf_map_lookup_elem(fd, &i, l->percpu))
			return -errno;
		for (unsigned int c = 0; c < l->ncpus && !err; c++)
			if (l->percpu[c].count)
				err = vec_push(v, l->percpu[c]);
	}
	if (err || !v->n)
		return err;
	qsort(v->v, v->n, sizeof(*v->v), site_order);
	for (size_t i = 1; i < v->n; i++) /* those of several CPUs */
		if (site_order(&v->v[n], &v->v[i]))
			v->v[++n] = v->v[i];
		else
			site_merge(&v->v[n], &v->v[i]);
	v->n = n + 1;
	return 0;
}

/* LCB_F_* of include/trace/events/lock.h. */
const char *sched_lock_kind(unsigned int flags)
{
	enum { SPIN = 1, READ = 2, WRITE = 4, RT = 8, PERCPU = 16, MUTEX = 32 };
	const unsigned int rw = flags & (READ | WRITE);

	if (flags & MUTEX)
		return "mutex";
	if (flags & PERCPU)
		return rw == READ ? "percpu_rwsem read" : "percpu_rwsem write";
	if (flags & RT)
		return rw == READ ? "rt rwlock read" : rw ? "rt rwlock write" : "rt_mutex";
	if (flags & SPIN)
		return rw == READ ? "rwlock read" : rw ? "rwlock write" : "spinlock";
	return rw == READ ? "rwsem read" : rw ? "rwsem write" : "semaphore";
}

/* How a lock is taken, and how we are called: what lies above the function that wants it. */
static bool frame_is_lock(const char *name)
{
	static const char *const begin[] = {
		"bpf_", "__bpf_", "__traceiter_contention", "__probestub_contention", "trace_contention", "__bpf_trace_contention",
		"queued_", "native_queued_", "pv_queued_", "__pv_queued_", "_raw_", "__raw_", "do_raw_", "mutex_", "__mutex_",
		"ww_mutex_", "__ww_mutex_", "rwsem_", "down", "__down", "percpu_down_", "__percpu_down_", "rt_mutex_",
		"__rt_mutex_", "rt_spin_", "rtlock_", "rwbase_", "virt_spin_",
	};

	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++)
		if (!strncmp(name, begin[i], strlen(begin[i])))
			return true;
	return false;
}

const char *sched_lock_where(const char *const *name, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (name[i] && !frame_is_lock(name[i]))
			return name[i];
	return "unknown";
}

static int row_add(struct sched_locks *l, const struct lock_row *add)
{
	for (size_t i = 0; i < l->rows.n; i++) {
		struct lock_row *r = &l->rows.v[i], sum;

		if (strcmp(r->kind, add->kind) || strcmp(r->where, add->where))
			continue;
		sum = add->max > r->max ? *add : *r;
		sum.count = r->count + add->count;
		sum.ns = r->ns + add->ns;
		sum.stack = add->ns > l->most.v[i] ? add->stack : r->stack;
		if (add->ns > l->most.v[i])
			l->most.v[i] = add->ns;
		*r = sum;
		return 0;
	}
	return vec_push(&l->rows, *add) || vec_push(&l->most, add->ns) ? -ENOMEM : 0;
}

static int row_order(const void *a, const void *b)
{
	const struct lock_row *x = a, *y = b;

	return (x->ns < y->ns) - (x->ns > y->ns);
}

static int rows_make(struct sched_locks *l, bool interval)
{
	const sites_t *old = &l->before;
	const char *reason;
	int err = 0;

	l->rows.n = l->most.n = 0;
	for (size_t i = 0; i < l->now.n && !err; i++) {
		struct sched_lock *k = &l->now.v[i];
		const struct sched_lock *o = !interval || !old->n ? NULL : bsearch(k, old->v, old->n, sizeof(*k), site_order);
		const struct stack *stack = stacks_get(l->st->stacks, k->site, &reason);

		k->owner[15] = 0;
		if (o && o->count == k->count)
			continue;
		err = row_add(l, &(struct lock_row){
			.kind = sched_lock_kind(k->flags), .where = stack ? sched_lock_where(stack->name, stack->n) : "unknown",
			.stack = stack, .count = k->count - (o ? o->count : 0), .ns = k->ns - (o ? o->ns : 0), .max = k->max,
			.lock = k->lock, .owner_pid = k->owner_tgid, .owner_tid = k->owner_tid, .owner = k->owner, .lock_name = "" });
	}
	if (l->rows.n)
		qsort(l->rows.v, l->rows.n, sizeof(*l->rows.v), row_order);
	return err;
}

static int rows_name(struct sched_locks *l)
{
	int err = 0;

	lock_names_clear(&l->names);
	for (size_t i = 0; i < l->rows.n && !err; i++)
		err = lock_names_add(&l->names, l->rows.v[i].lock);
	if (!err)
		err = lock_names_find(&l->names);
	for (size_t i = 0; i < l->rows.n && !err; i++)
		l->rows.v[i].lock_name = lock_names_get(&l->names, l->rows.v[i].lock);
	return err;
}

int sched_locks_read(struct sched_locks *l, struct sched *out, bool interval)
{
	int err = sites_fetch(l);

	if (!err)
		err = rows_make(l, interval);
	if (!err && !interval)
		err = rows_name(l);
	if (err)
		return err;
	out->locks = l->rows.v;
	out->nlocks = (unsigned int)l->rows.n;
	if (interval) { /* what is now becomes what was; owners' names are read from `now` until the next call */
		l->before.n = 0;
		for (size_t i = 0; i < l->now.n && !err; i++)
			err = vec_push(&l->before, l->now.v[i]);
	}
	return err;
}
