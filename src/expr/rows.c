/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "expr/rows.h"
#include "expr/symbolizer.h"

enum { KEY_TEXT = 8192, SPARE = 4 };

/* Rows one after the other: the key, then the value as in the map. An index of them by hash. */
struct table { uint8_t *row; size_t n, cap, size; uint32_t *index; size_t slots; };

struct rows {
	const struct attached *a;
	const struct render *render;
	bool json;
	unsigned int key, value, buckets, ncpus;
	struct table total, interval;
	uint8_t *percpu;
	VEC(void *) texts;         /* of the last result */
};

struct rows *rows_new(const struct attached *a, const struct render *r, bool json)
{
	struct rows *rows = calloc(1, sizeof(*rows));

	if (!rows)
		return NULL;
	*rows = (struct rows){ .a = a, .render = r, .json = json, .key = (plan_key_size(a->plan, false) + 7) / 8 * 8,
			       .value = plan_agg_size(a->plan), .buckets = plan_buckets(a->plan),
			       .ncpus = (unsigned int)libbpf_num_possible_cpus() };
	rows->total.size = rows->interval.size = rows->key + rows->value;
	rows->percpu = calloc(rows->ncpus, rows->value);
	if (!rows->percpu) {
		free(rows);
		return NULL;
	}
	return rows;
}

static void texts_free(struct rows *rows)
{
	for (size_t i = 0; i < rows->texts.n; i++)
		free(rows->texts.v[i]);
	vec_free(&rows->texts);
}

void rows_free(struct rows *rows)
{
	if (!rows)
		return;
	texts_free(rows);
	free(rows->total.row);
	free(rows->total.index);
	free(rows->interval.row);
	free(rows->interval.index);
	free(rows->percpu);
	free(rows);
}

/* ---- tables ---- */

static size_t hash(const uint8_t *key, size_t n)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < n; i++)
		h = (h ^ key[i]) * 0x100000001b3ULL;
	return (size_t)(h ^ h >> 29);
}

static int table_grow(struct table *t, size_t key)
{
	size_t cap = t->cap ? 2 * t->cap : 64;
	uint8_t *row = reallocarray(t->row, cap, t->size);
	uint32_t *index;

	if (!row)
		return -ENOMEM;
	t->row = row;
	index = calloc(SPARE * cap, sizeof(*index));
	if (!index)
		return -ENOMEM;
	free(t->index);
	t->index = index;
	t->cap = cap;
	t->slots = SPARE * cap;
	for (size_t i = 0; i < t->n; i++) {
		size_t at = hash(t->row + i * t->size, key) % t->slots;

		while (index[at])
			at = (at + 1) % t->slots;
		index[at] = (uint32_t)i + 1;
	}
	return 0;
}

/* The value of the key's row, made when it is the first; NULL: no memory. */
static struct agg_value *table_row(struct table *t, const uint8_t *key, size_t size)
{
	struct agg_value *v;
	size_t at;

	if (t->n == t->cap && table_grow(t, size))
		return NULL;
	at = hash(key, size) % t->slots;
	for (; t->index[at]; at = (at + 1) % t->slots) {
		uint8_t *row = t->row + (t->index[at] - 1) * t->size;

		if (!memcmp(row, key, size))
			return (struct agg_value *)(void *)(row + size);
	}
	t->index[at] = (uint32_t)++t->n;
	memcpy(t->row + (t->n - 1) * t->size, key, size);
	v = (struct agg_value *)(void *)(t->row + (t->n - 1) * t->size + size);
	memset(v, 0, t->size - size);
	v->min = INT64_MAX;
	v->max = INT64_MIN;
	return v;
}

static void value_add(struct agg_value *to, const struct agg_value *from, unsigned int buckets)
{
	uint64_t *t = (uint64_t *)(to + 1);
	const uint64_t *f = (const uint64_t *)(from + 1);

	to->count += from->count;
	to->sum += from->sum;
	to->min = from->min < to->min ? from->min : to->min;
	to->max = from->max > to->max ? from->max : to->max;
	for (unsigned int i = 0; i < buckets; i++)
		t[i] += f[i];
}

/* ---- reading ---- */

/* One key's values of all CPUs. The epoch is no part of the key that is kept. */
static int row_take(struct rows *rows, const uint8_t *key)
{
	struct table *const to[] = { &rows->total, &rows->interval };
	uint8_t kept[512] = { 0 };

	if (bpf_map_lookup_elem(rows->a->maps.agg, key, rows->percpu))
		return errno == ENOENT ? 0 : -errno;
	if (rows->a->plan->keys.n)
		memcpy(kept + 8, key + 8, rows->key - 8);
	for (size_t k = 0; k < 2; k++) {
		struct agg_value *v = NULL;

		for (unsigned int cpu = 0; cpu < rows->ncpus; cpu++) {
			const struct agg_value *from = (const struct agg_value *)(const void *)(rows->percpu + (size_t)cpu * rows->value);

			if (!from->count)
				continue;
			v = v ? v : table_row(to[k], kept, rows->key);
			if (!v)
				return -ENOMEM;
			value_add(v, from, rows->buckets);
		}
	}
	return 0;
}

static void table_clear(struct table *t)
{
	t->n = 0;
	if (t->index)
		memset(t->index, 0, t->slots * sizeof(*t->index));
}

static int collect_array(struct rows *rows, int epoch)
{
	uint32_t key = epoch < 0 ? 0 : (uint32_t)epoch & 1;
	int err = row_take(rows, (const uint8_t *)&key);

	return err || epoch < 0 ? err : agg_reset(rows->a, key);
}

int rows_collect(struct rows *rows, int epoch)
{
	VEC(uint8_t) keys = { 0 };
	uint8_t key[512], *last = NULL;
	int map = rows->a->maps.agg, err = 0;
	uint32_t of;

	if (epoch < 0)
		table_clear(&rows->total);
	table_clear(&rows->interval);
	if (!rows->a->plan->keys.n)
		return collect_array(rows, epoch);
	while (!err && !bpf_map_get_next_key(map, last, key)) {
		last = key;
		memcpy(&of, key, sizeof(of));
		if (epoch >= 0 && of != (uint32_t)epoch)
			continue;
		err = vec_reserve(&keys, rows->key);
		if (!err) {
			memcpy(keys.v + keys.n, key, rows->key);
			keys.n += rows->key;
		}
	}
	for (size_t i = 0; i < keys.n && !err; i += rows->key) {
		err = row_take(rows, keys.v + i);
		if (!err && epoch >= 0)
			bpf_map_delete_elem(map, keys.v + i);
	}
	vec_free(&keys);
	return err;
}

uint64_t rows_hits(const struct rows *rows)
{
	uint64_t n = 0;

	for (size_t i = 0; i < rows->total.n; i++)
		n += ((const struct agg_value *)(const void *)(rows->total.row + i * rows->total.size + rows->key))->count;
	return n;
}

/* ---- results ---- */

static void *text_room(struct rows *rows, size_t size)
{
	void *at = calloc(1, size ? size : 1);

	if (at && vec_push(&rows->texts, at)) {
		free(at);
		return NULL;
	}
	return at;
}

static const struct agg_value *value_at(const struct rows *rows, const struct table *t, size_t i)
{
	return (const struct agg_value *)(const void *)(t->row + i * t->size + rows->key);
}

static int64_t weight(const struct rows *rows, const struct agg_value *v)
{
	switch (rows->a->plan->ast->agg.fn) {
	case AGG_SUM: return v->sum;
	case AGG_AVG: return v->count ? v->sum / (int64_t)v->count : 0;
	case AGG_MIN: return v->min;
	case AGG_MAX: return v->max;
	default: return (int64_t)v->count;
	}
}

struct order { const struct rows *rows; const struct table *t; };

static int heavier(const void *a, const void *b, void *ctx)
{
	const struct order *o = ctx;
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	int64_t x = weight(o->rows, value_at(o->rows, o->t, i)), y = weight(o->rows, value_at(o->rows, o->t, k));

	if (x != y)
		return x < y ? 1 : -1;
	return memcmp(o->t->row + i * o->t->size, o->t->row + k * o->t->size, o->rows->key);
}

static const struct stack *key_stack(struct rows *rows, const struct out *o, int64_t id, uint32_t pid)
{
	uint64_t addr[STACK_DEPTH] = { 0 };
	uint32_t key = (uint32_t)id;
	unsigned int n = 0;

	if (id < 0 || bpf_map_lookup_elem(rows->a->maps.stacks, &key, addr))
		return NULL;
	while (n < STACK_DEPTH && addr[n])
		n++;
	return symbol_stack(rows->render->symbols, addr, n, pid, o->user_stack);
}

/* The process that a user stack is of stands among the keys, where it does. */
static uint32_t key_pid(const struct plan *p, const uint8_t *key)
{
	for (size_t i = 0; i < p->keys.n; i++)
		if (p->keys.v[i].ir && p->keys.v[i].ir->op == IR_IDS && p->keys.v[i].ir->number)
			return *(const uint32_t *)(const void *)(key + p->keys.v[i].off);
	return 0;
}

static int key_texts(struct rows *rows, const uint8_t *key, struct aggregate_row *to)
{
	const struct plan *p = rows->a->plan;
	const char **texts = text_room(rows, p->keys.n * sizeof(*texts));
	char *buf = malloc(KEY_TEXT);
	int err = texts && buf ? 0 : -ENOMEM;

	for (size_t i = 0; i < p->keys.n && !err; i++) {
		const struct out *o = &p->keys.v[i];
		struct text t = { .buf = buf, .cap = KEY_TEXT, .json = rows->json };
		char *copy;
		int64_t id;

		memcpy(&id, key + o->off, 8);
		if (o->is_stack)
			stack_text(&t, key_stack(rows, o, id, key_pid(p, key)));
		else if (o->kind == OUT_COMM && !t.json)
			text_bare(&t, (const char *)key + o->off);
		else
			value_text(&t, rows->render, o, key + o->off, false);
		text_end(&t);
		copy = text_room(rows, t.n + 1);
		err = copy ? 0 : -ENOMEM;
		if (copy)
			memcpy(copy, buf, t.n);
		texts[i] = copy;
	}
	free(buf);
	to->keys = texts;
	return err;
}

/* ---- histograms ---- */

static int64_t bucket_lower(const struct plan *p, unsigned int i)
{
	const struct agg *a = &p->ast->agg;

	if (a->fn == AGG_LINEAR) {
		int64_t at = (int64_t)(a->low + (i ? i - 1 : 0) * a->step);

		return !i ? INT64_MIN : at < (int64_t)a->high ? at : (int64_t)a->high;
	}
	if (i > 64)
		return i - 65 > 62 ? INT64_MAX : (int64_t)1 << (i - 65);
	if (i == 64)
		return 0;
	return i < 1 ? INT64_MIN : -(int64_t)((1ULL << (64 - i)) - 1);
}

/* Only those from the first that is used to the last, in any row. */
static int histogram(struct rows *rows, const struct table *t, struct aggregate *out, unsigned int *first)
{
	unsigned int lo = rows->buckets, hi = 0;
	int64_t *bounds;

	for (size_t i = 0; i < t->n; i++) {
		const uint64_t *b = (const uint64_t *)(value_at(rows, t, i) + 1);

		for (unsigned int k = 0; k < rows->buckets; k++)
			if (b[k]) {
				lo = k < lo ? k : lo;
				hi = k > hi ? k : hi;
			}
	}
	if (lo > hi)
		return 0;
	*first = lo;
	out->nbuckets = hi - lo + 1;
	bounds = text_room(rows, (out->nbuckets + 1) * sizeof(*bounds));
	if (!bounds)
		return -ENOMEM;
	for (unsigned int i = 0; i <= out->nbuckets; i++)
		bounds[i] = lo + i < rows->buckets ? bucket_lower(rows->a->plan, lo + i) : INT64_MAX;
	out->bounds = bounds;
	return 0;
}

static const char *fn_name(enum agg_fn fn)
{
	static const char *const names[] = { "", "count", "sum", "avg", "min", "max", "hist", "linear", "stats" };

	return names[fn];
}

static void head(const struct plan *p, struct aggregate *out, const char *value)
{
	*out = (struct aggregate){ .probe = p->title, .index = p->index, .fn = fn_name(p->ast->agg.fn), .value = value,
				   .is_time = p->value_time, .nkeys = (unsigned int)p->keys.n };
}

static int rows_fill(struct rows *rows, const struct table *t, const uint32_t *order, struct aggregate *out, unsigned int first)
{
	struct aggregate_row *row = text_room(rows, out->nrows * sizeof(*row));
	int err = row ? 0 : -ENOMEM;

	for (unsigned int i = 0; i < out->nrows && !err; i++) {
		const struct agg_value *v = value_at(rows, t, order[i]);

		row[i] = (struct aggregate_row){ .count = v->count, .sum = v->sum, .min = v->min, .max = v->max,
						 .buckets = out->nbuckets ? (const uint64_t *)(v + 1) + first : NULL };
		err = key_texts(rows, t->row + order[i] * t->size, &row[i]);
	}
	out->rows = row;
	return err;
}

int rows_result(struct rows *rows, bool interval, struct aggregate *out)
{
	const struct plan *p = rows->a->plan;
	const struct agg *agg = &p->ast->agg;
	struct table *t = interval ? &rows->interval : &rows->total;
	struct order by = { rows, t };
	const char **names;
	uint32_t *order;
	unsigned int first = 0;
	char *value;
	int err;

	texts_free(rows);
	names = text_room(rows, p->keys.n * sizeof(*names));
	order = text_room(rows, t->n * sizeof(*order));
	value = text_room(rows, agg->value ? agg->value->span.len + 1 : 1);
	if (!names || !order || !value)
		return -ENOMEM;
	if (agg->value)
		memcpy(value, p->ast->text + agg->value->span.at, agg->value->span.len);
	head(p, out, value);
	for (size_t i = 0; i < p->keys.n; i++)
		names[i] = p->keys.v[i].name;
	out->key_names = names;
	for (size_t i = 0; i < t->n; i++)
		order[i] = (uint32_t)i;
	if (t->n)
		qsort_r(order, t->n, sizeof(*order), heavier, &by);
	out->nrows = (unsigned int)(agg->top && agg->top < t->n ? agg->top : t->n);
	out->more = t->n - out->nrows;
	err = rows->buckets ? histogram(rows, t, out, &first) : 0;
	return err ? err : rows_fill(rows, t, order, out, first);
}
