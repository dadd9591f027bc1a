/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Operations and rows of the summary. What follows from something else is written as the difference, which is nearly always 0. */
#include "store/codec_priv.h"

/* The numbers of strings first: decoding, they are looked up from them. */
static void cx_who(struct codec *c, struct op *op)
{
	uint64_t v[5] = { op->pid, op->tid, cx_string_id(c, op->comm), op->cgroup_id, cx_string_id(c, op->cgroup) };

	cx_tuple(c, TUPLE_WHO, v, 5);
	if (!c->decode)
		return;
	op->pid = cx_narrow(c, v[0]);
	op->tid = cx_narrow(c, v[1]);
	op->comm = cx_string(c, v[2]);
	op->cgroup_id = v[3];
	op->cgroup = cx_string(c, v[4]);
}

static void cx_file(struct codec *c, struct op *op)
{
	uint64_t v[3] = { cx_string_id(c, op->file), cx_string_id(c, op->dev), op->ino };
	struct tuple *t = cx_tuple(c, TUPLE_FILE, v, 3);
	uint64_t offset = (uint64_t)op->offset;

	if (c->decode) {
		op->file = cx_string(c, v[0]);
		op->dev = cx_string(c, v[1]);
		op->ino = v[2];
	}
	cx_u64(c, &op->size);
	cx_near(c, &offset, t->next);
	op->offset = (int64_t)offset;
	t->next = op->offset < 0 ? offset : offset + op->size;
}

static void cx_wait(struct codec *c, struct wait *w, uint64_t *expected)
{
	cx_near(c, &w->t, *expected);
	cx_u64(c, &w->ns);
	cx_str(c, &w->reason);
	cx_stack(c, &w->stack);
	if (w->t)
		*expected = w->t + w->ns;
}

static void cx_stage(struct codec *c, struct stage *s, const struct stage *before, uint64_t expected)
{
	uint64_t v[6] = { cx_string_id(c, s->layer), cx_string_id(c, s->name), cx_string_id(c, s->dev), cx_string_id(c, s->rw),
			  (uint64_t)(int64_t)s->error, s->unfinished };
	uint64_t request = s->request, bytes = s->bytes;

	cx_tuple(c, TUPLE_STAGE, v, 6);
	if (c->decode) {
		s->layer = cx_string(c, v[0]);
		s->name = cx_string(c, v[1]);
		s->dev = cx_string(c, v[2]);
		s->rw = cx_string(c, v[3]);
		s->error = (int)v[4];
		s->unfinished = v[5] != 0;
	}
	cx_near(c, &s->t, expected);
	cx_u64(c, &s->ns);
	cx_near(c, &request, before->request);
	cx_near(c, &bytes, before->bytes);
	cx_near(c, &s->sector, before->sector);
	cx_int(c, &s->parent);
	if (!c->decode)
		return;
	s->request = cx_narrow(c, request);
	s->bytes = cx_narrow(c, bytes);
}

static void cx_items(struct codec *c, struct op *op)
{
	static const struct stage none;
	struct wait *w = cx_array(c, op->waits, &op->nwaits, sizeof(*w));
	struct stage *s = cx_array(c, op->stages, &op->nstages, sizeof(*s));
	uint64_t at = op->t;

	op->waits = w;
	op->stages = s;
	for (unsigned int i = 0; i < op->nwaits && !c->err; i++)
		cx_wait(c, &w[i], &at);
	for (unsigned int i = 0; i < op->nstages && !c->err; i++)
		cx_stage(c, &s[i], i ? &s[i - 1] : &none, i ? s[i - 1].t + s[i - 1].ns : op->t);
	if (c->err)
		op->nwaits = op->nstages = 0;
}

static void cx_parts(struct codec *c, struct op *op)
{
	uint64_t waited = 0, rest;

	for (unsigned int i = 0; i < op->nwaits; i++)
		waited += op->waits[i].ns;
	cx_near(c, &op->part[PART_WAIT], waited);
	cx_u64(c, &op->part[PART_IRQ]);
	cx_u64(c, &op->part[PART_SOFTIRQ]);
	cx_u64(c, &op->part[PART_RUNQ]);
	cx_u64(c, &op->runq_preempted);
	rest = op->wall - op->part[PART_WAIT] - op->part[PART_IRQ] - op->part[PART_SOFTIRQ] - op->part[PART_RUNQ];
	cx_near(c, &op->part[PART_CPU], rest);
}

void cx_op(struct codec *c, struct op *op)
{
	uint64_t v[2] = { cx_string_id(c, op->kind), op->flags }, ret = (uint64_t)op->ret;

	cx_tuple(c, TUPLE_WHAT, v, 2);
	if (c->decode) {
		op->kind = cx_string(c, v[0]);
		op->flags = cx_narrow(c, v[1]);
	}
	cx_who(c, op);
	cx_near(c, &op->t, c->last_t);
	c->last_t = op->t;
	cx_u64(c, &op->wall);
	cx_file(c, op);
	cx_near(c, &ret, op->size);
	op->ret = (int64_t)ret;
	cx_u32(c, &op->pages_added);
	cx_u32(c, &op->pages_dirtied);
	cx_u32(c, &op->requests);
	cx_items(c, op);
	cx_parts(c, op);
}

void cx_share(struct codec *c, struct share *s)
{
	cx_str(c, &s->name);
	cx_u64(c, &s->ns);
	cx_u64(c, &s->count);
}

static void cx_row(struct codec *c, struct row *r)
{
	uint64_t type = r->type;

	cx_u64(c, &type);
	if (type > ROW_DEVICE)
		cx_fail(c, -EBADMSG);
	if (c->decode)
		r->type = type ? ROW_DEVICE : ROW_OP;
	cx_str(c, &r->dev);
	cx_str(c, &r->kind);
	cx_u64(c, &r->count);
	cx_u64(c, &r->bytes);
	cx_u64(c, &r->errors);
	cx_u64(c, &r->wall);
	cx_u64(c, &r->min);
	cx_u64(c, &r->max);
	cx_u64s(c, r->part, PART_N);
	cx_u64(c, &r->runq_preempted);
	cx_hist(c, r->hist);
	CX_EACH(c, r, shares, nshares, cx_share);
}

void cx_rows(struct codec *c, struct summary *s)
{
	CX_EACH(c, s, rows, nrows, cx_row);
}
