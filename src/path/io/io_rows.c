/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The in-kernel summary: rows of all CPUs added up, waits by reason, sorted for reading. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "path/io/io_priv.h"

/* As io_row_slot in state.bpf.h. */
struct row_slot { struct io_row_key key; uint32_t used, pad; struct io_row row; };
struct sum { struct io_row_key key; struct io_row row; };
struct wait_sum { struct io_wait_key key; struct io_wait_sum sum; };
typedef VEC(struct sum) sums_t;
typedef VEC(struct wait_sum) waits_t;

struct io_rows {
	struct io_state *st;
	int ncpus;
	struct row_slot *percpu;          /* one entry of the map: a value each CPU */
	struct io_wait_slot *percpu_waits;
	sums_t now, before;               /* before: at the last interval */
	waits_t waits, waits_before;
	VEC(struct row) rows;
	VEC(struct share) shares;
	char (*devs)[64];
};

struct io_rows *io_rows_new(struct io_state *st)
{
	struct io_rows *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->st = st;
	r->ncpus = libbpf_num_possible_cpus();
	r->percpu = r->ncpus > 0 ? calloc((size_t)r->ncpus, sizeof(*r->percpu)) : NULL;
	r->percpu_waits = r->ncpus > 0 ? calloc((size_t)r->ncpus, sizeof(*r->percpu_waits)) : NULL;
	if (!r->percpu || !r->percpu_waits) {
		io_rows_free(r);
		return NULL;
	}
	return r;
}

void io_rows_free(struct io_rows *r)
{
	if (!r)
		return;
	vec_free(&r->now);
	vec_free(&r->before);
	vec_free(&r->waits);
	vec_free(&r->waits_before);
	vec_free(&r->rows);
	vec_free(&r->shares);
	free(r->devs);
	free(r->percpu);
	free(r->percpu_waits);
	free(r);
}

static struct io_row *sum_of(sums_t *v, const struct io_row_key *key)
{
	struct sum fresh = { .key = *key };

	for (size_t i = 0; i < v->n; i++)
		if (!memcmp(&v->v[i].key, key, sizeof(*key)))
			return &v->v[i].row;
	fresh.row.min = UINT64_MAX;
	return vec_push(v, fresh) ? NULL : &v->v[v->n - 1].row;
}

/* sign -1 takes an earlier reading away. */
static void row_merge(struct io_row *to, const struct io_row *from, int sign)
{
	to->count += from->count * sign;
	to->bytes += from->bytes * sign;
	to->errors += from->errors * sign;
	to->wall += from->wall * sign;
	to->inflight += from->inflight * sign;
	to->unreaped += from->unreaped * sign;
	for (int i = 0; i < TP_N; i++)
		to->part[i] += from->part[i] * sign;
	for (int i = 0; i < IO_HIST_N; i++)
		to->hist[i] += from->hist[i] * sign;
	if (sign > 0 && from->min < to->min)
		to->min = from->min;
	if (sign > 0 && from->max > to->max)
		to->max = from->max;
}

static int rows_fetch(struct io_rows *r)
{
	int fd = io_map_fd(r->st, "rows");

	r->now.n = 0;
	for (uint32_t i = 0; i < IO_ROWS; i++) {
		if (bpf_map_lookup_elem(fd, &i, r->percpu))
			return -errno;
		for (int c = 0; c < r->ncpus; c++) {
			struct io_row *to;
			if (!r->percpu[c].used)
				continue;
			to = sum_of(&r->now, &r->percpu[c].key);
			if (!to)
				return -ENOMEM;
			row_merge(to, &r->percpu[c].row, 1);
		}
	}
	return 0;
}

static struct io_wait_sum *wait_of(waits_t *v, const struct io_wait_key *key)
{
	struct wait_sum fresh = { .key = *key };

	for (size_t i = 0; i < v->n; i++)
		if (!memcmp(&v->v[i].key, key, sizeof(*key)))
			return &v->v[i].sum;
	return vec_push(v, fresh) ? NULL : &v->v[v->n - 1].sum;
}

static int waits_fetch(struct io_rows *r)
{
	struct io_wait_slot *w = r->percpu_waits;
	int fd = io_map_fd(r->st, "waits");

	r->waits.n = 0;
	for (uint32_t i = 0; i < IO_WAITS; i++) {
		if (bpf_map_lookup_elem(fd, &i, w))
			return -errno;
		for (int c = 0; c < r->ncpus; c++) {
			struct io_wait_sum *to;
			if (!w[c].sum.count)
				continue;
			to = wait_of(&r->waits, &w[c].key);
			if (!to)
				return -ENOMEM;
			to->ns += w[c].sum.ns;
			to->count += w[c].sum.count;
		}
	}
	return 0;
}

/* What has come since `before`, which becomes the present state. */
static int since_last(struct io_rows *r)
{
	sums_t keep = { 0 };
	waits_t wkeep = { 0 };
	int err = 0;

	for (size_t i = 0; i < r->now.n && !err; i++)
		err = vec_push(&keep, r->now.v[i]);
	for (size_t i = 0; i < r->waits.n && !err; i++)
		err = vec_push(&wkeep, r->waits.v[i]);
	for (size_t i = 0; i < r->now.n; i++)
		for (size_t k = 0; k < r->before.n; k++)
			if (!memcmp(&r->now.v[i].key, &r->before.v[k].key, sizeof(struct io_row_key)))
				row_merge(&r->now.v[i].row, &r->before.v[k].row, -1);
	for (size_t i = 0; i < r->waits.n; i++)
		for (size_t k = 0; k < r->waits_before.n; k++)
			if (!memcmp(&r->waits.v[i].key, &r->waits_before.v[k].key, sizeof(struct io_wait_key))) {
				r->waits.v[i].sum.ns -= r->waits_before.v[k].sum.ns;
				r->waits.v[i].sum.count -= r->waits_before.v[k].sum.count;
			}
	vec_free(&r->before);
	vec_free(&r->waits_before);
	memcpy(&r->before, &keep, sizeof(keep));
	memcpy(&r->waits_before, &wkeep, sizeof(wkeep));
	return err;
}

static int share_add(struct io_rows *r, size_t first, const char *name, uint64_t ns, uint64_t count)
{
	if (!ns)
		return 0;
	for (size_t i = first; i < r->shares.n; i++)
		if (!strcmp(r->shares.v[i].name, name)) {
			r->shares.v[i].ns += ns;
			r->shares.v[i].count += count;
			return 0;
		}
	return vec_push(&r->shares, ((struct share){ name, ns, count }));
}

static int by_ns(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	return (x->ns < y->ns) - (x->ns > y->ns);
}

/* Wait reasons of an operation row; what the table of waits has lost or not yet shows as "not itemised". Of sync, msync and
 * the journal the device is known from the first bio on; what was waited before has no device, and goes to the first such
 * rows that have room for it. */
static int row_waits(struct io_rows *r, const struct sum *s, struct row *row)
{
	size_t first = r->shares.n;
	uint64_t left = s->row.part[TP_WAIT];
	const char *reason;
	int err = 0;

	for (size_t i = 0; i < r->waits.n && !err; i++) {
		struct wait_sum *w = &r->waits.v[i];
		uint64_t ns = w->sum.ns < left ? w->sum.ns : left;
		if ((w->key.dev && w->key.dev != s->key.dev) || w->key.kind != s->key.kind)
			continue;
		stacks_get(r->st->stacks, w->key.site, &reason);
		err = share_add(r, first, reason, ns, w->sum.count);
		left -= ns;
		w->sum.ns -= ns;
	}
	if (!err)
		err = share_add(r, first, "not itemised", left, 0);
	if (!err)
		err = share_add(r, first, "in flight", s->row.inflight, s->row.count);
	if (!err)
		err = share_add(r, first, "completed, not reaped", s->row.unreaped, s->row.count);
	if (r->shares.n > first)
		qsort(r->shares.v + first, r->shares.n - first, sizeof(struct share), by_ns);
	row->nshares = r->shares.n - first;
	return err;
}

static int row_stages(struct io_rows *r, const struct sum *s, struct row *row)
{
	static const char *const names[IOS_N] = { "throttled", "get request", "plugged", "queued", "device" };
	size_t first = r->shares.n;
	int err = 0;

	for (int i = 0; i < IOS_N && !err; i++)
		err = vec_push(&r->shares, ((struct share){ names[i], s->row.part[i], s->row.count }));
	row->nshares = r->shares.n - first;
	return err;
}

static void row_fill(const struct sum *s, struct row *row)
{
	const struct io_row *f = &s->row;

	row->count = f->count;
	row->bytes = f->bytes;
	row->errors = f->errors;
	row->wall = f->wall;
	row->min = f->min;
	row->max = f->max;
	memcpy(row->hist, f->hist, sizeof(row->hist));
	if (s->key.type != ROW_OP)
		return;
	row->part[PART_CPU] = f->part[TP_CPU];
	row->part[PART_IRQ] = f->part[TP_IRQ];
	row->part[PART_SOFTIRQ] = f->part[TP_SOFTIRQ];
	row->part[PART_RUNQ] = f->part[TP_PREEMPTED] + f->part[TP_WOKEN];
	row->part[PART_WAIT] = f->part[TP_WAIT] + f->inflight + f->unreaped;
	row->runq_preempted = f->part[TP_PREEMPTED];
}

static int by_type_wall(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return (x->wall < y->wall) - (x->wall > y->wall);
}

/* An interval's largest value is not kept; its histogram bounds it. */
static void row_interval_max(struct row *row)
{
	int b = HIST_N - 1;

	while (b >= 0 && !row->hist[b])
		b--;
	if (b >= 0 && b < HIST_N - 1 && hist_lower(b + 1) < row->max)
		row->max = hist_lower(b + 1);
	b = 0;
	while (b < HIST_N && !row->hist[b])
		b++;
	if (b < HIST_N && hist_lower(b) > row->min)
		row->min = hist_lower(b);
	if (row->max > row->wall)
		row->max = row->wall;
	if (row->count == 1)
		row->min = row->max = row->wall;
}

static int rows_make(struct io_rows *r, bool interval)
{
	size_t share = 0;
	int err = 0;

	r->rows.n = r->shares.n = 0;
	free(r->devs);
	r->devs = calloc(r->now.n + 1, sizeof(*r->devs));
	if (!r->devs)
		return -ENOMEM;
	for (size_t i = 0; i < r->now.n && !err; i++) {
		const struct sum *s = &r->now.v[i];
		struct row row = { .type = s->key.type ? ROW_DEVICE : ROW_OP };
		if (!s->row.count)
			continue;
		row_fill(s, &row);
		snprintf(r->devs[i], sizeof(r->devs[i]), "%s",
			 s->key.dev ? blockdevs_name(r->st->devs, dev_from_kernel(s->key.dev)) : "");
		row.dev = r->devs[i];
		row.kind = row.type == ROW_DEVICE ? io_dir_name(s->key.kind) : io_kind_name(s->key.kind);
		if (!row.kind)
			row.kind = "?";
		err = row.type == ROW_DEVICE ? row_stages(r, s, &row) : row_waits(r, s, &row);
		if (interval)
			row_interval_max(&row);
		if (!err)
			err = vec_push(&r->rows, row);
	}
	for (size_t i = 0; i < r->rows.n; i++) { /* the shares no longer move */
		r->rows.v[i].shares = r->shares.v + share;
		share += r->rows.v[i].nshares;
	}
	if (r->rows.n)
		qsort(r->rows.v, r->rows.n, sizeof(struct row), by_type_wall);
	return err;
}

int io_rows_read(struct io_rows *r, struct summary *out, bool interval)
{
	int err = rows_fetch(r);

	if (!err)
		err = waits_fetch(r);
	if (err)
		return err;
	r->st->ops = 0;
	for (size_t i = 0; i < r->now.n; i++)
		r->st->ops += r->now.v[i].row.count;
	if (interval)
		err = since_last(r);
	if (!err)
		err = rows_make(r, interval);
	memset(out, 0, sizeof(*out));
	out->interval = interval;
	out->nrows = r->rows.n;
	out->rows = r->rows.v;
	return err;
}
