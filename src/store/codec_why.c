/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What spoor why finds. */
#include "store/codec_priv.h"

static void cx_ender(struct codec *c, struct ender *e)
{
	cx_str(c, &e->kind);
	cx_str(c, &e->name);
	cx_u32(c, &e->pid);
	cx_u32(c, &e->tid);
}

static void cx_why_wait(struct codec *c, struct why_wait *w)
{
	cx_str(c, &w->reason);
	cx_ender(c, &w->by);
	cx_u64(c, &w->count);
	cx_u64(c, &w->ns);
	cx_u64(c, &w->max);
	cx_stack(c, &w->stack);
	cx_u64(c, &w->lock);
	cx_str(c, &w->owner);
	cx_u32(c, &w->owner_pid);
	cx_u32(c, &w->owner_tid);
	cx_u64(c, &w->before);
	cx_str(c, &w->lock_name);
	cx_stack(c, &w->owner_stack);
}

static void cx_why_runq(struct codec *c, struct why_runq *r)
{
	cx_ender(c, &r->by);
	cx_u64(c, &r->count);
	cx_u64(c, &r->ns);
}

static void cx_thread(struct codec *c, struct why_thread *t)
{
	cx_u32(c, &t->pid);
	cx_u32(c, &t->tid);
	cx_str(c, &t->comm);
	cx_u64(c, &t->t);
	cx_u64(c, &t->wall);
	cx_u64s(c, t->part, WHY_PART_N);
	cx_bool(c, &t->before);
	cx_bool(c, &t->ended);
	CX_EACH(c, t, waits, nwaits, cx_why_wait);
	CX_EACH(c, t, runq, nrunq, cx_why_runq);
}

static void cx_syscall(struct codec *c, struct why_syscall *s)
{
	cx_str(c, &s->name);
	cx_u32(c, &s->pid);
	cx_u64(c, &s->count);
	cx_u64(c, &s->ns);
	cx_u64(c, &s->max);
	cx_u64(c, &s->cpu);
}

static void cx_node(struct codec *c, struct crit_node *n)
{
	uint64_t kind = n->kind;

	cx_u64(c, &kind);
	if (kind >= CRIT_KIND_N)
		cx_fail(c, -EBADMSG);
	else if (c->decode)
		n->kind = (enum crit_kind)kind;
	cx_u32(c, &n->depth);
	cx_near(c, &n->t, c->last_t);
	c->last_t = n->t;
	cx_u64(c, &n->ns);
	cx_u64(c, &n->count);
	cx_u32(c, &n->pid);
	cx_u32(c, &n->tid);
	cx_str(c, &n->comm);
	cx_str(c, &n->reason);
	cx_ender(c, &n->by);
	cx_u64s(c, n->part, WHY_CPU_N);
	cx_stack(c, &n->stack);
	cx_u64(c, &n->before);
}

/* In pre-order: a node is at most one deeper than the one before it. */
static void cx_crit(struct codec *c, struct crit *p)
{
	cx_u64(c, &p->t);
	cx_u64(c, &p->ns);
	cx_u32(c, &p->pid);
	cx_u32(c, &p->tid);
	cx_str(c, &p->comm);
	cx_u64(c, &p->cut);
	CX_EACH(c, p, node, n, cx_node);
	for (unsigned int i = 0; i < p->n && c->decode && !c->err; i++)
		if (p->node[i].depth > (i ? p->node[i - 1].depth + 1 : 0))
			cx_fail(c, -EBADMSG);
}

void cx_call(struct codec *c, struct slow_call *s)
{
	cx_str(c, &s->name);
	cx_u32(c, &s->pid);
	cx_u32(c, &s->tid);
	cx_str(c, &s->comm);
	cx_near(c, &s->t, c->last_t);
	c->last_t = s->t;
	cx_u64(c, &s->ns);
	cx_i64(c, &s->ret);
	cx_u64s(c, s->part, WHY_PART_N);
	cx_crit(c, &s->path);
}

void cx_why(struct codec *c, struct why *w)
{
	cx_u64(c, &w->wall);
	cx_u64s(c, w->part, WHY_PART_N);
	CX_EACH(c, w, threads, nthreads, cx_thread);
	CX_EACH(c, w, waits, nwaits, cx_why_wait);
	CX_EACH(c, w, runq, nrunq, cx_why_runq);
	CX_EACH(c, w, syscalls, nsyscalls, cx_syscall);
	cx_crit(c, &w->path);
	cx_crit(c, &w->chain);
	cx_str(c, &w->call);
	cx_u64(c, &w->calls);
	cx_u64(c, &w->slow);
}
