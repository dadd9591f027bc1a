/* SPDX-License-Identifier: GPL-2.0-only */
/* `spoor why`, kernel side: one short handler a hook, in the order of why.h. */
#include "kernel.h"
#include "compat.bpf.h"
#include "slot.bpf.h"
#include "task.bpf.h"
#include "filter.bpf.h"
#include "irq.bpf.h"
#include "path/why/why.h"
#include "path/why/stay.bpf.h"
#include "path/why/waker.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* ---- a task gets a CPU, or leaves it ---- */

static __always_inline u32 off_how(u64 *ctx, struct task_struct *prev)
{
	bool preempted = (u8)ctx[0];
	u64 state = switch_prev_state(ctx, prev);

	if (state & TASK_DEAD)
		return WHY_OFF_DEAD;
	if (state && !preempted && task_dequeued(prev))
		return WHY_OFF_BLOCKED;
	return task_throttled(prev) ? WHY_OFF_THROTTLED : WHY_OFF_PREEMPTED;
}

static __always_inline void history_switch(struct why_cpu *c, struct task_struct *prev, struct task_struct *next, u32 how,
					   u64 now)
{
	struct history_at at;

	if (!history_begin(&at, c, now))
		return;
	at.h->event = WHY_EV_SWITCH;
	at.h->how = how;
	at.h->a = prev->pid;
	at.h->b = next->pid;
	history_end(&at);
}

/* The call that it is in says something of the stretch only when it was most of it. */
static __always_inline s32 stay_nr(const struct why_task *k)
{
	return 2 * k->entered_cpu >= k->s.off - k->s.on ? k->nr : WHY_NR_USER;
}

/* The last of a thread: it is dead, or goes on under another number. */
static __always_inline void stay_end(struct why_task *k, struct task_struct *t, u64 now)
{
	k->s.off = clock_cut(k, now);
	k->s.woken = k->s.run = 0;
	k->s.how = WHY_OFF_DEAD;
	k->s.nr = stay_nr(k);
	k->s.flags |= WHY_F_END;
	bpf_probe_read_kernel(k->s.comm, sizeof(k->s.comm), &t->comm);
	stay_send(k);
}

static __always_inline void task_off(struct why_task *k, struct task_struct *prev, struct task_struct *next, u32 how,
				     u64 now)
{
	if (how == WHY_OFF_DEAD) {
		stay_end(k, prev, now);
		task_drop(prev->pid);
		return;
	}
	now = clock_cut(k, now);
	k->s.off = now;
	k->s.how = how;
	k->s.nr = stay_nr(k);
	if (how == WHY_OFF_BLOCKED) {
		k->state = WHY_BLOCKED;
		return;
	}
	k->state = WHY_RUNNABLE;
	k->s.woken = now;
	k->s.by_tid = next->pid;
	k->s.by_tgid = next->tgid;
	bpf_probe_read_kernel(k->s.by_comm, sizeof(k->s.by_comm), next->comm);
}

/* A record that ends here, without a stay away: from now on the parts count anew. */
static __always_inline void stay_cut(struct why_task *k, u64 now)
{
	now = clock_cut(k, now);
	k->s.off = k->s.woken = k->s.run = now;
	k->s.how = WHY_OFF_PREEMPTED;
	k->s.nr = stay_nr(k);
	bpf_get_current_comm(k->s.comm, sizeof(k->s.comm));
	stay_send(k);
	stay_begin(k, now);
}

/* The running task has got another number: what was known of it goes on under that. */
static __noinline int task_rename(struct why_cpu *c, u32 was, u32 tid, u64 now)
{
	struct why_task *k = task_find(was), *to;
	u64 until, call_t;
	u32 flags;
	s32 nr;

	if (!k || !c || c->tid != was || k->state != WHY_RUNS)
		return 0;
	flags = k->s.flags & WHY_F_HELPER;
	until = k->until;
	call_t = k->call_t;
	nr = k->nr;
	stay_end(k, (struct task_struct *)bpf_get_current_task(), now);
	to = task_new(tid, k->s.tgid, false, now, flags);
	task_drop(was);
	c->tid = tid;
	cpu_traces(c, to);
	if (!to)
		return 0;
	to->until = until;
	to->call_t = call_t;
	to->nr = nr;
	return 0;
}

/* Only if it was of the same process: else a switch was hidden. */
static __always_inline void rename_first(struct why_cpu *c, u32 tgid, u64 now)
{
	struct why_task *k = task_find(c->tid);

	if (k && k->s.tgid == tgid)
		task_rename(c, c->tid, tgid, now);
}

static __always_inline void switch_from(u64 *ctx, struct why_cpu *c, u32 how, u64 now)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];
	struct why_task *k;
	bool known;

	if (c->traced && c->tid != (u32)prev->pid && prev->pid == prev->tgid) /* it is about to execute a program */
		rename_first(c, prev->tgid, now);
	known = c->tid == (u32)prev->pid;
	k = known ? cpu_task(c, prev->pid) : task_find(prev->pid);
	if (k && (!known || k->state != WHY_RUNS)) { /* how long it had run is not known */
		task_gap(prev->pid, now);
		k->state = WHY_RUNS;
		clock_begin(k, now);
	}
	if (!k && (!known || c->since < start || may_become_wanted()) && task_wanted(prev)) {
		k = task_of(prev, known && c->since < start ? running_since(c, now) : now);
		if (k && how != WHY_OFF_BLOCKED && k->nr == WHY_NR_UNKNOWN) /* it has entered no call since, nor left one */
			k->nr = WHY_NR_USER;
	}
	if (k)
		task_off(k, prev, next, how, now);
}

/* The stay away is over. */
static __always_inline void task_on(struct why_task *k, struct task_struct *next, u64 now)
{
	u32 tid = next->pid;

	if (k->state == WHY_RUNS) {
		task_gap(tid, now);
		stay_begin(k, now);
		return;
	}
	if (now < k->s.off)
		now = k->s.off;
	if (k->state == WHY_BLOCKED && k->early.context) { /* the wake-up came first, and had to wait for the switch */
		stay_woken(k, &k->early, k->s.off);
		__builtin_memcpy(k->s.by_comm, k->early_comm, sizeof(k->s.by_comm));
	} else if (k->state == WHY_BLOCKED || k->s.woken > now) { /* nobody was seen to wake it */
		k->s.woken = now;
	}
	k->s.run = now;
	k->s.cpu_run = bpf_get_smp_processor_id();
	if (k->s.how == WHY_OFF_BLOCKED)
		k->s.site = stack_site_sleeping(next, 0);
	stay_name(k, next);
	if (k->s.flags & WHY_F_HELPER && now > k->until) {
		k->s.flags |= WHY_F_END;
		stay_send(k);
		task_drop(tid);
		return;
	}
	stay_send(k);
	stay_begin(k, now);
}

static __always_inline void switch_to(struct why_cpu *c, struct task_struct *next, u64 now)
{
	struct why_task *k = task_find(next->pid);

	if (!k && task_wanted(next))
		k = task_away(next, WHY_RUNNABLE, first_since(next->pid, now));
	if (k)
		task_on(k, next, now);
	cpu_traces(c, k); /* one that is no longer traced is not found */
}

/* A CPU goes to a task. */
static __always_inline void cpu_given(struct why_cpu *c, struct task_struct *next, u64 since)
{
	c->tid = next->pid;
	c->since = since;
	c->done_t = 0;
	c->from_tid = 0;
}

/* One of the two has an entry, or should have one. */
static __always_inline bool switch_concerns(const struct why_cpu *c, struct task_struct *prev, struct task_struct *next)
{
	if (c->traced || c->tid != (u32)prev->pid || c->since < start)
		return true;
	return marked(&thread_marks, next->pid) || task_wanted(next) || (may_become_wanted() && task_wanted(prev));
}

SEC("tp_btf/sched_switch")
int why_switch(u64 *ctx)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];
	struct why_cpu *c = cpu_get();
	u64 now;
	u32 how;

	if (!c)
		return 0;
	if (!ready) {
		cpu_given(c, next, 0); /* before the window, though perhaps only just */
		if (c->traced)
			clock_rest();
		c->traced = 0;
		return 0;
	}
	how = off_how(ctx, prev);
	if (!switch_concerns(c, prev, next)) {
		now = history_time(c, prev);
		history_switch(c, prev, next, how, now);
		cpu_given(c, next, now);
		return 0;
	}
	now = bpf_ktime_get_ns();
	history_switch(c, prev, next, how, now);
	if (prev->pid)
		switch_from(ctx, c, how, now);
	if (c->traced)
		clock_rest();
	cpu_given(c, next, now);
	c->traced = 0;
	if (next->pid)
		switch_to(c, next, now);
	return 0;
}

/* ---- system calls ---- */

static __always_inline void sum_add(struct why_task *k, s32 nr, u64 ns)
{
	u32 i = nr == WHY_NR_FAULT ? WHY_SUM_FAULT : nr;
	struct why_sum *s = bpf_map_lookup_elem(&sums, &i);

	if (!s || k->s.flags & WHY_F_HELPER)
		return;
	s->count++;
	s->ns += ns;
	s->cpu += k->entered_cpu;
	if (ns > s->max)
		s->max = ns;
}

/* The kernel is entered from user mode, by a call or a fault. */
static __always_inline void kernel_enter(struct why_task *k, s32 nr, u64 now)
{
	now = clock_cut(k, now);
	k->nr = nr;
	k->entered = now;
	k->entered_cpu = 0;
}

static __always_inline void kernel_exit(struct why_task *k, u64 now)
{
	now = clock_cut(k, now);
	if (k->entered && (k->nr >= 0 || k->nr == WHY_NR_FAULT))
		sum_add(k, k->nr, now - k->entered);
	k->nr = WHY_NR_USER;
	k->entered = 0;
	k->early.context = WHY_BY_NONE;
}

/* The running task's entry; NULL: none, or the window is over. */
static __always_inline struct why_task *current_traced(void)
{
	struct why_cpu *c = cpu_get();

	return ready && c ? cpu_task(c, bpf_get_current_pid_tgid()) : NULL;
}

/* ---- a call that is asked for ---- */

static __noinline int call_begin(u64 now, s32 nr)
{
	struct task_struct *t = (struct task_struct *)bpf_get_current_task();
	u64 id = bpf_get_current_pid_tgid();
	struct cpu_irq *q = cpu_irq_get();
	struct why_cpu *c = cpu_get();
	struct why_task *k;

	if (!c || !q || !(u32)id || c->tid != (u32)id || context_level(q) || !filter_task(t)) /* not of an interrupt */
		return 0;
	k = task_find(id);
	if (k && k->call_t) { /* a function within itself */
		k->depth++;
		return 0;
	}
	if (k) { /* a helper until now */
		stay_cut(k, now);
		k->s.flags &= ~WHY_F_HELPER;
	} else {
		k = task_new(id, id >> 32, false, now, 0);
		if (!k)
			return 0;
		clock_begin(k, now);
	}
	k->nr = nr;
	k->entered = k->call_t = now;
	cpu_traces(c, k);
	return 0;
}

static __noinline int call_end(u64 now, s64 ret)
{
	u64 id = bpf_get_current_pid_tgid();
	struct why_cpu *c = cpu_get();
	struct why_task *k = c ? cpu_task(c, id) : NULL;
	struct why_call r = { .type = WHY_CALL };
	struct cpu_irq *q = cpu_irq_get();
	u32 tid = id;
	bool helper;

	if (!k || !k->call_t || !q || context_level(q))
		return 0;
	if (k->depth) {
		k->depth--;
		return 0;
	}
	if (now < k->call_t)
		now = k->call_t;
	r.t = k->call_t;
	r.end = now;
	r.ret = ret;
	r.nr = k->nr;
	r.tid = tid;
	r.tgid = id >> 32;
	k->call_t = 0;
	__sync_fetch_and_add(&calls, 1);
	helper = k->until > now; /* it woke somebody, before the call or in it */
	if (!helper)
		k->s.flags |= WHY_F_END;
	stay_cut(k, now);
	if (helper) {
		k->s.flags |= WHY_F_HELPER;
	} else {
		task_drop(tid);
		c->traced = 0;
		clock_rest();
	}
	if (now - r.t < want_slower)
		return 0;
	__sync_fetch_and_add(&calls_slow, 1);
	bpf_get_current_comm(r.comm, sizeof(r.comm));
	if (!ring_send(&r, sizeof(r)))
		lose(WHY_LOST_RING);
	return 0;
}

/* The running task has run since before the window began: its entry, if it is one of those asked for. */
static __noinline int task_adopt(s32 nr)
{
	struct task_struct *t = (struct task_struct *)bpf_get_current_task();
	struct why_cpu *c = cpu_get();
	struct why_task *k;

	if (!c || c->tid != (u32)bpf_get_current_pid_tgid())
		return 0;
	c->since = start; /* once is enough */
	if (want_calls || !filter_task(t))
		return 0;
	k = running_new(c, t, first_since(c->tid, bpf_ktime_get_ns()), 0);
	if (k)
		k->nr = nr;
	return 0;
}

/* Nearly every call is one of a task that is not traced. */
static __always_inline bool call_concerns(const struct why_cpu *c)
{
	return c->traced || c->since < start;
}

SEC("raw_tp/sys_enter")
int why_enter(u64 *ctx)
{
	struct why_cpu *c = cpu_get();
	struct why_task *k;
	s32 nr = ctx[1];

	if (!ready || !c)
		return 0;
	c->done_t = 0; /* what it completed before has nothing to do with this call */
	if (!call_concerns(c) && !(want_calls && nr == want_call))
		return 0;
	if (c->since < start)
		task_adopt(WHY_NR_USER);
	k = cpu_task(c, bpf_get_current_pid_tgid());
	if (!k && !(want_calls && nr == want_call))
		return 0;
	if (nr < 0 || nr >= WHY_SUM_FAULT || task_in_compat_syscall((struct task_struct *)bpf_get_current_task()))
		nr = WHY_NR_UNKNOWN; /* a 32-bit program's numbers mean other calls */
	if (k && k->call_t) { /* the end of that call was hidden: nobody asked for what comes now */
		k->call_t = 0;
		k->depth = 0;
		k->s.flags |= WHY_F_HELPER;
	}
	if (k)
		kernel_enter(k, nr, bpf_ktime_get_ns());
	if (want_calls && nr >= 0 && nr == want_call)
		call_begin(bpf_ktime_get_ns(), nr);
	return 0;
}

SEC("raw_tp/sys_exit")
int why_exit(u64 *ctx)
{
	struct why_cpu *c = cpu_get();
	struct why_task *k;
	u32 tid;

	if (!ready || !c || !call_concerns(c))
		return 0;
	tid = bpf_get_current_pid_tgid();
	if (c->since < start)
		task_adopt(WHY_NR_UNKNOWN);
	k = cpu_task(c, tid);
	if (!k)
		return 0;
	if (want_calls && k->call_t && want_call >= 0 && k->nr == want_call)
		call_end(bpf_ktime_get_ns(), ctx[1]);
	k = cpu_task(c, tid);
	if (k)
		kernel_exit(k, bpf_ktime_get_ns());
	return 0;
}

SEC("fentry") /* the target is set when it is loaded */
int why_func(u64 *ctx)
{
	if (ready)
		call_begin(bpf_ktime_get_ns(), WHY_NR_UNKNOWN);
	return 0;
}

static __always_inline s64 func_value(u64 ret)
{
	u32 unused = 64 - 8 * func_ret;

	if (!func_ret || func_ret >= 8)
		return func_ret ? ret : 0;
	return func_ret_signed ? (s64)(ret << unused) >> unused : (s64)(ret << unused >> unused);
}

/* What it returns lies behind its parameters. */
SEC("fexit")
int why_func_end(u64 *ctx)
{
	u64 ret = 0;

	switch (func_args) {
	case 0: ret = CTX_ARG(ctx, 0); break;
	case 1: ret = CTX_ARG(ctx, 1); break;
	case 2: ret = CTX_ARG(ctx, 2); break;
	case 3: ret = CTX_ARG(ctx, 3); break;
	case 4: ret = CTX_ARG(ctx, 4); break;
	case 5: ret = CTX_ARG(ctx, 5); break;
	case 6: ret = CTX_ARG(ctx, 6); break;
	}
	if (ready)
		call_end(bpf_ktime_get_ns(), func_value(ret));
	return 0;
}

/* ---- page faults ---- */

SEC("fentry/handle_mm_fault")
int why_fault(u64 *ctx)
{
	struct why_task *k = current_traced();

	if (k && k->nr == WHY_NR_USER)
		kernel_enter(k, WHY_NR_FAULT, bpf_ktime_get_ns());
	return 0;
}

SEC("fexit/handle_mm_fault")
int why_fault_end(u64 *ctx)
{
	struct why_task *k = current_traced();

	if (k && k->nr == WHY_NR_FAULT)
		kernel_exit(k, bpf_ktime_get_ns());
	return 0;
}

/* ---- somebody wakes a task ---- */

/* how: WHY_OFF_NEW for one that was not there before. */
static __always_inline void history_wake(struct why_cpu *c, const struct why_waker *w, u32 wakee, u32 how, u64 now)
{
	struct history_at at;

	if (!history_begin(&at, c, now))
		return;
	at.h->event = WHY_EV_WAKE;
	at.h->how = how;
	at.h->context = w->context;
	at.h->vec = w->vec;
	at.h->a = w->tid;
	at.h->b = wakee;
	at.h->dev = w->dev;
	at.h->write = w->write;
	history_end(&at);
}

SEC("tp_btf/sched_waking")
int why_waking(u64 *ctx)
{
	struct task_struct *t = (void *)ctx[0];
	u64 now = bpf_ktime_get_ns();
	struct why_cpu *c = cpu_get();
	struct why_waker w = {};
	struct why_task *k;

	if (!ready || !c)
		return 0;
	waker_find(&w, c, now);
	history_wake(c, &w, t->pid, 0, now);
	k = task_find(t->pid);
	if (!k && task_wanted(t) && !task_on_cpu(t))
		k = task_away(t, WHY_BLOCKED, first_since(t->pid, now));
	if (!k || k->state == WHY_RUNNABLE)
		return 0;
	if (k->state == WHY_RUNS) { /* it may be about to sleep: this is told before the lock is had under which it does */
		k->early = w;
		waker_name(&w, c, k->early_comm);
		return 0;
	}
	stay_woken(k, &w, now);
	waker_name(&w, c, k->s.by_comm);
	if (waker_runs(&w))
		helper_mark(c, now);
	return 0;
}

/* ---- what wakes: block I/O that completes, packets over loopback ---- */

SEC("tp_btf/block_rq_complete")
int why_rq_complete(u64 *ctx)
{
	struct request *rq = (void *)ctx[0];

	if (ready)
		device_done(request_dev(rq), rq->cmd_flags & 1);
	return 0;
}

SEC("tp_btf/block_bio_complete")
int why_bio_complete(u64 *ctx)
{
	struct bio *bio = (void *)ctx[1];
	u32 part;

	if (ready)
		device_done(bio_dev(bio, &part), bio->bi_opf & 1);
	return 0;
}

SEC("raw_tp/netif_rx")
int why_sent(u64 *ctx)
{
	if (ready)
		packet_sent(ctx[0]);
	return 0;
}

SEC("raw_tp/netif_receive_skb")
int why_received(u64 *ctx)
{
	if (ready)
		packet_received(ctx[0]);
	return 0;
}

/* ---- locks ---- */

static __always_inline bool other_is_self(struct task_struct *t, u32 tgid)
{
	return (filter.pidns_ino ? pidns_number(BPF_CORE_READ(t, signal, pids[PIDTYPE_TGID])) : tgid) == filter.self_tgid;
}

/* Any task, by an address that may be stale. */
static __always_inline bool other_sleeps(struct task_struct *t)
{
	u64 state = bpf_core_field_exists(t->__state) ? BPF_CORE_READ(t, __state) : (u64)BPF_CORE_READ(t, state);
	bool queued = BPF_CORE_READ(t, on_rq);

	if (bpf_core_field_exists(t->se.sched_delayed) && BPF_CORE_READ(t, se.sched_delayed))
		queued = false;
	return state && !(state & TASK_WAKING) && !queued && !(bpf_core_field_exists(t->on_cpu) && BPF_CORE_READ(t, on_cpu));
}

/* Who holds a lock that is waited for, and sleeps: traced from now on, so that it is known where it did. */
static __noinline int owner_follow(u64 owner)
{
	struct task_struct *t = (struct task_struct *)owner;
	u32 tid = BPF_CORE_READ(t, pid), tgid = BPF_CORE_READ(t, tgid);
	u64 now = bpf_ktime_get_ns();
	struct why_task *k;

	if (!tid || other_is_self(t, tgid) || !other_sleeps(t) || task_find(tid))
		return 0;
	k = task_new_state(tid, tgid, BPF_CORE_READ(t, flags) & PF_KTHREAD, now, WHY_F_HELPER, WHY_BLOCKED);
	if (!k || !(k->s.flags & WHY_F_HELPER) || k->until)
		return 0;
	k->until = now + helper_ns;
	if (!other_sleeps(t)) /* its waking was not seen, for it had no entry yet */
		task_drop(tid);
	return 0;
}

SEC("tp_btf/contention_begin")
int why_contended(u64 *ctx)
{
	struct why_task *k = current_traced();
	struct task_struct *owner;
	u32 flags = ctx[1];

	if (!k || (flags & LCB_F_SPIN && !(flags & LCB_F_MUTEX)))
		return 0;
	k->s.lock = CTX_ARG(ctx, 0);
	owner = lock_owner(k->s.lock, flags);
	k->s.owner_tid = owner ? BPF_CORE_READ(owner, pid) : 0;
	k->s.owner_tgid = owner ? BPF_CORE_READ(owner, tgid) : 0;
	__builtin_memset(k->s.owner, 0, sizeof(k->s.owner));
	if (owner) {
		bpf_probe_read_kernel(k->s.owner, sizeof(k->s.owner), owner->comm);
		owner_follow((u64)owner);
	}
	return 0;
}

SEC("tp_btf/contention_end")
int why_acquired(u64 *ctx)
{
	struct why_task *k = current_traced();

	if (k && k->s.lock == CTX_ARG(ctx, 0))
		k->s.lock = 0;
	return 0;
}

/* ---- processes ---- */

SEC("tp_btf/sched_process_fork")
int why_fork(u64 *ctx)
{
	struct task_struct *parent = (void *)ctx[0], *child = (void *)ctx[1];
	u64 now = bpf_ktime_get_ns();
	struct why_cpu *c = cpu_get();
	struct why_task *k;

	if (filter.by_tgid && is_followed(parent->tgid))
		mark_set(&process_marks, child->tgid);
	follow_fork(parent, child);
	if (!ready || !c)
		return 0;
	history_wake(c, &(struct why_waker){ .context = WHY_BY_TASK, .tid = parent->pid }, child->pid, WHY_OFF_NEW, now);
	if (!task_wanted(child))
		return 0;
	k = task_of(child, now);
	if (!k)
		return 0;
	k->state = WHY_RUNNABLE;
	k->s.how = WHY_OFF_NEW;
	k->s.woken = now;
	k->s.by_tid = parent->pid;
	k->s.by_tgid = parent->tgid;
	k->s.context = WHY_BY_TASK;
	bpf_probe_read_kernel(k->s.by_comm, sizeof(k->s.by_comm), parent->comm);
	return 0;
}

/* A thread that executes a program becomes the first of its process, whose number it takes. */
SEC("tp_btf/sched_process_exec")
int why_exec(u64 *ctx)
{
	struct task_struct *t = (void *)ctx[0];
	u64 now = bpf_ktime_get_ns();
	struct why_cpu *c = cpu_get();

	if (ready && c && t->pid != (int)ctx[1])
		task_rename(c, ctx[1], t->pid, now);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int why_end(u64 *ctx)
{
	return follow_exit((void *)ctx[0], bpf_get_current_pid_tgid() >> 32);
}

/* ---- the end of the window ---- */

static __always_inline u32 task_away_state(struct task_struct *t)
{
	return task_state(t) && task_dequeued(t) ? WHY_BLOCKED : WHY_RUNNABLE;
}

/* One that is asked for and was there when the window began. Where ids are asked for, that is clear of anybody. */
static __always_inline void task_was_there(struct task_struct *t)
{
	u32 cpu = task_cpu(t), tid = t->pid;

	if (!may_become_wanted() || task_find(tid) || !task_wanted(t))
		return;
	if (task_on_cpu(t))
		bpf_map_update_elem(&there, &cpu, &tid, BPF_ANY);
	else
		task_away(t, task_away_state(t), start);
}

/* For each task, run by user space: when the window has begun, who was there; when the others have stopped, where it sleeps,
 * and those of whom nothing was seen. */
SEC("iter/task")
int why_open(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct why_task *k;

	if (!t)
		return 0;
	if (ready) {
		task_was_there(t);
		return 0;
	}
	k = task_find(t->pid);
	if (!k && task_wanted(t)) {
		if (first_since(t->pid, 0) != start) /* since when, nobody knows */
			return 0;
		if (task_on_cpu(t))
			k = task_of(t, start);
		else
			k = task_away(t, task_away_state(t), start);
		if (k && k->state == WHY_RUNS && k->nr == WHY_NR_UNKNOWN)
			k->nr = WHY_NR_USER; /* one that makes no call and never sleeps */
	}
	if (!k)
		return 0;
	stay_name(k, t);
	if (k->state == WHY_BLOCKED)
		k->s.site = stack_site_sleeping(t, 0);
	return 0;
}

/* ---- interrupts ---- */

IRQ_PROGRAMS(why, context_begin())
