/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Records are checked here, and what is in them gets its names. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/syscalls.h"
#include "path/why/why_priv.h"

int why_stay_check(const struct why_stay *r, size_t size)
{
	uint64_t on = 0;

	if (size != sizeof(*r) || r->type != WHY_STAY || r->how >= WHY_OFF_N || r->context >= WHY_BY_N)
		return -EINVAL;
	if (r->off < r->on || (!r->run && !(r->flags & WHY_F_END)))
		return -EINVAL;
	if (r->run && (r->woken < r->off || r->run < r->woken || (r->how != WHY_OFF_BLOCKED && r->woken != r->off)))
		return -EINVAL;
	for (int i = 0; i < WHY_ON_N; i++)
		if (r->part[i] > r->off - r->on || __builtin_add_overflow(on, r->part[i], &on))
			return -EINVAL;
	if (on != r->off - r->on)
		return -EINVAL;
	if (memchr(r->comm, '\0', sizeof(r->comm)) && memchr(r->by_comm, '\0', sizeof(r->by_comm)) &&
	    memchr(r->owner, '\0', sizeof(r->owner)))
		return 0;
	return -EINVAL;
}

int why_call_check(const struct why_call *r, size_t size)
{
	return size == sizeof(*r) && r->type == WHY_CALL && r->end >= r->t && memchr(r->comm, '\0', sizeof(r->comm)) ?
	       0 : -EINVAL;
}

/* include/linux/interrupt.h */
static const char *softirq_name(unsigned int vec)
{
	static const char *const names[] = { "HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED",
					     "HRTIMER", "RCU" };

	return vec < sizeof(names) / sizeof(names[0]) ? names[vec] : "?";
}

void why_ender_name(struct why_state *st, uint8_t context, uint8_t vec, uint8_t write, uint32_t by_tid, uint32_t dev,
		    struct ender *by)
{
	static const char *const kinds[WHY_BY_N] = {
		[WHY_BY_NONE] = "unknown", [WHY_BY_NOBODY] = "", [WHY_BY_TASK] = "task", [WHY_BY_TIMER] = "timer", [WHY_BY_DEVICE] = "device",
		[WHY_BY_NETWORK] = "network", [WHY_BY_IRQ] = "irq", [WHY_BY_SOFTIRQ] = "softirq",
	};
	char text[96];

	*by = (struct ender){ .kind = context < WHY_BY_N ? kinds[context] : "unknown", .name = "" };
	switch (context) {
	case WHY_BY_TASK:
		by->tid = by_tid;
		why_store_named(st->store, by_tid, &by->pid, &by->name);
		break;
	case WHY_BY_DEVICE:
		snprintf(text, sizeof(text), "%.64s %s", blockdevs_name(st->devs, dev_from_kernel(dev)),
			 write ? "write" : "read");
		by->name = why_store_string(st->store, text);
		break;
	case WHY_BY_IRQ:
		if (!dev)
			break;
		snprintf(text, sizeof(text), "%u", dev);
		by->name = why_store_string(st->store, text);
		break;
	case WHY_BY_SOFTIRQ:
		by->name = softirq_name(vec);
		break;
	default:
		break;
	}
}

const char *why_reason(struct why_state *st, uint64_t site, uint8_t context, const struct stack **stack)
{
	const char *reason = "unknown";

	*stack = NULL;
	if (site) {
		*stack = stacks_get(st->stacks, site, &reason);
		return reason;
	}
	return context == WHY_BY_DEVICE ? "block I/O" : context == WHY_BY_TIMER ? "timer" :
	       context == WHY_BY_NETWORK ? "network" : reason;
}

enum why_part why_runq_part(uint8_t how)
{
	return how == WHY_OFF_PREEMPTED ? WHY_PREEMPTED : how == WHY_OFF_THROTTLED ? WHY_THROTTLED : WHY_WOKEN;
}

const char *why_nr_name(struct why_state *st, int32_t nr)
{
	const char *name;
	char text[32];

	if (nr == WHY_NR_FAULT)
		return "page fault";
	if (nr < 0)
		return "";
	name = syscall_name((unsigned int)nr);
	if (name)
		return name;
	snprintf(text, sizeof(text), "syscall %d", nr);
	return why_store_string(st->store, text);
}

void why_node_name(void *ctx, const struct why_seg *seg, struct crit_node *node)
{
	struct why_state *st = ctx;

	why_store_named(st->store, node->tid, &node->pid, &node->comm);
	node->by = (struct ender){ .kind = "", .name = "" };
	node->stack = NULL;
	switch (seg->kind) {
	case CRIT_CPU:
		node->reason = why_nr_name(st, seg->nr);
		break;
	case CRIT_RUNQ:
		node->reason = why_part_names[why_runq_part(seg->how)];
		if (seg->by_tid)
			why_ender_name(st, WHY_BY_TASK, 0, 0, seg->by_tid, 0, &node->by);
		break;
	case CRIT_WAIT:
		node->reason = why_reason(st, seg->site, seg->context, &node->stack);
		why_ender_name(st, seg->context, seg->vec, seg->write, seg->by_tid, seg->dev, &node->by);
		break;
	default:
		node->reason = "not recorded";
		break;
	}
}
