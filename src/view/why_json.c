/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The objects `call` and `why` of docs/format.md. */
#include <inttypes.h>

#include "view/why.h"

static void put_parts(struct json *j, const uint64_t *part, unsigned int n)
{
	json_key(j, "parts");
	json_object_begin(j);
	for (unsigned int i = 0; i < n; i++)
		json_put_u64(j, why_part_names[i], part[i]);
	json_object_end(j);
}

static void put_by(struct json *j, const struct ender *by)
{
	json_key(j, "by");
	json_object_begin(j);
	json_put_str(j, "kind", by->kind);
	json_put_str(j, "name", by->name);
	json_put_u64(j, "pid", by->pid);
	json_put_u64(j, "tid", by->tid);
	json_object_end(j);
}

/* ---- paths ---- */

static void put_node(struct json *j, const struct crit_node *n)
{
	json_object_begin(j);
	json_put_str(j, "kind", crit_kind_names[n->kind]);
	json_put_u64(j, "depth", n->depth);
	json_put_u64(j, "t", n->t);
	json_put_u64(j, "ns", n->ns);
	json_put_u64(j, "count", n->count);
	json_put_u64(j, "pid", n->pid);
	json_put_u64(j, "tid", n->tid);
	json_put_str(j, "comm", n->comm);
	json_put_str(j, "reason", n->reason);
	put_by(j, &n->by);
	if (n->kind == CRIT_CPU)
		put_parts(j, n->part, WHY_CPU_N);
	if (n->kind == CRIT_WAIT) {
		json_put_u64(j, "before", n->before);
		json_put_stack(j, n->stack);
	}
	json_object_end(j);
}

static void put_nodes(struct json *j, const char *key, const struct crit *c)
{
	json_put_array(j, key);
	for (unsigned int i = 0; i < c->n; i++)
		put_node(j, &c->node[i]);
	json_array_end(j);
}

static void put_path(struct json *j, const char *key, const struct crit *c)
{
	json_key(j, key);
	if (!c->n) {
		json_null(j);
		return;
	}
	json_object_begin(j);
	json_put_u64(j, "pid", c->pid);
	json_put_u64(j, "tid", c->tid);
	json_put_str(j, "comm", c->comm);
	json_put_u64(j, "t", c->t);
	json_put_u64(j, "ns", c->ns);
	json_put_u64(j, "cut", c->cut);
	put_nodes(j, "nodes", c);
	json_object_end(j);
}

void why_call_json(struct json *j, const struct slow_call *c)
{
	json_object_begin(j);
	json_put_str(j, "type", "call");
	json_put_str(j, "call", c->name);
	json_put_u64(j, "pid", c->pid);
	json_put_u64(j, "tid", c->tid);
	json_put_str(j, "comm", c->comm);
	json_put_u64(j, "t", c->t);
	json_put_u64(j, "wall", c->ns);
	json_put_i64(j, "ret", c->ret);
	put_parts(j, c->part, WHY_PART_N);
	json_put_u64(j, "cut", c->path.cut);
	put_nodes(j, "path", &c->path);
	json_object_end(j);
}

/* ---- the summary ---- */

static void put_wait(struct json *j, const struct why_wait *w)
{
	char address[24] = "";

	json_object_begin(j);
	json_put_str(j, "reason", w->reason);
	put_by(j, &w->by);
	json_put_u64(j, "count", w->count);
	json_put_u64(j, "ns", w->ns);
	json_put_u64(j, "max", w->max);
	json_put_u64(j, "before", w->before);
	if (w->lock)
		snprintf(address, sizeof(address), "0x%" PRIx64, w->lock);
	json_put_str(j, "lock", address);
	json_put_str(j, "lock_name", w->lock_name ? w->lock_name : "");
	json_put_str(j, "owner", w->owner);
	json_put_u64(j, "owner_pid", w->owner_pid);
	json_put_u64(j, "owner_tid", w->owner_tid);
	json_put_stack_as(j, "owner_stack", w->owner_stack);
	json_put_stack(j, w->stack);
	json_object_end(j);
}

static void put_waits(struct json *j, const struct why_wait *w, unsigned int n)
{
	json_put_array(j, "waits");
	for (unsigned int i = 0; i < n; i++)
		put_wait(j, &w[i]);
	json_array_end(j);
}

static void put_runq(struct json *j, const struct why_runq *r, unsigned int n)
{
	json_put_array(j, "runq");
	for (unsigned int i = 0; i < n; i++) {
		json_object_begin(j);
		put_by(j, &r[i].by);
		json_put_u64(j, "count", r[i].count);
		json_put_u64(j, "ns", r[i].ns);
		json_object_end(j);
	}
	json_array_end(j);
}

static void put_thread(struct json *j, const struct why_thread *t)
{
	json_object_begin(j);
	json_put_u64(j, "pid", t->pid);
	json_put_u64(j, "tid", t->tid);
	json_put_str(j, "comm", t->comm);
	json_put_u64(j, "t", t->t);
	json_put_u64(j, "wall", t->wall);
	put_parts(j, t->part, WHY_PART_N);
	json_put_bool(j, "before", t->before);
	json_put_bool(j, "ended", t->ended);
	put_waits(j, t->waits, t->nwaits);
	put_runq(j, t->runq, t->nrunq);
	json_object_end(j);
}

static void put_syscall(struct json *j, const struct why_syscall *s)
{
	json_object_begin(j);
	json_put_str(j, "call", s->name);
	json_put_u64(j, "pid", s->pid);
	json_put_u64(j, "count", s->count);
	json_put_u64(j, "ns", s->ns);
	json_put_u64(j, "max", s->max);
	json_put_u64(j, "cpu", s->cpu);
	json_object_end(j);
}

void why_json(struct json *j, const struct summary *sum)
{
	const struct why *w = sum->why;

	json_object_begin(j);
	json_put_str(j, "type", "why");
	json_put_u64(j, "t", sum->t);
	json_put_u64(j, "ns", sum->ns);
	json_put_bool(j, "interval", sum->interval);
	json_put_u64(j, "wall", w->wall);
	put_parts(j, w->part, WHY_PART_N);
	json_put_array(j, "threads");
	for (unsigned int i = 0; i < w->nthreads; i++)
		put_thread(j, &w->threads[i]);
	json_array_end(j);
	put_waits(j, w->waits, w->nwaits);
	put_runq(j, w->runq, w->nrunq);
	json_put_array(j, "syscalls");
	for (unsigned int i = 0; i < w->nsyscalls; i++)
		put_syscall(j, &w->syscalls[i]);
	json_array_end(j);
	json_put_str(j, "call", w->call);
	json_put_u64(j, "calls", w->calls);
	json_put_u64(j, "slow", w->slow);
	put_path(j, "path", &w->path);
	put_path(j, "chain", &w->chain);
	json_object_end(j);
}
