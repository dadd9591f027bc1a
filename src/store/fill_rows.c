/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What each thing of the model becomes in the tables (schema.c). */
#include "store/tables.h"

#define I(v) ((int64_t)(v))

enum { ITEMS = 1024 }; /* an operation's waits, and its requests, have its number times this and their own as their key */

/* ---- operations ---- */

static void fill_wait(struct fill *f, int64_t op, unsigned int n, const struct wait *w, uint64_t t)
{
	const int64_t site[] = { fill_name(f, w->reason), fill_stack(f, w->stack) };

	fill_row(f, T_wait_row, w->t ? "iiii" : "i0ii", op * ITEMS + n, w->t ? I(w->t - t) : 0, I(w->ns),
		 fill_tuple(f, &f->site, T_site, site, 2));
}

enum stage_column { STAGE_THROTTLED, STAGE_GET, STAGE_PLUGGED, STAGE_QUEUED, STAGE_DEVICE, STAGE_COMPLETION, STAGE_RUN_QUEUE, STAGE_N };

static int stage_column(const char *name)
{
	static const char *const names[STAGE_N] = { "throttled", "get request", "plugged", "queued", "device", "completion",
						    "run queue" };

	for (int i = 0; i < STAGE_N; i++)
		if (!strcmp(name, names[i]))
			return i;
	return -1;
}

/* The stages of one request, n of them. */
static void fill_request(struct fill *f, int64_t op, const struct stage *st, unsigned int n, uint64_t t)
{
	const char *device = "", *completion = "";
	int64_t ns[STAGE_N] = { 0 }, route[6], id;
	char types[] = "iiiii0000000" "0";

	for (unsigned int i = 0; i < n; i++) {
		int k = stage_column(st[i].name);

		if (k < 0)
			continue;
		ns[k] += I(st[i].ns);
		types[5 + k] = 'i';
		if (k == STAGE_DEVICE)
			device = st[i].layer;
		else if (k == STAGE_COMPLETION)
			completion = st[i].layer;
	}
	route[0] = fill_name(f, st->dev);
	route[1] = fill_name(f, st->rw);
	route[2] = st->error;
	route[3] = fill_name(f, device);
	route[4] = fill_name(f, completion);
	route[5] = st[n - 1].unfinished;
	id = fill_tuple(f, &f->route, T_route, route, 6);
	types[5 + STAGE_N] = st->parent >= 0 ? 'i' : '0';
	fill_row(f, T_request_row, types, op * ITEMS + st->request, I(st->t - t), id, I(st->sector), I(st->bytes), ns[0], ns[1], ns[2],
		 ns[3], ns[4], ns[5], ns[6], I(st->parent));
}

static void fill_stages(struct fill *f, int64_t id, const struct op *op)
{
	for (unsigned int i = 0, k; i < op->nstages; i = k) {
		for (k = i + 1; k < op->nstages && op->stages[k].request == op->stages[i].request; k++)
			;
		if (op->stages[i].request < ITEMS)
			fill_request(f, id, &op->stages[i], k - i, op->t);
	}
}

void fill_op(struct fill *f, const struct op *op)
{
	const int64_t task[] = { op->pid, op->tid, fill_name(f, op->comm), I(op->cgroup_id), fill_name(f, op->cgroup) };
	const int64_t file[] = { fill_name(f, op->file), fill_name(f, op->dev), I(op->ino) };
	int64_t id = ++f->operations, kind = fill_name(f, op->kind);

	fill_row(f, T_operation_row, op->ret == I(op->size) ? "iiiiiiiii0iiiiiiii" : "iiiiiiiiiiiiiiiiii", id, I(op->t), I(op->wall),
		 kind, I(op->flags), fill_tuple(f, &f->task, T_task, task, 5), fill_tuple(f, &f->file, T_file, file, 3), op->offset,
		 I(op->size), op->ret, I(op->part[PART_IRQ]), I(op->part[PART_SOFTIRQ]), I(op->part[PART_RUNQ]),
		 I(op->runq_preempted), I(op->part[PART_WAIT]), I(op->pages_added), I(op->pages_dirtied), I(op->requests));
	for (unsigned int i = 0; i < op->nwaits && i < ITEMS; i++)
		fill_wait(f, id, i, &op->waits[i], op->t);
	fill_stages(f, id, op);
}

/* ---- what the other tracers send one by one ---- */

void fill_delay(struct fill *f, const struct delay *d)
{
	int64_t id = ++f->delays;

	fill_row(f, T_delays, "iiiiittitittiitiiiii", id, I(d->t), I(d->ns), I(d->pid), I(d->tid), d->comm, d->cgroup,
		 I(d->cgroup_id), d->policy, I(d->prio), d->how, d->context, I(d->by_pid), I(d->by_tid), d->by, I(d->cpu),
		 I(d->cpu_ran), I(d->moved), I(d->stretches), I(d->rest));
	for (unsigned int i = 0; i < d->nran; i++)
		fill_row(f, T_delay_segments, "iiiitii", id, I(i), I(d->ran[i].pid), I(d->ran[i].tid), d->ran[i].comm,
			 I(d->ran[i].ns), I(d->ran[i].stretches));
}

static void fill_path(struct fill *f, const char *path, int64_t call, const struct crit *c)
{
	for (unsigned int i = 0; i < c->n; i++) {
		const struct crit_node *n = &c->node[i];

		fill_row(f, T_segments, "tiiitiiiiittttiiiiiiki", path, call, I(i), I(n->depth), crit_kind_names[n->kind], I(n->t),
			 I(n->ns), I(n->count), I(n->pid), I(n->tid), n->comm, n->reason, n->by.kind, n->by.name, I(n->by.pid),
			 I(n->by.tid), I(n->part[WHY_USER]), I(n->part[WHY_KERNEL]), I(n->part[WHY_IRQ]), I(n->part[WHY_SOFTIRQ]),
			 fill_stack(f, n->stack), I(n->before));
	}
}

void fill_call(struct fill *f, const struct slow_call *c)
{
	int64_t id = ++f->calls;

	fill_row(f, T_calls, "itiitiiiiiiiiiiii", id, c->name, I(c->pid), I(c->tid), c->comm, I(c->t), I(c->ns), c->ret,
		 I(c->part[0]), I(c->part[1]), I(c->part[2]), I(c->part[3]), I(c->part[4]), I(c->part[5]), I(c->part[6]),
		 I(c->part[7]), I(c->part[8]));
	fill_path(f, "call", id, &c->path);
}

void fill_hit(struct fill *f, const struct hit *h)
{
	int64_t id = ++f->hits, kstack = fill_stack(f, h->kstack), ustack = fill_stack(f, h->ustack);

	fill_row(f, T_hits, "iitiiiitkk", id, I(h->t), h->probe, I(h->index), I(h->pid), I(h->tid), I(h->cpu), h->comm, kstack, ustack);
	for (unsigned int i = 0; i < h->nfields; i++)
		fill_row(f, T_hit_fields, "iitt", id, I(i), h->fields[i].name, h->fields[i].text);
}

/* ---- summaries ---- */

static void fill_summary_row(struct fill *f, int64_t summary, const struct row *r)
{
	int64_t id = ++f->rows;

	fill_row(f, T_rows, "iitttiiiiiiiiiiii", id, summary, r->type == ROW_OP ? "op" : "device", r->dev, r->kind, I(r->count),
		 I(r->bytes), I(r->errors), I(r->wall), I(r->min), I(r->max), I(r->part[PART_CPU]), I(r->part[PART_IRQ]),
		 I(r->part[PART_SOFTIRQ]), I(r->part[PART_RUNQ]), I(r->part[PART_WAIT]), I(r->runq_preempted));
	for (unsigned int i = 0; i < r->nshares; i++)
		fill_row(f, T_shares, "iitii", id, I(i), r->shares[i].name, I(r->shares[i].ns), I(r->shares[i].count));
	fill_hist(f, "row", id, r->hist);
}

#define DELAYS(d) I((d).count), I((d).ns), I((d).max), I((d).preempted), I((d).preempted_ns), I((d).voluntary), \
	I((d).involuntary), I((d).migrations), I((d).ran)

static void fill_tasks(struct fill *f, int64_t summary, const struct task_row *t, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		int64_t id = ++f->tasks;

		fill_row(f, T_tasks, "iiittitiiiiiiiiiii", id, summary, I(t[i].pid), t[i].comm, t[i].cgroup, I(t[i].cgroup_id),
			 t[i].policy, I(t[i].prio), I(t[i].others), DELAYS(t[i].d));
		fill_hist(f, "task", id, t[i].d.hist);
	}
}

static void fill_sched(struct fill *f, int64_t summary, const struct sched *s)
{
	for (unsigned int i = 0; i < s->ncpus; i++) {
		const struct cpu_row *c = &s->cpus[i];
		int64_t id = ++f->cpus;

		fill_row(f, T_cpus, "iiiiiiiiiiiiiiiii", id, summary, I(c->cpu), I(c->part[CPU_PART_BUSY]), I(c->part[CPU_PART_IRQ]),
			 I(c->part[CPU_PART_SOFTIRQ]), I(c->part[CPU_PART_IDLE]), I(c->part[CPU_PART_UNKNOWN]), DELAYS(c->d));
		fill_hist(f, "cpu", id, c->d.hist);
	}
	fill_tasks(f, summary, s->tasks, s->ntasks);
	fill_tasks(f, summary, s->cgroups, s->ncgroups);
	for (unsigned int i = 0; i < s->npreemptions; i++) {
		const struct preemption *p = &s->preemptions[i];

		fill_row(f, T_preemptions, "iititii", summary, I(p->by_pid), p->by, I(p->pid), p->comm, I(p->count), I(p->ns));
	}
	for (unsigned int i = 0; i < s->nlocks; i++) {
		const struct lock_row *l = &s->locks[i];

		fill_row(f, T_locks, "ittiiiiiittk", summary, l->kind, l->where, I(l->count), I(l->ns), I(l->max), I(l->lock),
			 I(l->owner_pid), I(l->owner_tid), l->owner, l->lock_name, fill_stack(f, l->stack));
	}
}

static void fill_waits(struct fill *f, int64_t thread, const struct why_wait *w, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		fill_row(f, T_thread_waits, "itttiiiiiitiikitk", thread, w[i].reason, w[i].by.kind, w[i].by.name, I(w[i].by.pid),
			 I(w[i].by.tid), I(w[i].count), I(w[i].ns), I(w[i].max), I(w[i].lock), w[i].owner, I(w[i].owner_pid),
			 I(w[i].owner_tid), fill_stack(f, w[i].stack), I(w[i].before), w[i].lock_name, fill_stack(f, w[i].owner_stack));
}

static void fill_thread(struct fill *f, int64_t summary, const struct why_thread *t)
{
	int64_t id = ++f->threads;

	fill_row(f, T_threads, "iiiitiiiiiiiiiiiii", id, summary, I(t->pid), I(t->tid), t->comm, I(t->t), I(t->wall), I(t->before),
		 I(t->ended), I(t->part[0]), I(t->part[1]), I(t->part[2]), I(t->part[3]), I(t->part[4]), I(t->part[5]),
		 I(t->part[6]), I(t->part[7]), I(t->part[8]));
	fill_waits(f, id, t->waits, t->nwaits);
	for (unsigned int i = 0; i < t->nrunq; i++) {
		const struct why_runq *r = &t->runq[i];

		fill_row(f, T_thread_runq, "ittiiii", id, r->by.kind, r->by.name, I(r->by.pid), I(r->by.tid), I(r->count), I(r->ns));
	}
}

static void fill_why(struct fill *f, int64_t summary, const struct why *w)
{
	for (unsigned int i = 0; i < w->nthreads; i++)
		fill_thread(f, summary, &w->threads[i]);
	for (unsigned int i = 0; i < w->nsyscalls; i++) {
		const struct why_syscall *s = &w->syscalls[i];

		fill_row(f, T_syscalls, "itiiiii", summary, s->name, I(s->pid), I(s->count), I(s->ns), I(s->max), I(s->cpu));
	}
	fill_path(f, "merged", summary, &w->path);
	fill_path(f, "run", summary, &w->chain);
}

/* The keys of a row as one text. */
static void fill_aggregate(struct fill *f, int64_t summary, const struct aggregate *a)
{
	for (unsigned int i = 0; i < a->nrows; i++) {
		const struct aggregate_row *r = &a->rows[i];
		int64_t id = ++f->aggregates;
		char keys[1024];
		size_t n = 0;

		keys[0] = 0;
		for (unsigned int k = 0; k < a->nkeys && n < sizeof(keys); k++)
			n += (size_t)snprintf(keys + n, sizeof(keys) - n, "%s%s", k ? ", " : "", r->keys[k]);
		fill_row(f, T_aggregates, "iititttiiii", id, summary, a->probe, I(a->index), a->fn, a->value, keys, I(r->count),
			 r->sum, r->min, r->max);
		for (unsigned int b = 0; r->buckets && a->bounds && b < a->nbuckets; b++)
			if (r->buckets[b])
				fill_row(f, T_histograms, "tiiii", "aggregate", id, a->bounds[b], a->bounds[b + 1], I(r->buckets[b]));
	}
}

void fill_summary(struct fill *f, const struct summary *s)
{
	int64_t id = ++f->summaries;

	fill_row(f, T_summaries, "iiii", id, I(s->t), I(s->ns), I(s->interval));
	for (unsigned int i = 0; i < s->nrows; i++)
		fill_summary_row(f, id, &s->rows[i]);
	if (s->sched)
		fill_sched(f, id, s->sched);
	if (s->why)
		fill_why(f, id, s->why);
	for (unsigned int i = 0; s->probes && i < s->probes->n; i++)
		fill_aggregate(f, id, &s->probes->v[i]);
}
