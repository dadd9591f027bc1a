/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* --json: one object a line. The contract is docs/format.md and docs/format.schema.json; change them together. */
#include "view/probe.h"
#include "view/sched.h"
#include "view/why.h"

enum { FORMAT_VERSION = 1 };

struct json_sink { struct view v; struct json j; };

static void *json_open(const struct sink_opts *opts)
{
	struct json_sink *s = view_open(opts, sizeof(*s));

	if (!s)
		return NULL;
	json_init(&s->j, opts->out);
	json_object_begin(&s->j);
	json_put_str(&s->j, "type", "format");
	json_put_u64(&s->j, "version", FORMAT_VERSION);
	json_object_end(&s->j);
	json_line(&s->j); /* a failure stays and is returned by the next call */
	return s;
}

static void put_parts(struct json *j, const uint64_t part[PART_N])
{
	json_key(j, "parts");
	json_object_begin(j);
	for (unsigned int i = 0; i < PART_N; i++)
		json_put_u64(j, part_names[i], part[i]);
	json_object_end(j);
}

static void put_flags(struct json *j, unsigned int flags)
{
	json_put_array(j, "flags");
	for (unsigned int bit = 0; op_flag_name(bit); bit++)
		if (flags & 1U << bit)
			json_str(j, op_flag_name(bit));
	json_array_end(j);
}

void json_put_stack_as(struct json *j, const char *key, const struct stack *stack)
{
	json_put_array(j, key);
	for (unsigned int i = 0; stack && i < stack->n; i++)
		json_str(j, stack->name[i] ? stack->name[i] : "?");
	json_array_end(j);
}

void json_put_stack(struct json *j, const struct stack *stack)
{
	json_put_stack_as(j, "stack", stack);
}

static void put_wait(struct json *j, const struct wait *w)
{
	json_object_begin(j);
	json_put_str(j, "reason", w->reason);
	json_put_u64(j, "ns", w->ns);
	json_put_u64(j, "t", w->t);
	json_put_stack(j, w->stack);
	json_object_end(j);
}

static void put_stage(struct json *j, const struct stage *s)
{
	json_object_begin(j);
	json_put_str(j, "layer", s->layer);
	json_put_str(j, "name", s->name);
	json_put_str(j, "dev", s->dev);
	json_put_u64(j, "t", s->t);
	json_put_u64(j, "ns", s->ns);
	json_put_u64(j, "sector", s->sector);
	json_put_u64(j, "bytes", s->bytes);
	json_put_str(j, "rw", s->rw);
	json_put_i64(j, "error", s->error);
	json_put_u64(j, "request", s->request);
	json_put_i64(j, "parent", s->parent);
	json_put_bool(j, "unfinished", s->unfinished);
	json_object_end(j);
}

static void put_op_head(struct json *j, const struct op *op)
{
	json_put_str(j, "type", "op");
	json_put_str(j, "op", op->kind);
	json_put_u64(j, "pid", op->pid);
	json_put_u64(j, "tid", op->tid);
	json_put_str(j, "comm", op->comm);
	json_put_str(j, "cgroup", op->cgroup);
	json_put_u64(j, "cgroup_id", op->cgroup_id);
	json_put_str(j, "file", op->file);
	json_put_str(j, "dev", op->dev);
	json_put_u64(j, "ino", op->ino);
	json_put_i64(j, "offset", op->offset);
	json_put_u64(j, "bytes", op->size);
	json_put_i64(j, "ret", op->ret);
	json_put_u64(j, "t", op->t);
	json_put_u64(j, "wall", op->wall);
}

static int json_op(void *self, const struct op *op)
{
	struct json *j = &((struct json_sink *)self)->j;

	json_object_begin(j);
	put_op_head(j, op);
	put_parts(j, op->part);
	json_put_u64(j, "runq_preempted", op->runq_preempted);
	put_flags(j, op->flags);
	json_put_u64(j, "pages_added", op->pages_added);
	json_put_u64(j, "pages_dirtied", op->pages_dirtied);
	json_put_u64(j, "requests", op->requests);
	json_put_array(j, "waits");
	for (unsigned int i = 0; i < op->nwaits; i++)
		put_wait(j, &op->waits[i]);
	json_array_end(j);
	json_put_array(j, "stages");
	for (unsigned int i = 0; i < op->nstages; i++)
		put_stage(j, &op->stages[i]);
	json_array_end(j);
	json_object_end(j);
	return json_line(j);
}

void json_put_hist(struct json *j, const uint64_t hist[HIST_N])
{
	json_put_array(j, "hist");
	for (unsigned int i = 0; i < HIST_N; i++) {
		if (!hist[i])
			continue;
		json_array_begin(j);
		json_u64(j, hist_lower(i));
		json_u64(j, hist[i]);
		json_array_end(j);
	}
	json_array_end(j);
}

void json_put_quantiles(struct json *j, const uint64_t hist[HIST_N], uint64_t count, uint64_t max)
{
	static const struct { const char *key; double q; } quantiles[] = {
		{ "p50", .5 }, { "p90", .9 }, { "p99", .99 }, { "p999", .999 },
	};

	for (unsigned int i = 0; i < 4; i++)
		json_put_u64(j, quantiles[i].key, view_round(hist_quantile(hist, count, quantiles[i].q, max)));
}

static void put_shares(struct json *j, const struct row *r)
{
	json_put_array(j, r->type == ROW_OP ? "waits" : "stages");
	for (unsigned int i = 0; i < r->nshares; i++) {
		json_object_begin(j);
		json_put_str(j, r->type == ROW_OP ? "reason" : "name", r->shares[i].name);
		json_put_u64(j, "ns", r->shares[i].ns);
		json_put_u64(j, "count", r->shares[i].count);
		json_object_end(j);
	}
	json_array_end(j);
}

static void put_row(struct json *j, const struct row *r)
{
	json_object_begin(j);
	json_put_str(j, "row", r->type == ROW_OP ? "op" : "device");
	json_put_str(j, "dev", r->dev);
	json_put_str(j, r->type == ROW_OP ? "op" : "rw", r->kind);
	json_put_u64(j, "count", r->count);
	json_put_u64(j, "bytes", r->bytes);
	json_put_u64(j, "errors", r->errors);
	json_put_u64(j, "wall", r->wall);
	json_put_u64(j, "min", r->min);
	json_put_u64(j, "max", r->max);
	json_put_u64(j, "mean", r->count ? (r->wall + r->count / 2) / r->count : 0);
	json_put_quantiles(j, r->hist, r->count, r->max);
	if (r->type == ROW_OP) {
		put_parts(j, r->part);
		json_put_u64(j, "runq_preempted", r->runq_preempted);
	}
	put_shares(j, r);
	json_put_hist(j, r->hist);
	json_object_end(j);
}

static int json_summary(void *self, const struct summary *s)
{
	struct json *j = &((struct json_sink *)self)->j;

	if (s->sched || s->why || s->probes) {
		if (s->sched)
			sched_json(j, s);
		else if (s->why)
			why_json(j, s);
		else
			probe_json(j, s);
		json_line(j);
		return s->interval ? json_flush(j) : j->err;
	}
	json_object_begin(j);
	json_put_str(j, "type", "summary");
	json_put_u64(j, "t", s->t);
	json_put_u64(j, "ns", s->ns);
	json_put_bool(j, "interval", s->interval);
	json_put_array(j, "rows");
	for (unsigned int i = 0; i < s->nrows; i++)
		put_row(j, &s->rows[i]);
	json_array_end(j);
	json_object_end(j);
	json_line(j);
	return s->interval ? json_flush(j) : j->err; /* an interval is watched live */
}

static int json_delay(void *self, const struct delay *d)
{
	struct json *j = &((struct json_sink *)self)->j;

	sched_delay_json(j, d);
	return json_line(j);
}

static int json_call(void *self, const struct slow_call *c)
{
	struct json *j = &((struct json_sink *)self)->j;

	why_call_json(j, c);
	return json_line(j);
}

static int json_hit(void *self, const struct hit *h)
{
	struct json *j = &((struct json_sink *)self)->j;

	probe_hit_json(j, h);
	return json_line(j);
}

static int json_lost(void *self, const struct losses *l)
{
	struct json *j = &((struct json_sink *)self)->j;

	json_object_begin(j);
	json_put_str(j, "type", "lost");
	json_put_u64(j, "total", l->total);
	json_put_array(j, "causes");
	for (unsigned int i = 0; i < l->n; i++) {
		json_object_begin(j);
		json_put_str(j, "what", l->v[i].what);
		json_put_str(j, "why", l->v[i].why);
		json_put_u64(j, "n", l->v[i].n);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
	return json_line(j);
}

static void put_unseen(struct json *j, const struct cost *c)
{
	json_put_array(j, "unseen");
	for (unsigned int i = 0; i < c->nunseen; i++) {
		json_object_begin(j);
		json_put_str(j, "what", c->unseen[i].what);
		json_put_str(j, "why", c->unseen[i].why);
		json_object_end(j);
	}
	json_array_end(j);
}

static int json_cost(void *self, const struct cost *c)
{
	struct json *j = &((struct json_sink *)self)->j;

	json_object_begin(j);
	json_put_str(j, "type", "cost");
	json_put_u64(j, "wall", c->wall);
	json_put_u64(j, "cpu_user", c->cpu_user);
	json_put_u64(j, "cpu_sys", c->cpu_sys);
	json_put_bool(j, "bpf_known", c->bpf_known);
	json_put_u64(j, "bpf_ns", c->bpf_known ? c->bpf_ns : 0);
	json_put_u64(j, "bpf_runs", c->bpf_known ? c->bpf_runs : 0);
	json_put_u64(j, "ops", c->ops);
	json_put_u64(j, "rss", c->rss);
	json_put_u64(j, "rss_peak", c->rss_peak);
	json_put_u64(j, "map_bytes", c->map_bytes);
	json_put_u64(j, "attach_ns", c->attach_ns);
	put_unseen(j, c);
	json_object_end(j);
	return json_line(j);
}

static int json_sink_flush(void *self)
{
	return json_flush(&((struct json_sink *)self)->j);
}

const struct sink sink_json = {
	.name = "json",
	.open = json_open,
	.op = json_op,
	.delay = json_delay,
	.call = json_call,
	.hit = json_hit,
	.summary = json_summary,
	.lost = json_lost,
	.cost = json_cost,
	.flush = json_sink_flush,
	.close = view_close,
};
