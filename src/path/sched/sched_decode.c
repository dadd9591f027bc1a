/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Wire records to the model. */
#include <errno.h>

#include "path/sched/sched_priv.h"

static const char *const how_names[] = { [SCHED_WOKEN] = "woken", [SCHED_NEW] = "new", [SCHED_PREEMPTED] = "preempted" };
static const char *const context_names[] = {
	[SCHED_BY_UNKNOWN] = "unknown", [SCHED_BY_TASK] = "task", [SCHED_BY_SOFTIRQ] = "softirq", [SCHED_BY_IRQ] = "irq",
};

/* include/uapi/linux/sched.h */
const char *sched_policy_name(unsigned int policy)
{
	static const char *const names[] = { "other", "fifo", "rr", "batch", "iso", "idle", "deadline", "ext" };

	return policy < sizeof(names) / sizeof(names[0]) ? names[policy] : "unknown";
}

int sched_record_check(const struct sched_rec *rec, size_t size)
{
	uint64_t left;

	if (size < sizeof(*rec) || rec->how < SCHED_WOKEN || rec->how > SCHED_PREEMPTED || rec->context > SCHED_BY_IRQ)
		return -EINVAL;
	left = rec->ns;
	for (int i = 0; i < SCHED_RAN; i++) {
		if (!rec->ran[i].stretches)
			continue;
		if (rec->ran[i].ns > left)
			return -EINVAL;
		left -= rec->ran[i].ns;
	}
	return left == rec->rest ? 0 : -EINVAL;
}

static int ran_order(const void *a, const void *b)
{
	const struct ran *x = a, *y = b;

	return (x->ns < y->ns) - (x->ns > y->ns);
}

void sched_decode(struct names *names, struct sched_rec *rec, struct ran ran[SCHED_RAN], struct delay *d)
{
	rec->comm[15] = rec->by_comm[15] = 0;
	*d = (struct delay){
		.t = rec->t, .ns = rec->ns, .pid = rec->tgid, .tid = rec->tid, .comm = rec->comm,
		.cgroup = names_cgroup(names, rec->cgroup), .cgroup_id = rec->cgroup,
		.policy = sched_policy_name(rec->policy), .prio = rec->prio, .how = how_names[rec->how],
		.context = context_names[rec->context], .by_pid = rec->by_tgid, .by_tid = rec->by_tid,
		.by = rec->how == SCHED_PREEMPTED && !rec->by_tid ? "idle" : rec->by_comm,
		.cpu = rec->cpu, .cpu_ran = rec->cpu_ran, .moved = rec->moved, .stretches = rec->stretches, .ran = ran,
		.rest = rec->rest,
	};
	for (int i = 0; i < SCHED_RAN; i++) {
		struct sched_ran *r = &rec->ran[i];
		if (!r->stretches)
			continue;
		r->comm[15] = 0;
		ran[d->nran++] = (struct ran){ r->ns, r->tgid, r->tid, r->stretches, r->tid ? r->comm : "idle" };
	}
	qsort(ran, d->nran, sizeof(*ran), ran_order);
}
