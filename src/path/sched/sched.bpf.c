/* SPDX-License-Identifier: GPL-2.0-only */
/* `spoor sched`, kernel side: one short handler a hook, in the order of sched.h. */
#include "kernel.h"
#include "compat.bpf.h"
#include "slot.bpf.h"
#include "task.bpf.h"
#include "filter.bpf.h"
#include "hist.bpf.h"
#include "irq.bpf.h"
#include "ring.bpf.h"
#include "path/sched/sched.h"

char LICENSE[] SEC("license") = "GPL";

const volatile bool want_records;        /* --slower, --top */
const volatile u64 want_slower;          /* ns */
const volatile u64 epoch;                /* when the clocks of the CPUs began */
const volatile u32 set_mask = 0xff;      /* sets of slots - 1 */
const volatile u32 row_mask = 0xff;      /* rows, without row 0, - 1 */
const volatile s32 row_subsys = -1;      /* of the hierarchy whose cgroups are shown; -1: v2 */

u32 ready;                               /* delays count; the clocks run from the beginning */
u64 top_min;                             /* --top: raised to the smallest of the largest */
u64 lost[SCHED_LOST_N];                  /* added to without fetch: 5.10 has no atomic fetch */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct sched_cpu);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct sched_row);
} rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCHED_PAIRS);
	__type(key, u32);
	__type(value, struct sched_pair);
} pairs SEC(".maps");

/* A task that waits for a CPU. */
struct task_slot {
	u64 t;
	u8 how, context;
	u16 moved;
	u32 cpu;
	u32 stretch;                     /* number of the stretch that was on that CPU at t */
	u32 by_tid, by_tgid, pad;
	char by_comm[16];
};

/* The thread ids in slots 4n to 4n + 3, 0: free. Together, so that a look-up costs one cache line, also one that
 * finds nothing. */
enum { SLOT_WAYS = 4 };
struct tid_set { u32 tid[SLOT_WAYS]; };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, struct tid_set);
} slot_tids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct task_slot);
} slots SEC(".maps");

/* The last stretches of each CPU, and the number of the one under way. Arrays over the CPUs: who waited for a CPU may
 * get another. */
enum { STRETCHES = SCHED_STRETCHES };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, STRETCHES);
	__type(key, u32);
	__type(value, struct sched_stretch);
} stretches SEC(".maps");

/* The record under construction: only a switch makes one, and switches of a CPU do not interrupt each other. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct sched_rec);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} stretch_numbers SEC(".maps");

static __always_inline void lose(u32 what)
{
	if (ready)
		__sync_fetch_and_add(&lost[what], 1);
}

/* ---- slots of waiting tasks ---- */

static __always_inline struct task_slot *slot_find(u32 tid)
{
	u32 set = slot_hash(tid) & set_mask;
	struct tid_set *k = bpf_map_lookup_elem(&slot_tids, &set);

	for (u32 way = 0; k && way < SLOT_WAYS; way++) {
		u32 i = set * SLOT_WAYS + way;
		if (k->tid[way] == tid)
			return bpf_map_lookup_elem(&slots, &i);
	}
	return NULL;
}

/* There is no compare-and-swap before 5.12: that CPUs begin with different ways keeps two of them from claiming one
 * slot at the same instant. The loser of such a race finds no slot later, and is counted. */
static __always_inline struct task_slot *slot_claim(u32 tid)
{
	u32 set = slot_hash(tid) & set_mask, cpu = bpf_get_smp_processor_id();
	struct tid_set *k = bpf_map_lookup_elem(&slot_tids, &set);
	struct task_slot *s;

	for (u32 n = 0; k && n < SLOT_WAYS; n++) {
		u32 way = (cpu + n) & (SLOT_WAYS - 1), i = set * SLOT_WAYS + way;
		if (k->tid[way])
			continue;
		s = bpf_map_lookup_elem(&slots, &i);
		if (!s)
			break;
		__builtin_memset(s, 0, sizeof(*s));
		k->tid[way] = tid;
		return s;
	}
	lose(SCHED_LOST_SLOT);
	return NULL;
}

static __always_inline void slot_release(u32 tid)
{
	u32 set = slot_hash(tid) & set_mask;
	struct tid_set *k = bpf_map_lookup_elem(&slot_tids, &set);

	for (u32 way = 0; k && way < SLOT_WAYS; way++)
		if (k->tid[way] == tid)
			k->tid[way] = 0;
}

static __always_inline u32 stretch_number(u32 cpu)
{
	u32 *n = bpf_map_lookup_elem(&stretch_numbers, &cpu);

	return n ? *n : 0;
}

static __always_inline void delay_begin(struct task_slot *s, u32 how, u32 cpu, u64 now)
{
	s->t = now;
	s->how = how;
	s->cpu = cpu;
	s->moved = 0;
	if (want_records)
		s->stretch = stretch_number(cpu);
}

/* ---- the clock of a CPU ---- */

static __always_inline struct sched_cpu *cpu_get(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&cpus, &zero);
}

/* Ends what the CPU did and begins `mode`. Returns the time that was left for it by interrupts. */
static __always_inline u64 cpu_cut(struct sched_cpu *c, u64 now, u32 mode)
{
	struct cpu_irq *q = cpu_irq_get();
	u64 d, irq, softirq;

	if (!q)
		return 0;
	if (!c->last)
		c->last = epoch;
	if (now < c->last)
		now = c->last;
	d = now - c->last;
	irq = q->irq_ns - c->irq0;
	softirq = q->softirq_ns - c->softirq0;
	if (irq > d)
		irq = d;
	if (softirq > d - irq)
		softirq = d - irq;
	d -= irq + softirq;
	c->part[MODE_IRQ] += irq;
	c->part[MODE_SOFTIRQ] += softirq;
	if (c->mode < MODE_N)
		c->part[c->mode] += d;
	c->irq0 = q->irq_ns;
	c->softirq0 = q->softirq_ns;
	c->last = now;
	c->mode = mode;
	q->active = 1;
	return d;
}

/* The kernel did not show the switch to what runs here. */
static __always_inline void cpu_lost(struct sched_cpu *c)
{
	if (c->mode != MODE_UNKNOWN)
		lose(SCHED_LOST_SWITCH);
	c->mode = MODE_UNKNOWN;
	c->row = 0;
}

/* ---- rows ---- */

static __always_inline u64 task_cgroup(struct task_struct *t)
{
	struct css_set *set = t->cgroups;
	struct cgroup_subsys_state *css = NULL;
	struct cgroup *c = NULL;

	if (row_subsys < 0)
		return set->dfl_cgrp->kn->id;
	bpf_core_read(&css, sizeof(css), &set->subsys[row_subsys & 15]);
	c = BPF_CORE_READ(css, cgroup);
	return BPF_CORE_READ(c, kn, id);
}

static __always_inline struct sched_row *row_at(u32 row)
{
	u32 i = row - 1;

	return row ? bpf_map_lookup_elem(&rows, &i) : NULL;
}

static __always_inline void row_name(struct sched_row *r, struct task_struct *t, u64 now)
{
	bpf_probe_read_kernel(r->comm, sizeof(r->comm), t->group_leader->comm);
	r->named = now;
}

/* Index + 1 of the row of its process; 0: not traced. Each CPU claims a row for itself, so there is nothing to lock. */
static __always_inline u32 row_of(struct task_struct *t)
{
	struct sched_row *r;
	u64 first, cgroup;
	u32 h, i;

	if (!ready || !filter_other(t))
		return 0;
	first = (u32)t->tgid | (u64)(u16)t->prio << 32 | (u64)t->policy << 48;
	cgroup = task_cgroup(t);
	h = slot_hash(first + cgroup * 31);
	for (u32 way = 0; way < SCHED_ROW_WAYS; way++) {
		i = 1 + ((h & row_mask) ^ way);
		r = bpf_map_lookup_elem(&rows, &i);
		if (!r)
			return 0;
		if (!r->used) {
			r->key.tgid = t->tgid;
			r->key.prio = t->prio;
			r->key.policy = t->policy;
			r->key.cgroup = cgroup;
			row_name(r, t, bpf_ktime_get_ns());
			r->used = 1;
			return i + 1;
		}
		if (r->key.tgid == (u32)t->tgid && r->key.prio == (s16)t->prio && r->key.policy == (u16)t->policy &&
		    r->key.cgroup == cgroup)
			return i + 1;
	}
	lose(SCHED_LOST_ROW);
	return 1;
}

static __always_inline void pair_add(const struct task_slot *s, const struct sched_row *r, u32 tgid, u64 ns)
{
	u32 h = slot_hash((u64)s->by_tgid << 32 | tgid);

	for (u32 way = 0; way < 4; way++) {
		u32 i = (h & (SCHED_PAIRS - 1)) ^ way;
		struct sched_pair *p = bpf_map_lookup_elem(&pairs, &i);
		if (!p)
			return;
		if (!p->count) {
			p->by = s->by_tgid;
			p->tgid = tgid;
		} else if (p->by != s->by_tgid || p->tgid != tgid) {
			continue;
		}
		__builtin_memcpy(p->by_comm, s->by_comm, sizeof(p->by_comm));
		__builtin_memcpy(p->comm, r->comm, sizeof(p->comm));
		p->count++;
		p->ns += ns;
		return;
	}
	lose(SCHED_LOST_PAIR);
}

/* ---- records of single delays ---- */

static __always_inline struct sched_stretch *stretch_at(u32 cpu, u32 n)
{
	u32 i = cpu * STRETCHES + (n & (STRETCHES - 1));

	return bpf_map_lookup_elem(&stretches, &i);
}

/* The name at its end: it may have become another program. */
static __always_inline void stretch_end(struct task_struct *t)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct sched_stretch *s = stretch_at(cpu, stretch_number(cpu));

	if (s)
		bpf_probe_read_kernel(s->comm, sizeof(s->comm), t->comm);
}

/* A stretch begins on this CPU. */
static __always_inline void stretch_begin(struct task_struct *t, u64 now)
{
	u32 cpu = bpf_get_smp_processor_id(), *n = bpf_map_lookup_elem(&stretch_numbers, &cpu);
	struct sched_stretch *r = n ? stretch_at(cpu, *n + 1) : NULL;

	if (!r)
		return;
	r->t = now;
	r->tid = t->pid;
	r->tgid = t->tgid;
	bpf_probe_read_kernel(r->comm, sizeof(r->comm), t->comm);
	++*n;
}

static __always_inline struct sched_rec *scratch_get(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&scratch, &zero);
}

/* One task's stretches are added up, where there is room for it. i: of the stretch. */
__noinline int ran_add(u32 i, u64 ns)
{
	struct sched_stretch *from = bpf_map_lookup_elem(&stretches, &i);
	struct sched_rec *rec = scratch_get();
	u32 h;

	if (!rec || !from)
		return 0;
	h = slot_hash(from->tid);
	for (u32 way = 0; way < 4; way++) {
		struct sched_ran *r = &rec->ran[(h ^ way) & (SCHED_RAN - 1)];
		if (r->stretches && r->tid != from->tid)
			continue;
		if (!r->stretches) {
			r->tid = from->tid;
			r->tgid = from->tgid;
			__builtin_memcpy(r->comm, from->comm, sizeof(r->comm));
		}
		r->stretches++;
		r->ns += ns;
		rec->rest -= ns;
		return 1;
	}
	return 0;
}

/* Who had this CPU from `since` to `now`, backwards; first: the stretch that was under way at `since`. */
__noinline int rec_add_stretches(u32 cpu, u32 first, u64 since, u64 now)
{
	struct sched_rec *rec = scratch_get();
	u32 last = stretch_number(cpu), n = last - first + 1;
	u64 until = now, from;

	if (!rec)
		return 0;
	rec->stretches = n;
	for (u32 k = 0; k < STRETCHES / 2 && k < n; k++) {
		u32 i = cpu * STRETCHES + ((last - k) & (STRETCHES - 1));
		struct sched_stretch *s = bpf_map_lookup_elem(&stretches, &i);
		if (!s)
			break;
		from = s->t > since ? s->t : since;
		if (from > until) /* written meanwhile */
			break;
		ran_add(i, until - from);
		until = from;
	}
	return 0;
}

static __always_inline void delay_send(struct task_struct *t, const struct task_slot *s, u64 now, u64 ns)
{
	struct sched_rec *rec = scratch_get();

	if (!rec)
		return;
	__builtin_memset(rec, 0, sizeof(*rec));
	rec->t = s->t;
	rec->ns = rec->rest = ns;
	rec->cgroup = task_cgroup(t);
	rec->tid = t->pid;
	rec->tgid = t->tgid;
	rec->prio = t->prio;
	rec->policy = t->policy;
	rec->how = s->how;
	rec->context = s->context;
	rec->by_tid = s->by_tid;
	rec->by_tgid = s->by_tgid;
	rec->cpu = s->cpu;
	rec->cpu_ran = bpf_get_smp_processor_id();
	rec->moved = s->moved;
	bpf_probe_read_kernel(rec->comm, sizeof(rec->comm), t->comm);
	__builtin_memcpy(rec->by_comm, s->by_comm, sizeof(rec->by_comm));
	rec_add_stretches(s->cpu, s->stretch, s->t, s->t + ns);
	if (!ring_send(rec, sizeof(*rec)))
		lose(SCHED_LOST_RING);
}

/* ---- somebody wakes a task ---- */

SEC("tp_btf/sched_waking")
int sched_waking(u64 *ctx)
{
	struct task_struct *t = (void *)ctx[0];
	struct cpu_irq *q = cpu_irq_get();
	u64 id = bpf_get_current_pid_tgid();
	struct task_slot *s;

	if (slot_find(t->pid)) /* it waits already */
		return 0;
	s = slot_claim(t->pid);
	if (!s || !q)
		return 0;
	s->how = SCHED_WAKING;
	s->by_tid = id;
	s->by_tgid = id >> 32;
	s->context = q->irq_depth ? SCHED_BY_IRQ : q->in_softirq ? SCHED_BY_SOFTIRQ : SCHED_BY_TASK;
	bpf_get_current_comm(s->by_comm, sizeof(s->by_comm));
	return 0;
}

/* ---- it is put on a run queue ---- */

static __always_inline int task_woken(struct task_struct *t, u32 how)
{
	struct task_slot *s = slot_find(t->pid);

	if (s && s->how != SCHED_WAKING) /* it waited already */
		return 0;
	if (t->on_cpu) { /* it had not gone to sleep yet */
		if (s)
			slot_release(t->pid);
		return 0;
	}
	if (!s)
		s = slot_claim(t->pid);
	if (s)
		delay_begin(s, how, task_cpu(t), bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/sched_wakeup")
int sched_wakeup(u64 *ctx)
{
	return task_woken((void *)ctx[0], SCHED_WOKEN);
}

SEC("tp_btf/sched_wakeup_new")
int sched_wakeup_new(u64 *ctx)
{
	return task_woken((void *)ctx[0], SCHED_NEW);
}

SEC("tp_btf/sched_migrate_task")
int sched_migrate(u64 *ctx)
{
	struct task_struct *t = (void *)ctx[0];
	struct task_slot *s;
	struct sched_row *r;

	if (!ready || task_cpu(t) == (u32)ctx[1])
		return 0;
	s = want_records ? slot_find(t->pid) : NULL;
	if (s && s->how != SCHED_WAKING)
		s->moved++;
	r = row_at(row_of(t));
	if (r)
		r->migrations++;
	return 0;
}

/* ---- it leaves its CPU, another gets it ---- */

/* own: what it had of the CPU. The name is read here, for it may have become another program meanwhile. */
static __always_inline void task_off(struct sched_row *r, struct task_struct *t, bool voluntary, u64 own, u64 now)
{
	row_name(r, t, now);
	r->ran += own;
	if (voluntary)
		r->voluntary++;
	else
		r->involuntary++;
}

static __always_inline void task_preempted(struct task_struct *t, struct task_struct *by, u64 now)
{
	struct task_slot *s = slot_find(t->pid);

	if (!s)
		s = slot_claim(t->pid);
	if (!s)
		return;
	delay_begin(s, SCHED_PREEMPTED, bpf_get_smp_processor_id(), now);
	s->by_tid = by->pid;
	s->by_tgid = by->tgid;
	s->context = SCHED_BY_TASK;
	bpf_probe_read_kernel(s->by_comm, sizeof(s->by_comm), by->comm);
}

/* Its delay is over. */
static __always_inline void task_on(struct sched_row *r, const struct task_slot *s, struct task_struct *t, u64 now)
{
	u64 ns = now > s->t ? now - s->t : 0;
	u32 b = hist_bucket(ns);

	r->count++;
	r->ns += ns;
	if (ns > r->max)
		r->max = ns;
	if (b < WIRE_HIST_N)
		r->hist[b]++;
	if (s->how == SCHED_PREEMPTED) {
		r->preempted++;
		r->preempted_ns += ns;
		pair_add(s, r, t->tgid, ns);
	}
	if (want_records && ns >= want_slower && ns > top_min)
		delay_send(t, s, now, ns);
}

static __always_inline void switch_from(u64 *ctx, struct sched_cpu *c, u64 own, bool known, u64 now)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];
	bool preempted = (u8)ctx[0];
	struct task_slot *s;
	struct sched_row *r;

	r = row_at(known ? c->row : row_of(prev));
	if (r)
		task_off(r, prev, !preempted && switch_prev_state(ctx, prev), known ? own : 0, now);
	if (preempted || !task_state(prev)) { /* or a signal keeps it from sleeping */
		task_preempted(prev, next, now);
		return;
	}
	s = slot_find(prev->pid);
	if (s && s->how != SCHED_WAKING) /* it ran, and we were not shown that it began to */
		slot_release(prev->pid);
}

static __always_inline void switch_to(struct task_struct *next, struct sched_cpu *c, u64 now)
{
	struct task_slot *s = slot_find(next->pid);
	struct sched_row *r;

	c->row = row_of(next);
	r = row_at(c->row);
	if (r && s && s->how != SCHED_WAKING)
		task_on(r, s, next, now);
	else if (r)
		lose(SCHED_LOST_WAKEUP);
	if (s)
		slot_release(next->pid);
}

SEC("tp_btf/sched_switch")
int sched_switch(u64 *ctx)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];
	u64 now = bpf_ktime_get_ns(), own;
	struct sched_cpu *c = cpu_get();
	bool known;

	if (!c)
		return 0;
	known = c->mode != MODE_UNKNOWN && c->current == (u32)prev->pid;
	if (!known)
		cpu_lost(c);
	own = cpu_cut(c, now, next->pid ? MODE_BUSY : MODE_IDLE);
	if (want_records)
		stretch_end(prev);
	if (prev->pid)
		switch_from(ctx, c, own, known, now);
	c->current = next->pid;
	c->row = 0;
	if (next->pid)
		switch_to(next, c, now);
	if (want_records)
		stretch_begin(next, now);
	return 0;
}

/* ---- idle states ---- */

SEC("tp_btf/cpu_idle")
int sched_idle(u64 *ctx)
{
	struct sched_cpu *c = cpu_get();
	u32 state = ctx[0], mode = MODE_IDLE;

	if (!c)
		return 0;
	if (state != (u32)-1) /* PWR_EVENT_EXIT */
		mode = MODE_STATE0 + (state < SCHED_IDLE_STATES ? state : SCHED_IDLE_STATES - 1);
	if (c->mode == MODE_BUSY)
		cpu_lost(c);
	cpu_cut(c, bpf_ktime_get_ns(), mode);
	c->current = 0;
	return 0;
}

/* ---- locks ---- */

#include "path/sched/lock.bpf.h"

SEC("tp_btf/contention_begin")
int sched_contended(u64 *ctx)
{
	return lock_contended(ctx);
}

SEC("tp_btf/contention_end")
int sched_acquired(u64 *ctx)
{
	return lock_acquired(ctx);
}

/* ---- processes ---- */

SEC("tp_btf/sched_process_fork")
int sched_fork(u64 *ctx)
{
	return follow_fork((void *)ctx[0], (void *)ctx[1]);
}

SEC("tp_btf/sched_process_exit")
int sched_exit(u64 *ctx)
{
	return follow_exit((void *)ctx[0], bpf_get_current_pid_tgid() >> 32);
}

/* ---- interrupts ---- */

IRQ_PROGRAMS(sched, true)
