/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What spoor sched finds. */
#include "store/codec_priv.h"

static void cx_ran(struct codec *c, struct ran *r)
{
	cx_u64(c, &r->ns);
	cx_u32(c, &r->pid);
	cx_u32(c, &r->tid);
	cx_u32(c, &r->stretches);
	cx_str(c, &r->comm);
}

void cx_delay(struct codec *c, struct delay *d)
{
	cx_near(c, &d->t, c->last_t);
	c->last_t = d->t;
	cx_u64(c, &d->ns);
	cx_u32(c, &d->pid);
	cx_u32(c, &d->tid);
	cx_str(c, &d->comm);
	cx_str(c, &d->cgroup);
	cx_u64(c, &d->cgroup_id);
	cx_str(c, &d->policy);
	cx_int(c, &d->prio);
	cx_str(c, &d->how);
	cx_str(c, &d->context);
	cx_u32(c, &d->by_pid);
	cx_u32(c, &d->by_tid);
	cx_str(c, &d->by);
	cx_u32(c, &d->cpu);
	cx_u32(c, &d->cpu_ran);
	cx_u32(c, &d->moved);
	cx_u32(c, &d->stretches);
	cx_u64(c, &d->rest);
	CX_EACH(c, d, ran, nran, cx_ran);
}

static void cx_delays(struct codec *c, struct delays *d)
{
	uint64_t *const numbers[] = { &d->count, &d->ns, &d->max, &d->preempted, &d->preempted_ns, &d->voluntary, &d->involuntary,
				      &d->migrations, &d->ran };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		cx_u64(c, numbers[i]);
	cx_hist(c, d->hist);
}

static void cx_cpu(struct codec *c, struct cpu_row *r)
{
	cx_u32(c, &r->cpu);
	cx_u64s(c, r->part, CPU_PART_N);
	CX_EACH(c, r, idle, nidle, cx_share);
	cx_delays(c, &r->d);
}

static void cx_task(struct codec *c, struct task_row *r)
{
	cx_u32(c, &r->pid);
	cx_str(c, &r->comm);
	cx_str(c, &r->cgroup);
	cx_str(c, &r->policy);
	cx_u64(c, &r->cgroup_id);
	cx_int(c, &r->prio);
	cx_bool(c, &r->others);
	cx_delays(c, &r->d);
}

static void cx_preemption(struct codec *c, struct preemption *p)
{
	cx_u32(c, &p->by_pid);
	cx_u32(c, &p->pid);
	cx_str(c, &p->by);
	cx_str(c, &p->comm);
	cx_u64(c, &p->count);
	cx_u64(c, &p->ns);
}

static void cx_lock(struct codec *c, struct lock_row *l)
{
	cx_str(c, &l->kind);
	cx_str(c, &l->where);
	cx_stack(c, &l->stack);
	cx_u64(c, &l->count);
	cx_u64(c, &l->ns);
	cx_u64(c, &l->max);
	cx_u64(c, &l->lock);
	cx_u32(c, &l->owner_pid);
	cx_u32(c, &l->owner_tid);
	cx_str(c, &l->owner);
	cx_str(c, &l->lock_name);
}

void cx_sched(struct codec *c, struct sched *s)
{
	CX_EACH(c, s, cpus, ncpus, cx_cpu);
	CX_EACH(c, s, tasks, ntasks, cx_task);
	CX_EACH(c, s, cgroups, ncgroups, cx_task);
	CX_EACH(c, s, preemptions, npreemptions, cx_preemption);
	CX_EACH(c, s, locks, nlocks, cx_lock);
}
