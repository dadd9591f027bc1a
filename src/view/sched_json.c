/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The objects `delay` and `sched` of docs/format.md. */
#include <inttypes.h>

#include "view/sched.h"

static void put_ran(struct json *j, const struct ran *r)
{
	json_object_begin(j);
	json_put_u64(j, "pid", r->pid);
	json_put_u64(j, "tid", r->tid);
	json_put_str(j, "comm", r->comm);
	json_put_u64(j, "ns", r->ns);
	json_put_u64(j, "stretches", r->stretches);
	json_object_end(j);
}

void sched_delay_json(struct json *j, const struct delay *d)
{
	json_object_begin(j);
	json_put_str(j, "type", "delay");
	json_put_u64(j, "t", d->t);
	json_put_u64(j, "ns", d->ns);
	json_put_u64(j, "pid", d->pid);
	json_put_u64(j, "tid", d->tid);
	json_put_str(j, "comm", d->comm);
	json_put_str(j, "cgroup", d->cgroup);
	json_put_u64(j, "cgroup_id", d->cgroup_id);
	json_put_str(j, "policy", d->policy);
	json_put_i64(j, "prio", d->prio);
	json_put_str(j, "how", d->how);
	json_put_str(j, "context", d->context);
	json_put_u64(j, "by_pid", d->by_pid);
	json_put_u64(j, "by_tid", d->by_tid);
	json_put_str(j, "by", d->by);
	json_put_u64(j, "cpu", d->cpu);
	json_put_u64(j, "cpu_ran", d->cpu_ran);
	json_put_u64(j, "moved", d->moved);
	json_put_u64(j, "stretches", d->stretches);
	json_put_array(j, "ran");
	for (unsigned int i = 0; i < d->nran; i++)
		put_ran(j, &d->ran[i]);
	json_array_end(j);
	json_put_u64(j, "rest", d->rest);
	json_object_end(j);
}

static void put_delays(struct json *j, const struct delays *d)
{
	json_put_u64(j, "count", d->count);
	json_put_u64(j, "ns", d->ns);
	json_put_u64(j, "max", d->max);
	json_put_quantiles(j, d->hist, d->count, d->max);
	json_put_u64(j, "preempted", d->preempted);
	json_put_u64(j, "preempted_ns", d->preempted_ns);
	json_put_u64(j, "woken", d->count - d->preempted);
	json_put_u64(j, "woken_ns", d->ns - d->preempted_ns);
	json_put_u64(j, "voluntary", d->voluntary);
	json_put_u64(j, "involuntary", d->involuntary);
	json_put_u64(j, "migrations", d->migrations);
	json_put_u64(j, "ran", d->ran);
	json_put_hist(j, d->hist);
}

static void put_cpu(struct json *j, const struct cpu_row *r)
{
	json_object_begin(j);
	json_put_u64(j, "cpu", r->cpu);
	json_key(j, "parts");
	json_object_begin(j);
	for (unsigned int i = 0; i < CPU_PART_N; i++)
		json_put_u64(j, cpu_part_names[i], r->part[i]);
	json_object_end(j);
	json_put_array(j, "idle");
	for (unsigned int i = 0; i < r->nidle; i++) {
		json_object_begin(j);
		json_put_str(j, "state", r->idle[i].name);
		json_put_u64(j, "ns", r->idle[i].ns);
		json_object_end(j);
	}
	json_array_end(j);
	put_delays(j, &r->d);
	json_object_end(j);
}

static void put_task(struct json *j, const struct task_row *t, bool process)
{
	json_object_begin(j);
	if (process) {
		json_put_u64(j, "pid", t->pid);
		json_put_str(j, "comm", t->comm);
		json_put_str(j, "policy", t->policy);
		json_put_i64(j, "prio", t->prio);
	}
	json_put_str(j, "cgroup", t->cgroup);
	json_put_u64(j, "cgroup_id", t->cgroup_id);
	put_delays(j, &t->d);
	json_object_end(j);
}

static void put_preemption(struct json *j, const struct preemption *p)
{
	json_object_begin(j);
	json_put_u64(j, "by_pid", p->by_pid);
	json_put_str(j, "by", p->by);
	json_put_u64(j, "pid", p->pid);
	json_put_str(j, "comm", p->comm);
	json_put_u64(j, "count", p->count);
	json_put_u64(j, "ns", p->ns);
	json_object_end(j);
}

static void put_lock(struct json *j, const struct lock_row *l)
{
	char address[24];

	json_object_begin(j);
	json_put_str(j, "kind", l->kind);
	json_put_str(j, "where", l->where);
	json_put_u64(j, "count", l->count);
	json_put_u64(j, "ns", l->ns);
	json_put_u64(j, "max", l->max);
	snprintf(address, sizeof(address), "0x%" PRIx64, l->lock);
	json_put_str(j, "lock", address);
	json_put_str(j, "lock_name", l->lock_name);
	json_put_u64(j, "owner_pid", l->owner_pid);
	json_put_u64(j, "owner_tid", l->owner_tid);
	json_put_str(j, "owner", l->owner);
	json_put_stack(j, l->stack);
	json_object_end(j);
}

void sched_json(struct json *j, const struct summary *sum)
{
	const struct sched *s = sum->sched;

	json_object_begin(j);
	json_put_str(j, "type", "sched");
	json_put_u64(j, "t", sum->t);
	json_put_u64(j, "ns", sum->ns);
	json_put_bool(j, "interval", sum->interval);
	json_put_array(j, "cpus");
	for (unsigned int i = 0; i < s->ncpus; i++)
		put_cpu(j, &s->cpus[i]);
	json_array_end(j);
	json_put_array(j, "processes");
	for (unsigned int i = 0; i < s->ntasks; i++)
		put_task(j, &s->tasks[i], true);
	json_array_end(j);
	json_put_array(j, "cgroups");
	for (unsigned int i = 0; i < s->ncgroups; i++)
		put_task(j, &s->cgroups[i], false);
	json_array_end(j);
	json_put_array(j, "preemptions");
	for (unsigned int i = 0; i < s->npreemptions; i++)
		put_preemption(j, &s->preemptions[i]);
	json_array_end(j);
	json_put_array(j, "locks");
	for (unsigned int i = 0; i < s->nlocks; i++)
		put_lock(j, &s->locks[i]);
	json_array_end(j);
	json_object_end(j);
}
