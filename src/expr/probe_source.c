/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Ad-hoc probes as a source: records to hits, rows to summaries. */
#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "expr/probe_priv.h"
#include "model/hooks.h"

/* ---- records ---- */

static const struct stack *stack_of(struct probing *st, const struct out *o, const uint8_t *at, uint32_t pid)
{
	int64_t bytes;

	memcpy(&bytes, at, sizeof(bytes));
	if (bytes <= 0 || bytes > 8 * STACK_DEPTH)
		return NULL;
	return symbol_stack(st->symbols, (const uint64_t *)(const void *)(at + STACK_HEAD), (unsigned int)(bytes / 8), pid, o->user_stack);
}

static void field_fill(struct probing *st, const struct probe_one *one, size_t i, const uint8_t *rec, struct text *t, struct hit *h)
{
	const struct out *o = &one->plan->outs.v[i];
	uint64_t faults;

	if (o->kind == OUT_STACK && !o->name) {
		const struct stack **to = o->user_stack ? &h->ustack : &h->kstack;

		*to = stack_of(st, o, rec + o->off, h->pid);
		return;
	}
	if (h->nfields == HIT_FIELDS || t->n + 1 >= t->cap)
		return;
	memcpy(&faults, rec + offsetof(struct hit_head, faults), sizeof(faults));
	st->fields[h->nfields] = (struct field){ o->name, t->buf + t->n };
	if (o->kind == OUT_STACK)
		stack_text(t, stack_of(st, o, rec + o->off, h->pid));
	else
		value_text(t, &one->render, o, rec + o->off, i < 64 && faults >> i & 1);
	text_end(t);
	h->nfields++;
}

int probe_record(void *self, const void *data, size_t size)
{
	struct probing *st = self;
	const struct hit_head *head = data;
	const struct probe_one *one;
	struct text t = { .buf = st->text, .cap = sizeof(st->text), .json = st->opts.json };
	struct hit h;
	char comm[17] = "";

	one = size >= sizeof(*head) && head->plan < st->ones.n ? st->ones.v[head->plan] : NULL;
	if (!one || size < plan_record_size(one->plan)) {
		st->malformed++;
		return 0;
	}
	memcpy(comm, head->comm, sizeof(head->comm));
	h = (struct hit){ .probe = one->plan->title, .index = one->plan->number, .t = head->t, .pid = (uint32_t)(head->ids >> 32),
			  .tid = (uint32_t)head->ids, .cpu = head->cpu, .comm = comm, .fields = st->fields };
	for (size_t i = 0; i < one->plan->outs.n; i++)
		field_fill(st, one, i, data, &t, &h);
	st->hits++;
	return st->feed && st->feed->hit ? st->feed->hit(st->feed->ctx, &h) : 0;
}

/* ---- the source ---- */

static void source_close(void *self)
{
	struct probing *st = self;

	if (!st)
		return;
	if (st->reading)
		records_close(&st->records);
	ftrace_free(st->ftrace);
	probe_unload(st);
	symbolizer_free(st->symbols);
	free(st->aggregates);
	free(st);
}

static struct probing *probing_new(const struct probe_opts *o)
{
	struct probing *st = calloc(1, sizeof(*st));

	if (!st)
		return NULL;
	st->opts = *o;
	st->env = (struct env){ .btf_path = o->btf, .more = o->more, .tracefs = -1, .kstack = o->kstack, .ustack = o->ustack, .ftrace = o->ftrace,
				.string_max = o->string_max };
	st->ae = (struct attach_env){ .env = &st->env, .ring = -1, .state = -1, .follow = -1, .follow_ns = -1, .tids = -1,
				      .epochs = o->intervals, .programs = o->programs };
	st->fork_prog = st->fork_link = -1;
	st->symbols = symbolizer_new();
	if (!st->symbols) {
		free(st);
		return NULL;
	}
	return st;
}

static int source_open(void **self, const void *opts, struct probe *machine)
{
	struct probing *st = probing_new(opts);
	int err;

	if (!st)
		return -ENOMEM;
	if (st->opts.ftrace) {
		err = probe_plan(st);
		err = err ? err : probe_ftrace(st, true);
	} else {
		err = probe_load(st, machine);
		err = err ? err : records_open(&st->records, st->ae.ring, probe_record, st);
		st->reading = !err;
	}
	if (!err) {
		st->aggregates = calloc(st->ones.n + 1, sizeof(*st->aggregates));
		err = st->aggregates ? 0 : -ENOMEM;
	}
	if (err)
		source_close(st);
	else
		*self = st;
	return err;
}

int probe_show(const struct probe_opts *o, bool script, FILE *out)
{
	struct probing *st = probing_new(o);
	unsigned int which = 0;
	struct diag d = { 0 };
	int err;

	if (!st)
		return -ENOMEM;
	err = probe_plan(st);
	err = err ? err : probe_ftrace(st, false);
	if (!err)
		err = script ? ftrace_script(st->ftrace, &d, &which, out) : ftrace_show(st->ftrace, "/sys/kernel/tracing", out);
	if (d.err)
		log_error("%s", d.message);
	source_close(st);
	return err;
}

static void source_start(void *self)
{
	struct probing *st = self;

	if (st->shared)
		st->shared->ready = 1;
}

static int source_read(struct probing *st, int timeout_ms, bool all, const struct feed *feed)
{
	int err;

	st->feed = feed;
	if (st->ftrace)
		err = ftrace_poll(st->ftrace, timeout_ms, probe_record, st);
	else
		err = records_read(&st->records, timeout_ms, all);
	st->feed = NULL;
	return err;
}

static int source_poll(void *self, int timeout_ms, const struct feed *feed)
{
	return source_read(self, timeout_ms, false, feed);
}

static int source_finish(void *self, const struct feed *feed)
{
	struct probing *st = self;

	if (st->shared)
		st->shared->ready = 0;
	return source_read(st, 0, true, feed);
}

/* From now on the other epoch; no program that has seen the old one is still running. */
static unsigned int epoch_end(struct probing *st)
{
	unsigned int old = st->shared->epoch;

	st->shared->epoch = !old;
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	return old;
}

static int collect(struct probing *st, struct rows *rows, bool interval, unsigned int old)
{
	int err;

	if (!st->opts.intervals)
		return rows_collect(rows, -1);
	err = rows_collect(rows, (int)old);
	return err || interval ? err : rows_collect(rows, (int)!old);
}

static int source_summary(void *self, struct summary *out, bool interval)
{
	struct probing *st = self;
	unsigned int n = 0, old = st->opts.intervals ? epoch_end(st) : 0;
	int err = 0;

	st->probes = (struct probes){ .v = st->aggregates, .hits = st->hits };
	for (size_t i = 0; i < st->ones.n && !err; i++) {
		struct rows *rows = st->ones.v[i]->rows;

		if (!rows)
			continue;
		err = collect(st, rows, interval, old);
		err = err ? err : rows_result(rows, interval, &st->aggregates[n++]);
		st->probes.hits += rows_hits(rows);
	}
	st->probes.n = n;
	*out = (struct summary){ .interval = interval, .probes = &st->probes };
	return err;
}

static int source_losses(void *self, struct losses *out)
{
	static const char *const text[LOST_N][2] = {
		[LOST_RING] = { "hits", "ring buffer full" },
		[LOST_ROWS] = { "hits", "more keys than the table holds: not in the sums" },
		[LOST_STACKS] = { "stacks", "another stack has the place in the table" },
		[LOST_RETURNS] = { "returns", "their entry was not seen: called before tracing began, or not shown by the kernel" },
		[LOST_ENTRIES] = { "entries", "more calls at a time than the table holds" },
	};
	struct probing *st = self;
	uint64_t ns = 0, runs = 0, missed = 0;

	for (size_t i = 0; i < st->ones.n; i++) {
		program_time(st->ones.v[i]->at.prog, &ns, &runs, &missed);
		program_time(st->ones.v[i]->at.entry_prog, &ns, &runs, &missed);
	}
	for (unsigned int i = 0; i < LOST_N; i++)
		st->lost[i] = (struct lost){ text[i][0], text[i][1], st->shared ? st->shared->lost[i] : 0 };
	st->lost[LOST_RING].n += st->ftrace ? ftrace_lost(st->ftrace) : 0;
	st->lost[LOST_N] = (struct lost){ "records", "malformed", st->malformed };
	st->lost[LOST_N + 1] = (struct lost){ "events", "the kernel skipped a program that was running already", missed };
	*out = (struct losses){ .n = LOST_N + 2, .v = st->lost };
	for (unsigned int i = 0; i < out->n; i++)
		out->total += st->lost[i].n;
	return 0;
}

static void source_cost(void *self, struct cost *out)
{
	struct probing *st = self;
	uint64_t missed = 0;

	for (size_t i = 0; i < st->ones.n; i++) {
		const struct attached *a = &st->ones.v[i]->at;

		out->bpf_known |= program_time(a->prog, &out->bpf_ns, &out->bpf_runs, &missed);
		out->bpf_known |= program_time(a->entry_prog, &out->bpf_ns, &out->bpf_runs, &missed);
		out->map_bytes += map_memory(a->maps.agg) + map_memory(a->maps.entry) + map_memory(a->maps.stacks);
	}
	out->map_bytes += map_memory(st->ae.ring) + map_memory(st->ae.state);
	out->ops = out->bpf_runs ? out->bpf_runs : st->probes.hits;
}

const struct source probe_source = {
	.name = "probe",
	.open = source_open,
	.start = source_start,
	.poll = source_poll,
	.finish = source_finish,
	.summary = source_summary,
	.losses = source_losses,
	.cost = source_cost,
	.close = source_close,
};
