/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The objects `delay` and `sched` of docs/format.md. */
#include "view/sched.h"

static void put_u64(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_u64(j, v);
}

static void put_i64(struct json *j, const char *key, int64_t v)
{
	json_key(j, key);
	json_i64(j, v);
}

static void put_str(struct json *j, const char *key, const char *v)
{
	json_key(j, key);
	json_str(j, v ? v : "");
}

static void array_begin(struct json *j, const char *key)
{
	json_key(j, key);
	json_array_begin(j);
}

static void put_ran(struct json *j, const struct ran *r)
{
	json_object_begin(j);
	put_u64(j, "pid", r->pid);
	put_u64(j, "tid", r->tid);
	put_str(j, "comm", r->comm);
	put_u64(j, "ns", r->ns);
	put_u64(j, "stretches", r->stretches);
	json_object_end(j);
}

void sched_delay_json(struct json *j, const struct delay *d)
{
	json_object_begin(j);
	put_str(j, "type", "delay");
	put_u64(j, "t", d->t);
	put_u64(j, "ns", d->ns);
	put_u64(j, "pid", d->pid);
	put_u64(j, "tid", d->tid);
	put_str(j, "comm", d->comm);
	put_str(j, "cgroup", d->cgroup);
	put_u64(j, "cgroup_id", d->cgroup_id);
	put_str(j, "policy", d->policy);
	put_i64(j, "prio", d->prio);
	put_str(j, "how", d->how);
	put_str(j, "context", d->context);
	put_u64(j, "by_pid", d->by_pid);
	put_u64(j, "by_tid", d->by_tid);
	put_str(j, "by", d->by);
	put_u64(j, "cpu", d->cpu);
	put_u64(j, "cpu_ran", d->cpu_ran);
	put_u64(j, "moved", d->moved);
	put_u64(j, "stretches", d->stretches);
	array_begin(j, "ran");
	for (unsigned int i = 0; i < d->nran; i++)
		put_ran(j, &d->ran[i]);
	json_array_end(j);
	put_u64(j, "rest", d->rest);
	json_object_end(j);
}

static void put_delays(struct json *j, const struct delays *d)
{
	static const struct { const char *key; double q; } quantiles[] = {
		{ "p50", .5 }, { "p90", .9 }, { "p99", .99 }, { "p999", .999 },
	};

	put_u64(j, "count", d->count);
	put_u64(j, "ns", d->ns);
	put_u64(j, "max", d->max);
	for (unsigned int i = 0; i < 4; i++)
		put_u64(j, quantiles[i].key, (uint64_t)(hist_quantile(d->hist, d->count, quantiles[i].q, d->max) + .5));
	put_u64(j, "preempted", d->preempted);
	put_u64(j, "preempted_ns", d->preempted_ns);
	put_u64(j, "woken", d->count - d->preempted);
	put_u64(j, "woken_ns", d->ns - d->preempted_ns);
	put_u64(j, "voluntary", d->voluntary);
	put_u64(j, "involuntary", d->involuntary);
	put_u64(j, "migrations", d->migrations);
	put_u64(j, "ran", d->ran);
	array_begin(j, "hist");
	for (unsigned int i = 0; i < HIST_N; i++) {
		if (!d->hist[i])
			continue;
		json_array_begin(j);
		json_u64(j, hist_lower(i));
		json_u64(j, d->hist[i]);
		json_array_end(j);
	}
	json_array_end(j);
}

static void put_cpu(struct json *j, const struct cpu_row *r)
{
	json_object_begin(j);
	put_u64(j, "cpu", r->cpu);
	json_key(j, "parts");
	json_object_begin(j);
	for (unsigned int i = 0; i < CPU_PART_N; i++)
		put_u64(j, cpu_part_names[i], r->part[i]);
	json_object_end(j);
	array_begin(j, "idle");
	for (unsigned int i = 0; i < r->nidle; i++) {
		json_object_begin(j);
		put_str(j, "state", r->idle[i].name);
		put_u64(j, "ns", r->idle[i].ns);
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
		put_u64(j, "pid", t->pid);
		put_str(j, "comm", t->comm);
		put_str(j, "policy", t->policy);
		put_i64(j, "prio", t->prio);
	}
	put_str(j, "cgroup", t->cgroup);
	put_u64(j, "cgroup_id", t->cgroup_id);
	put_delays(j, &t->d);
	json_object_end(j);
}

static void put_preemption(struct json *j, const struct preemption *p)
{
	json_object_begin(j);
	put_u64(j, "by_pid", p->by_pid);
	put_str(j, "by", p->by);
	put_u64(j, "pid", p->pid);
	put_str(j, "comm", p->comm);
	put_u64(j, "count", p->count);
	put_u64(j, "ns", p->ns);
	json_object_end(j);
}

void sched_json(struct json *j, const struct summary *sum)
{
	const struct sched *s = sum->sched;

	json_object_begin(j);
	put_str(j, "type", "sched");
	put_u64(j, "t", sum->t);
	put_u64(j, "ns", sum->ns);
	json_key(j, "interval");
	json_bool(j, sum->interval);
	array_begin(j, "cpus");
	for (unsigned int i = 0; i < s->ncpus; i++)
		put_cpu(j, &s->cpus[i]);
	json_array_end(j);
	array_begin(j, "processes");
	for (unsigned int i = 0; i < s->ntasks; i++)
		put_task(j, &s->tasks[i], true);
	json_array_end(j);
	array_begin(j, "cgroups");
	for (unsigned int i = 0; i < s->ncgroups; i++)
		put_task(j, &s->cgroups[i], false);
	json_array_end(j);
	array_begin(j, "preemptions");
	for (unsigned int i = 0; i < s->npreemptions; i++)
		put_preemption(j, &s->preemptions[i]);
	json_array_end(j);
	json_object_end(j);
}
