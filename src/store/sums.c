/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The summary made of recorded operations: for a filter, for intervals, and where a recording was cut off before it had its
 * own. A request that several operations share is counted once.
 */
#include <errno.h>

#include "store/store_priv.h"

enum { NAME_MAX_LEN = 64, SEEN = 1 << 16 };

struct reason { char name[NAME_MAX_LEN]; uint64_t ns, count; };

struct sum {
	struct row row;
	char dev[NAME_MAX_LEN], kind[NAME_MAX_LEN];
	VEC(struct reason) reasons;
};

struct sums {
	VEC(struct sum *) sums;
	VEC(struct row) rows;
	VEC(struct share) shares;
	uint64_t seen[SEEN];              /* prints of the last requests; an older one may be counted again */
};

struct sums *sums_new(void)
{
	return calloc(1, sizeof(struct sums));
}

void sums_reset(struct sums *s)
{
	for (size_t i = 0; i < s->sums.n; i++) {
		vec_free(&s->sums.v[i]->reasons);
		free(s->sums.v[i]);
	}
	s->sums.n = 0;
}

void sums_free(struct sums *s)
{
	if (!s)
		return;
	sums_reset(s);
	vec_free(&s->sums);
	vec_free(&s->rows);
	vec_free(&s->shares);
	free(s);
}

static struct sum *sum_of(struct sums *s, enum row_type type, const char *dev, const char *kind)
{
	struct sum *fresh;

	for (size_t i = 0; i < s->sums.n; i++) {
		struct sum *sum = s->sums.v[i];

		if (sum->row.type == type && !strncmp(sum->kind, kind, NAME_MAX_LEN - 1) &&
		    !strncmp(sum->dev, dev, NAME_MAX_LEN - 1))
			return sum;
	}
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh || vec_push(&s->sums, fresh)) {
		free(fresh);
		return NULL;
	}
	fresh->row.type = type;
	fresh->row.min = UINT64_MAX;
	snprintf(fresh->dev, sizeof(fresh->dev), "%s", dev);
	snprintf(fresh->kind, sizeof(fresh->kind), "%s", kind);
	return fresh;
}

static int reason_add(struct sum *sum, const char *name, uint64_t ns)
{
	struct reason fresh = { .ns = ns, .count = 1 };

	for (size_t i = 0; i < sum->reasons.n; i++) {
		struct reason *r = &sum->reasons.v[i];

		if (!strncmp(r->name, name, NAME_MAX_LEN - 1)) {
			r->ns += ns;
			r->count++;
			return 0;
		}
	}
	snprintf(fresh.name, sizeof(fresh.name), "%s", name);
	return vec_push(&sum->reasons, fresh);
}

static void row_add(struct row *r, uint64_t wall, uint64_t bytes, bool error)
{
	r->count++;
	r->bytes += bytes;
	r->errors += error;
	r->wall += wall;
	r->min = wall < r->min ? wall : r->min;
	r->max = wall > r->max ? wall : r->max;
	r->hist[hist_bucket(wall)]++;
}

/* ---- requests: the stages from i on that belong to one; up to the device's, which is when it completed ---- */

static bool is_after_device(const struct stage *st)
{
	return !strcmp(st->name, "completion") || !strcmp(st->name, "run queue");
}

static bool seen_before(struct sums *s, const struct stage *first)
{
	uint64_t print = (first->t ^ first->sector << 20 ^ (uint64_t)(uint8_t)first->dev[0] << 56) * 0x9e3779b97f4a7c15ull;
	uint64_t *slot = &s->seen[print >> 48];

	if (*slot == print)
		return true;
	*slot = print;
	return false;
}

static int request_add(struct sums *s, const struct stage *st, unsigned int n)
{
	uint64_t wall = 0;
	struct sum *sum;
	int err = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (st[i].unfinished)
			return 0;
		wall += is_after_device(&st[i]) ? 0 : st[i].ns;
	}
	if (seen_before(s, st))
		return 0;
	sum = sum_of(s, ROW_DEVICE, st->dev, st->rw);
	if (!sum)
		return -ENOMEM;
	row_add(&sum->row, wall, st->bytes, st->error != 0);
	for (unsigned int i = 0; i < n && !err; i++)
		if (!is_after_device(&st[i]))
			err = reason_add(sum, st[i].name, st[i].ns);
	return err;
}

static int requests_add(struct sums *s, const struct op *op)
{
	int err = 0;

	for (unsigned int i = 0, k; i < op->nstages && !err; i = k) {
		for (k = i + 1; k < op->nstages && op->stages[k].request == op->stages[i].request; k++)
			;
		err = request_add(s, &op->stages[i], k - i);
	}
	return err;
}

int sums_add(struct sums *s, const struct op *op)
{
	struct sum *sum = sum_of(s, ROW_OP, op->dev, op->kind);
	int err = 0;

	if (!sum)
		return -ENOMEM;
	row_add(&sum->row, op->wall, op->ret > 0 ? (uint64_t)op->ret : 0, op_failed(op));
	for (int i = 0; i < PART_N; i++)
		sum->row.part[i] += op->part[i];
	sum->row.runq_preempted += op->runq_preempted;
	for (unsigned int i = 0; i < op->nwaits && !err; i++)
		err = reason_add(sum, op->waits[i].reason, op->waits[i].ns);
	return err ? err : requests_add(s, op);
}

/* ---- what it comes to ---- */

static int by_ns(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	return x->ns != y->ns ? (x->ns < y->ns ? 1 : -1) : strcmp(x->name, y->name);
}

static int by_type_wall(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	return (x->wall < y->wall) - (x->wall > y->wall);
}

/* Stages in the order of time, whether there were any or not, as the kernel's own summary has them. */
static int stages_make(struct sums *s, const struct sum *sum)
{
	static const char *const names[] = { "throttled", "get request", "plugged", "queued", "device" };
	int err = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !err; i++) {
		struct share share = { names[i], 0, sum->row.count };

		for (size_t k = 0; k < sum->reasons.n; k++)
			if (!strcmp(sum->reasons.v[k].name, names[i]))
				share.ns = sum->reasons.v[k].ns;
		err = vec_push(&s->shares, share);
	}
	return err;
}

static int waits_make(struct sums *s, const struct sum *sum)
{
	size_t first = s->shares.n;
	int err = 0;

	for (size_t k = 0; k < sum->reasons.n && !err; k++) {
		const struct reason *r = &sum->reasons.v[k];

		err = vec_push(&s->shares, ((struct share){ r->name, r->ns, r->count }));
	}
	if (s->shares.n > first)
		qsort(s->shares.v + first, s->shares.n - first, sizeof(struct share), by_ns);
	return err;
}

int sums_read(struct sums *s, struct summary *out)
{
	size_t share = 0;
	int err = 0;

	s->rows.n = s->shares.n = 0;
	for (size_t i = 0; i < s->sums.n && !err; i++) {
		struct sum *sum = s->sums.v[i];
		struct row row = sum->row;
		size_t first = s->shares.n;

		row.dev = sum->dev;
		row.kind = sum->kind;
		err = row.type == ROW_DEVICE ? stages_make(s, sum) : waits_make(s, sum);
		row.nshares = (unsigned int)(s->shares.n - first);
		if (!err)
			err = vec_push(&s->rows, row);
	}
	for (size_t i = 0; i < s->rows.n; i++) { /* the shares no longer move */
		s->rows.v[i].shares = s->shares.v + share;
		share += s->rows.v[i].nshares;
	}
	if (s->rows.n)
		qsort(s->rows.v, s->rows.n, sizeof(struct row), by_type_wall);
	out->nrows = (unsigned int)s->rows.n;
	out->rows = s->rows.v;
	return err;
}
