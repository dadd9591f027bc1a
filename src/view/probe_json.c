/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The objects `hit` and `aggregates` of docs/format.md. */
#include "view/probe.h"

static void put_stack(struct json *j, const char *key, const struct stack *s)
{
	if (!s)
		return;
	json_put_array(j, key);
	for (unsigned int i = 0; i < s->n; i++)
		json_str(j, s->name[i]);
	json_array_end(j);
}

void probe_hit_json(struct json *j, const struct hit *h)
{
	json_object_begin(j);
	json_put_str(j, "type", "hit");
	json_put_u64(j, "t", h->t);
	json_put_str(j, "probe", h->probe);
	json_put_u64(j, "index", h->index);
	json_put_u64(j, "cpu", h->cpu);
	json_put_u64(j, "pid", h->pid);
	json_put_u64(j, "tid", h->tid);
	json_put_str(j, "comm", h->comm);
	json_key(j, "fields");
	json_object_begin(j);
	for (unsigned int i = 0; i < h->nfields; i++) {
		json_text_key(j, h->fields[i].name);
		json_raw(j, h->fields[i].text);
	}
	json_object_end(j);
	put_stack(j, "kstack", h->kstack);
	put_stack(j, "ustack", h->ustack);
	json_object_end(j);
}

static void put_row(struct json *j, const struct aggregate *a, const struct aggregate_row *r)
{
	bool values = strcmp(a->fn, "count") != 0;

	json_object_begin(j);
	json_key(j, "keys");
	json_object_begin(j);
	for (unsigned int k = 0; k < a->nkeys; k++) {
		json_text_key(j, a->key_names[k]);
		json_raw(j, r->keys[k]);
	}
	json_object_end(j);
	json_put_u64(j, "count", r->count);
	if (values) {
		json_put_i64(j, "sum", r->sum);
		json_put_i64(j, "min", r->min);
		json_put_i64(j, "max", r->max);
	}
	if (r->buckets) {
		json_put_array(j, "buckets");
		for (unsigned int i = 0; i < a->nbuckets; i++)
			json_u64(j, r->buckets[i]);
		json_array_end(j);
	}
	json_object_end(j);
}

static void put_aggregate(struct json *j, const struct aggregate *a)
{
	json_object_begin(j);
	json_put_str(j, "probe", a->probe);
	json_put_u64(j, "index", a->index);
	json_put_str(j, "fn", a->fn);
	json_put_str(j, "value", a->value);
	json_put_bool(j, "is_time", a->is_time);
	if (a->nbuckets) {
		json_put_array(j, "bounds");
		for (unsigned int i = 0; i <= a->nbuckets; i++)
			json_i64(j, a->bounds[i]);
		json_array_end(j);
	}
	json_put_array(j, "rows");
	for (unsigned int i = 0; i < a->nrows; i++)
		put_row(j, a, &a->rows[i]);
	json_array_end(j);
	json_put_u64(j, "more", a->more);
	json_object_end(j);
}

void probe_json(struct json *j, const struct summary *sum)
{
	json_object_begin(j);
	json_put_str(j, "type", "probes");
	json_put_u64(j, "t", sum->t);
	json_put_u64(j, "ns", sum->ns);
	json_put_bool(j, "interval", sum->interval);
	json_put_u64(j, "hits", sum->probes->hits);
	json_put_array(j, "aggregates");
	for (unsigned int i = 0; i < sum->probes->n; i++)
		put_aggregate(j, &sum->probes->v[i]);
	json_array_end(j);
	json_object_end(j);
}
