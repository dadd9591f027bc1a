/* SPDX-License-Identifier: GPL-2.0-only */
/* What is remembered of tasks and CPUs, a task's clock, and its records. */
#ifndef SPOOR_WHY_STAY_BPF_H
#define SPOOR_WHY_STAY_BPF_H

const volatile s32 want_call = -1;       /* --call: number of the system call */
const volatile bool want_calls;          /* --call or --func: only what is within a call is traced */
const volatile u64 want_slower;          /* ns */
const volatile u8 func_args;             /* of --func: parameters, behind which the program finds what it returns */
const volatile u8 func_ret;              /* bytes that it returns: the rest of the register is anything */
const volatile bool func_ret_signed;
const volatile u32 hist_mask = 0xff;     /* entries of a CPU's history - 1 */
const volatile u64 helper_ns = 5000000000;

u32 ready;
u64 start;                               /* of the window; set before `ready` */
u64 calls, calls_slow;                   /* added to without fetch: 5.10 has no atomic fetch */
u64 lost[WHY_LOST_N];

static __always_inline void lose(u32 what)
{
	if (ready)
		__sync_fetch_and_add(&lost[what], 1);
}

#define STACK_LOST WHY_LOST_STACK
#define STACK_PRINTS
#include "stack.bpf.h"
#include "owner.bpf.h"
#include "ring.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, u32);
} tasks SEC(".maps");

/* The entries themselves: that of a running task is found by its number, without a look at the hash table. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct why_task);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 4096);
	__uint(value_size, sizeof(u32));
} slots_free SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WHY_SUMS);
	__type(key, u32);
	__type(value, struct why_sum);
} sums SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct why_hist);
} history SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct why_hist_end);
} history_ends SEC(".maps");

/* A CPU: who runs there, and what whoever is woken now is woken by. */
struct why_cpu {
	u64 since;                       /* when it began to run */
	u32 tid;
	u32 traced;                      /* it has an entry, */
	u32 slot;                        /* this one */
	u64 done_t;                      /* block I/O that has completed: when; 0: none in this context */
	u32 done_dev, done_level;
	u32 done_write;
	u32 from_tid, from_tgid;         /* sender of the packet that is received, over loopback */
	u64 last;                        /* of the history: time of the latest event */
	u64 clock;                       /* of its run queue when it was last compared, 0: never; and ktime - clock */
	s64 clock_off;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct why_cpu);
} cpus SEC(".maps");

/* Packets on their way over loopback, by address. */
enum { PACKETS = 1024 };
struct packet { u64 skb; u32 tid, tgid; };
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PACKETS);
	__type(key, u32);
	__type(value, struct packet);
} packets SEC(".maps");

/* A look at a hash table costs some 20 ns, and most tasks are in none: whether a thread was ever in `tasks`, a process in
 * `follow`. Bytes, for before 5.12 there is no atomic or. Bits are never cleared: in the end they cost a look each. */
struct why_marks { u8 byte[64]; };
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WHY_MARKS);
	__type(key, u32);
	__type(value, struct why_marks);
} thread_marks SEC(".maps"), process_marks SEC(".maps");

static __always_inline u8 *mark_at(void *marks, u32 id)
{
	u32 i = id / 64 & (WHY_MARKS - 1);
	struct why_marks *m = bpf_map_lookup_elem(marks, &i);

	return m ? &m->byte[id & 63] : NULL;
}

static __always_inline bool marked(void *marks, u32 id)
{
	u8 *m = mark_at(marks, id);

	return m && *m;
}

static __always_inline void mark_set(void *marks, u32 id)
{
	u8 *m = mark_at(marks, id);

	if (m)
		*m = 1;
}

static __always_inline struct why_cpu *cpu_get(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&cpus, &zero);
}

static __always_inline struct why_task *slot_get(u32 slot)
{
	return bpf_map_lookup_elem(&slots, &slot);
}

static __always_inline struct why_task *task_find(u32 tid)
{
	u32 *slot = marked(&thread_marks, tid) ? bpf_map_lookup_elem(&tasks, &tid) : NULL;

	return slot ? slot_get(*slot) : NULL;
}

static __always_inline void task_drop(u32 tid)
{
	u32 *at = bpf_map_lookup_elem(&tasks, &tid), slot = at ? *at : 0;
	struct why_task *k = at ? slot_get(slot) : NULL;

	if (!k || bpf_map_delete_elem(&tasks, &tid))
		return;
	k->s.tid = 0;
	bpf_map_push_elem(&slots_free, &slot, 0);
}

/* An entry for it: the one that it has, unless it must have none (fresh), or a free one. NULL: there is none. */
static __always_inline struct why_task *slot_take(u32 tid, bool fresh)
{
	u32 *had = bpf_map_lookup_elem(&tasks, &tid), slot = 0;
	struct why_task *k;

	if (had && fresh)
		return NULL;
	if (had)
		slot = *had;
	else if (bpf_map_pop_elem(&slots_free, &slot))
		return NULL;
	k = slot_get(slot);
	if (k) {
		__builtin_memset(k, 0, sizeof(*k));
		k->slot = slot;
	}
	return k;
}

/* Whoever runs on the CPU has this entry; NULL: none. */
static __always_inline void cpu_traces(struct why_cpu *c, const struct why_task *k)
{
	c->traced = k != NULL;
	if (k)
		c->slot = k->slot;
}

/* The entry of whoever runs on the CPU, if that is `tid`. */
static __always_inline struct why_task *cpu_task(const struct why_cpu *c, u32 tid)
{
	struct why_task *k = c->traced && c->tid == tid ? slot_get(c->slot) : NULL;

	return k && k->s.tid == tid ? k : NULL;
}

/* ---- history ---- */

/* The place of this CPU's next event; what it says goes between history_begin and history_end. */
struct history_at { struct why_hist *h; u32 number; };

static __always_inline bool history_begin(struct history_at *at, struct why_cpu *c, u64 now)
{
	u32 cpu = bpf_get_smp_processor_id(), i;
	struct why_hist_end *end;

	c->last = now;
	end = bpf_map_lookup_elem(&history_ends, &cpu);
	if (!end)
		return false;
	i = cpu * (hist_mask + 1) + (end->seq & hist_mask);
	at->number = ++end->seq; /* an interrupt may have an event of its own before this one is written */
	barrier();
	at->h = bpf_map_lookup_elem(&history, &i);
	if (!at->h)
		return false;
	at->h->seq = 0;
	barrier();
	at->h->t = now;
	return true;
}

static __always_inline void history_end(struct history_at *at)
{
	barrier();
	at->h->seq = at->number;
}

/* The time of a switch for the history alone. To read the clock costs more than all the rest (35 ns on a machine of 2026),
 * and the run queue has just done so. Its clock may stray from ours, say by 500 ppm, and is compared once in a millisecond.
 * It is never ahead; but it is left as it was where the one who asked for the switch had just read it. Then the difference
 * is too large, and must not be believed at once. */
enum { CLOCK_NS = 1000000, CLOCK_PPM_SHIFT = 10, CLOCK_STRAYS = 100000000 };

static __always_inline void clock_compare(struct why_cpu *c, u64 clock)
{
	s64 more = (s64)(bpf_ktime_get_ns() - clock) - c->clock_off, most = (clock - c->clock) >> CLOCK_PPM_SHIFT;

	if (c->clock && more > most && more < CLOCK_STRAYS)
		more = most;
	c->clock_off += more;
	c->clock = clock;
}

static __always_inline u64 history_time(struct why_cpu *c, struct task_struct *prev)
{
	u64 clock = task_rq_clock(prev), now;

	if (clock && clock - c->clock >= CLOCK_NS)
		clock_compare(c, clock);
	now = clock ? clock + c->clock_off : bpf_ktime_get_ns();
	return now < c->last ? c->last : now;
}

/* What runs: 0 a task, 1 a softirq, 2 an interrupt. */
static __always_inline u32 context_level(const struct cpu_irq *q)
{
	return q->irq_depth ? 2 : q->in_softirq ? 1 : 0;
}

/* ---- a task's clock ---- */

static __always_inline void clock_begin(struct why_task *k, u64 now)
{
	struct cpu_irq *q = cpu_irq_get();

	k->last = now;
	if (q) {
		q->active = 1;
		k->irq0 = q->irq_ns;
		k->softirq0 = q->softirq_ns;
	}
}

/* Nobody on this CPU is traced: the time of interrupts is not taken. */
static __always_inline void clock_rest(void)
{
	struct cpu_irq *q = cpu_irq_get();

	if (q)
		q->active = 0;
}

/* Ends what it did. What interrupts took since goes to them, the rest to user or kernel. */
static __always_inline u64 clock_cut(struct why_task *k, u64 now)
{
	struct cpu_irq *q = cpu_irq_get();
	u64 d, irq = 0, softirq = 0, last = k->last;

	if (now < k->last) /* clocks of two CPUs may disagree by some nanoseconds */
		now = k->last;
	d = now - k->last;
	if (q) {
		irq = q->irq_ns - k->irq0;
		softirq = q->softirq_ns - k->softirq0;
		k->irq0 = q->irq_ns;
		k->softirq0 = q->softirq_ns;
		if (irq > d)
			irq = d;
		if (softirq > d - irq)
			softirq = d - irq;
	}
	d -= irq + softirq;
	if (k->last != last) /* a switch came between: it has counted this */
		return k->last;
	k->s.part[WHY_ON_IRQ] += irq;
	k->s.part[WHY_ON_SOFTIRQ] += softirq;
	if (k->nr == WHY_NR_USER) {
		k->s.part[WHY_ON_USER] += d;
	} else {
		k->s.part[WHY_ON_KERNEL] += d;
		k->entered_cpu += d;
	}
	k->last = now;
	return now;
}

/* ---- tasks ---- */

/* As much of it as says something. */
static __noinline void stay_send(struct why_task *k)
{
	bool sent = k->s.lock ? ring_send(&k->s, sizeof(k->s)) :
		    k->s.by_comm[0] ? ring_send(&k->s, WHY_STAY_NAMED) : ring_send(&k->s, WHY_STAY_SHORT);

	if (sent)
		k->told = 1;
	else
		lose(WHY_LOST_RING);
}

static __always_inline void stay_name(struct why_task *k, struct task_struct *t)
{
	bpf_probe_read_kernel(k->s.comm, sizeof(k->s.comm), t->comm);
}

/* The next stay begins. */
static __always_inline void stay_begin(struct why_task *k, u64 now)
{
	__builtin_memset(k->s.part, 0, sizeof(k->s.part));
	k->s.on = now;
	k->s.flags &= ~WHY_F_BEFORE;
	k->s.site = 0;
	k->s.context = k->s.vec = k->s.write = 0;
	k->s.dev = 0;
	k->s.by_tid = k->s.by_tgid = 0;
	*(u64 *)k->s.by_comm = 0;
	k->s.woken = k->s.run = 0;
	k->early.context = WHY_BY_NONE;
	k->state = WHY_RUNS;
	clock_begin(k, now);
}

/* A new entry: from `since` on, but not from before the window, nothing is missing. It runs, unless `state` says that it
 * does something else: then the entry is of another task than the running one, and who has one already keeps that. */
static __always_inline struct why_task *task_new_state(u32 tid, u32 tgid, bool kthread, u64 since, u32 flags, u32 state)
{
	struct cpu_irq *q = cpu_irq_get();
	bool fresh = state != WHY_RUNS;
	struct why_task *k = q ? slot_take(tid, fresh) : NULL;
	u32 slot;

	if (!k) {
		k = fresh ? task_find(tid) : NULL;
		if (!k)
			lose(WHY_LOST_TASK);
		return k;
	}
	slot = k->slot;
	k->irq0 = q->irq_ns; /* of those before, nothing is known */
	k->softirq0 = q->softirq_ns;
	k->s.type = WHY_STAY;
	k->s.tid = tid;
	k->s.tgid = tgid;
	k->s.flags = flags;
	if (since <= start) {
		k->s.flags |= WHY_F_BEFORE;
		since = start;
	}
	k->s.on = k->s.off = since;
	k->state = state;
	if (state != WHY_RUNS)
		k->s.how = state == WHY_BLOCKED ? WHY_OFF_BLOCKED : WHY_OFF_PREEMPTED;
	if (state == WHY_RUNNABLE)
		k->s.woken = since;
	k->last = since;
	k->nr = kthread ? WHY_NR_KERNEL : WHY_NR_UNKNOWN;
	mark_set(&thread_marks, tid);
	if (!bpf_map_update_elem(&tasks, &tid, &slot, fresh ? BPF_NOEXIST : BPF_ANY))
		return k;
	k->s.tid = 0;
	bpf_map_push_elem(&slots_free, &slot, 0);
	k = fresh ? task_find(tid) : NULL; /* somebody was faster */
	if (!k)
		lose(WHY_LOST_TASK);
	return k;
}

static __always_inline struct why_task *task_new(u32 tid, u32 tgid, bool kthread, u64 since, u32 flags)
{
	return task_new_state(tid, tgid, kthread, since, flags, WHY_RUNS);
}

/* Whether a task without an entry is one of those asked for. */
static __always_inline bool task_wanted(struct task_struct *t)
{
	if (want_calls || !t->pid || (filter.by_tgid && !filter.pidns_ino && !marked(&process_marks, t->tgid)))
		return false;
	return filter_other(t);
}

/* Who ran on each CPU when the window had just begun, of those asked for by name or group. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} there SEC(".maps");

static __always_inline bool was_there(u32 tid)
{
	u32 cpu = bpf_get_smp_processor_id(), *t = bpf_map_lookup_elem(&there, &cpu);

	return t && *t == tid;
}

/* Names and groups, a task may get at any time. */
static __always_inline bool may_become_wanted(void)
{
	return filter.by_comm || filter.by_cgroup;
}

/* One that is seen for the first time was there before the window. Not so where names or groups decide, which it may just
 * have got (those who had them were looked for at the beginning), or where it may have been lost. */
static __always_inline u64 first_since(u32 tid, u64 now)
{
	return (may_become_wanted() || lost[WHY_LOST_TASK]) && !was_there(tid) ? now : start;
}

/* Since when whoever runs on the CPU has done so, for all that is known. */
static __always_inline u64 running_since(const struct why_cpu *c, u64 now)
{
	return c->since < start ? first_since(c->tid, now) : c->since;
}

static __always_inline struct why_task *task_of(struct task_struct *t, u64 since)
{
	return task_new(t->pid, t->tgid, t->flags & PF_KTHREAD, since, 0);
}

static __always_inline struct why_task *task_away(struct task_struct *t, u32 state, u64 since)
{
	struct why_task *k = task_new_state(t->pid, t->tgid, t->flags & PF_KTHREAD, since, 0, state);

	if (k && k->state == WHY_RUNNABLE && k->nr == WHY_NR_UNKNOWN) /* most are preempted there */
		k->nr = WHY_NR_USER;
	return k;
}

/* The kernel did not show how it came to be what it is: what is open ends where it was last known. */
static __noinline int task_gap(u32 tid, u64 now)
{
	struct why_task *k = task_find(tid);

	if (!k)
		return 0;
	lose(WHY_LOST_SWITCH);
	k->s.flags |= WHY_F_END;
	if (k->state == WHY_RUNS)
		k->s.off = k->last;
	k->s.woken = k->s.run = 0;
	k->s.how = WHY_OFF_GAP;
	stay_send(k);
	k->s.flags &= WHY_F_HELPER;
	__builtin_memset(k->s.part, 0, sizeof(k->s.part));
	k->s.on = k->s.off = k->last = now;
	return 0;
}

#endif
