/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What spoor probe finds. */
#include "store/codec_priv.h"

static void cx_field(struct codec *c, struct field *f)
{
	cx_str(c, &f->name);
	cx_str(c, &f->text);
}

void cx_hit(struct codec *c, struct hit *h)
{
	cx_str(c, &h->probe);
	cx_u32(c, &h->index);
	cx_near(c, &h->t, c->last_t);
	c->last_t = h->t;
	cx_u32(c, &h->pid);
	cx_u32(c, &h->tid);
	cx_u32(c, &h->cpu);
	cx_str(c, &h->comm);
	CX_EACH(c, h, fields, nfields, cx_field);
	cx_stack(c, &h->kstack);
	cx_stack(c, &h->ustack);
}

/* What a row's arrays have in common with all of their aggregate. */
static void cx_aggregate_row(struct codec *c, struct aggregate_row *r, unsigned int nkeys, unsigned int nbuckets)
{
	const char **keys = c->decode ? cx_alloc(c, nkeys * sizeof(*keys)) : (const char **)r->keys;
	uint64_t *buckets = cx_maybe(c, r->buckets, nbuckets * sizeof(*buckets));

	if (c->err)
		return;
	for (unsigned int i = 0; i < nkeys; i++)
		cx_str(c, &keys[i]);
	cx_u64(c, &r->count);
	cx_i64(c, &r->sum);
	cx_i64(c, &r->min);
	cx_i64(c, &r->max);
	if (buckets)
		cx_u64s(c, buckets, nbuckets);
	cx_stack(c, &r->stack);
	if (!c->decode)
		return;
	r->keys = (const char *const *)keys;
	r->buckets = buckets;
}

static void cx_aggregate(struct codec *c, struct aggregate *a)
{
	const char **names = cx_array(c, a->key_names, &a->nkeys, sizeof(*names));
	unsigned int n = a->nrows;
	int64_t *bounds;
	struct aggregate_row *rows;

	cx_u32(c, &a->nbuckets);
	if (c->decode && a->nbuckets > (uint64_t)(c->end - c->at))
		cx_fail(c, -EBADMSG);
	bounds = cx_maybe(c, a->bounds, ((size_t)a->nbuckets + 1) * sizeof(*bounds));
	rows = cx_array(c, a->rows, &n, sizeof(*rows));
	for (unsigned int i = 0; i < a->nkeys && !c->err; i++)
		cx_str(c, &names[i]);
	for (unsigned int i = 0; bounds && i <= a->nbuckets; i++)
		cx_i64(c, &bounds[i]);
	if (c->decode) {
		a->key_names = (const char *const *)names;
		a->bounds = bounds;
		a->rows = rows;
		a->nrows = n;
	}
	cx_str(c, &a->probe);
	cx_u32(c, &a->index);
	cx_str(c, &a->fn);
	cx_str(c, &a->value);
	cx_bool(c, &a->is_time);
	cx_u64(c, &a->more);
	for (unsigned int i = 0; i < n && !c->err; i++)
		cx_aggregate_row(c, &rows[i], a->nkeys, a->nbuckets);
}

void cx_probes(struct codec *c, struct probes *p)
{
	CX_EACH(c, p, v, n, cx_aggregate);
	cx_u64(c, &p->hits);
}
