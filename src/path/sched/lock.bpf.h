/* SPDX-License-Identifier: GPL-2.0-only */
/* Who had to wait for a lock of the kernel, where, and who held it. The tracepoints are there since 5.19. */
#ifndef SPOOR_SCHED_LOCK_BPF_H
#define SPOOR_SCHED_LOCK_BPF_H

#define STACK_LOST SCHED_LOST_LOCK
#include "stack.bpf.h"
#include "owner.bpf.h"

/* One wait under way. lock 0: none. */
struct lock_wait {
	u64 t, lock, site;
	u32 flags, owner_tid, owner_tgid, pad;
	char owner[16];
};

/* Who spins stays on its CPU; interrupts that come meanwhile have waits of their own. */
enum { LOCK_LEVELS = 4 };
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOCK_LEVELS);
	__type(key, u32);
	__type(value, struct lock_wait);
} lock_spins SEC(".maps");

/* Who sleeps, by thread id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct lock_wait);
} lock_sleeps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCHED_LOCKS);
	__type(key, u32);
	__type(value, struct sched_lock);
} locks SEC(".maps");

/* A wait under construction: programs of a CPU do not interrupt themselves. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct lock_wait);
} lock_scratches SEC(".maps");

static __always_inline struct lock_wait *lock_spin_at(void)
{
	struct cpu_irq *q = cpu_irq_get();
	u32 level = !q ? 0 : q->irq_depth ? 2 : q->in_softirq ? 1 : 0;

	return bpf_map_lookup_elem(&lock_spins, &level);
}

static __always_inline int lock_contended(u64 *ctx)
{
	u32 tid = bpf_get_current_pid_tgid(), flags = ctx[1], zero = 0;
	u64 lock = CTX_ARG(ctx, 0);
	struct lock_wait *fresh = bpf_map_lookup_elem(&lock_scratches, &zero);
	struct task_struct *owner;
	struct lock_wait *w;

	if (!ready || !fresh || !filter_task((struct task_struct *)bpf_get_current_task()))
		return 0;
	if (flags & LCB_F_SPIN && !(flags & LCB_F_MUTEX)) {
		w = lock_spin_at();
	} else {
		w = bpf_map_lookup_elem(&lock_sleeps, &tid);
		if (w && w->lock == lock) /* a mutex: it spun for it first */
			return 0;
		w = fresh;
	}
	if (!w)
		return 0;
	w->t = bpf_ktime_get_ns();
	w->lock = lock;
	w->flags = flags;
	w->site = stack_site_here(ctx); /* before the wait: whoever has the lock already shall not hold it longer for this */
	owner = lock_owner(lock, flags);
	w->owner_tid = owner ? BPF_CORE_READ(owner, pid) : 0;
	w->owner_tgid = owner ? BPF_CORE_READ(owner, tgid) : 0;
	__builtin_memset(w->owner, 0, sizeof(w->owner));
	if (owner)
		bpf_probe_read_kernel(w->owner, sizeof(w->owner), owner->comm);
	if (w == fresh && bpf_map_update_elem(&lock_sleeps, &tid, w, BPF_ANY))
		lose(SCHED_LOST_LOCK);
	return 0;
}

/* Sums by place and kind, a table of each CPU. */
static __always_inline void lock_add(const struct lock_wait *w, u64 ns)
{
	u32 h = slot_hash(w->site ^ w->flags);

	for (u32 way = 0; way < 4; way++) {
		u32 i = (h & (SCHED_LOCKS - 1)) ^ way;
		struct sched_lock *l = bpf_map_lookup_elem(&locks, &i);

		if (!l)
			return;
		if (!l->count) {
			l->site = w->site;
			l->flags = w->flags;
		} else if (l->site != w->site || l->flags != w->flags) {
			continue;
		}
		l->count++;
		l->ns += ns;
		if (ns < l->max)
			return;
		l->max = ns;
		l->lock = w->lock;
		l->owner_tid = w->owner_tid;
		l->owner_tgid = w->owner_tgid;
		__builtin_memcpy(l->owner, w->owner, sizeof(l->owner));
		return;
	}
	lose(SCHED_LOST_LOCK);
}

static __always_inline int lock_acquired(u64 *ctx)
{
	u64 lock = CTX_ARG(ctx, 0), now;
	u32 tid = bpf_get_current_pid_tgid();
	struct lock_wait *w = lock_spin_at();
	bool spun = w && w->lock == lock;

	if (!spun) {
		w = bpf_map_lookup_elem(&lock_sleeps, &tid);
		if (!w || w->lock != lock) /* it began before tracing */
			return 0;
	}
	now = bpf_ktime_get_ns();
	if (ready)
		lock_add(w, now > w->t ? now - w->t : 0);
	if (spun)
		w->lock = 0;
	else
		bpf_map_delete_elem(&lock_sleeps, &tid);
	return 0;
}

#endif
