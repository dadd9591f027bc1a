/* SPDX-License-Identifier: GPL-2.0-only */
/* By whom or what a task is woken. */
#ifndef SPOOR_WHY_WAKER_BPF_H
#define SPOOR_WHY_WAKER_BPF_H

enum { VEC_TIMER = 1, VEC_NET_TX = 2, VEC_NET_RX = 3, VEC_HRTIMER = 8 }; /* include/linux/interrupt.h */
enum { DONE_NS = 100000 }; /* in task context nothing else says that the completion is over */

/* w: all 0. */
static __always_inline void waker_find(struct why_waker *w, const struct why_cpu *c, u64 now)
{
	struct cpu_irq *q = cpu_irq_get();
	u32 level = q ? context_level(q) : 0;

	if (c->done_t && c->done_level == level && (level || now - c->done_t < DONE_NS)) {
		w->context = WHY_BY_DEVICE;
		w->dev = c->done_dev;
		w->write = c->done_write;
	} else if (level == 2) {
		w->context = q->irq_kind == IRQ_KIND_TIMER ? WHY_BY_TIMER : WHY_BY_IRQ;
		w->dev = q->irq_kind == IRQ_KIND_DEVICE ? q->irq_nr : 0;
	} else if (level == 1) {
		w->vec = q->in_softirq - 1;
		w->context = w->vec == VEC_TIMER || w->vec == VEC_HRTIMER ? WHY_BY_TIMER :
			     w->vec == VEC_NET_TX || w->vec == VEC_NET_RX ? WHY_BY_NETWORK : WHY_BY_SOFTIRQ;
		if (w->context == WHY_BY_NETWORK && c->from_tid) {
			w->context = WHY_BY_TASK;
			w->tid = c->from_tid;
			w->tgid = c->from_tgid;
		}
	} else {
		u64 id = bpf_get_current_pid_tgid();

		w->context = WHY_BY_TASK;
		w->tid = id;
		w->tgid = id >> 32;
	}
}

/* Is it the running task, and not one that sent a packet before? Then it has a name. */
static __always_inline bool waker_runs(const struct why_waker *w)
{
	return w->context == WHY_BY_TASK && w->tid == (u32)bpf_get_current_pid_tgid();
}

/* comm: as long as a task's; "" when its own records have told its name, which is still the same. */
static __always_inline void waker_name(const struct why_waker *w, const struct why_cpu *c, char *comm)
{
	u64 *name = (u64 *)comm, *told;
	struct why_task *own;

	name[0] = name[1] = 0;
	if (!waker_runs(w))
		return;
	bpf_get_current_comm(comm, 16);
	own = cpu_task(c, w->tid);
	told = own ? (u64 *)own->s.comm : NULL;
	if (told && own->told && told[0] == name[0] && told[1] == name[1])
		name[0] = name[1] = 0;
}

/* The wait of the stay is over. */
static __always_inline void stay_woken(struct why_task *k, const struct why_waker *w, u64 now)
{
	k->s.woken = now < k->s.off ? k->s.off : now;
	k->s.context = w->context;
	k->s.vec = w->vec;
	k->s.dev = w->dev;
	k->s.write = w->write;
	k->s.by_tid = w->tid;
	k->s.by_tgid = w->tgid;
	k->state = WHY_RUNNABLE;
}

/* The running task's entry, for one that was asked for or, flags, a helper. */
static __always_inline struct why_task *running_new(struct why_cpu *c, struct task_struct *t, u64 since, u32 flags)
{
	u64 id = bpf_get_current_pid_tgid();
	struct why_task *k = task_new(id, id >> 32, BPF_CORE_READ(t, flags) & PF_KTHREAD, since, flags);

	cpu_traces(c, k);
	return k;
}

/* The running task woke one that is traced: it is traced too, for a while. */
static __always_inline void helper_mark(struct why_cpu *c, u64 now)
{
	struct task_struct *t = (struct task_struct *)bpf_get_current_task();
	u32 tid = bpf_get_current_pid_tgid(), own_tid = 0, own_tgid = 0;
	struct cpu_irq *q = cpu_irq_get();
	struct why_task *k;

	if (!tid || tid != c->tid || !q)
		return;
	k = task_find(tid);
	if (!k && !want_calls && filter_task(t)) /* one of those asked for, that has run since before the window */
		k = running_new(c, t, running_since(c, now), 0);
	else if (!k && (!ids_own(&own_tid, &own_tgid) || own_tgid != filter.self_tgid))
		k = running_new(c, t, now, WHY_F_HELPER);
	if (!k)
		return;
	k->until = now + helper_ns;
	q->active = 1;
}

/* ---- what an interrupt or a worker is about ---- */

/* An interrupt or softirq begins: what the one before it was about is over. Always true. */
static __always_inline bool context_begin(void)
{
	struct cpu_irq *q = cpu_irq_get();
	struct why_cpu *c = cpu_get();

	if (c && q) {
		c->done_t = 0;
		if (!q->in_softirq) /* one that is interrupted goes on with its packet */
			c->from_tid = 0;
	}
	return true;
}

static __always_inline void device_done(u32 dev, u32 write)
{
	struct cpu_irq *q = cpu_irq_get();
	struct why_cpu *c = cpu_get();

	if (!c || !q)
		return;
	c->done_t = bpf_ktime_get_ns();
	c->done_dev = dev;
	c->done_write = write;
	c->done_level = context_level(q);
}

/* A packet that loopback hands from the sender to the receiver, in whatever task's time the softirq falls. What is sent
 * while a packet is received belongs to that one's sender. */
static __always_inline void packet_sent(u64 skb)
{
	u32 i = slot_hash_pointer(skb) & (PACKETS - 1);
	struct packet *p = bpf_map_lookup_elem(&packets, &i);
	u64 id = bpf_get_current_pid_tgid();
	struct cpu_irq *q = cpu_irq_get();
	struct why_cpu *c = cpu_get();

	if (!p || !c || !q)
		return;
	if (context_level(q) && !c->from_tid) { /* forwarded, or sent by a timer: of no task */
		p->skb = 0;
		return;
	}
	p->skb = skb;
	p->tid = c->from_tid ? c->from_tid : (u32)id;
	p->tgid = c->from_tid ? c->from_tgid : id >> 32;
}

static __always_inline void packet_received(u64 skb)
{
	u32 i = slot_hash_pointer(skb) & (PACKETS - 1);
	struct packet *p = bpf_map_lookup_elem(&packets, &i);
	struct why_cpu *c = cpu_get();

	if (!p || !c)
		return;
	c->from_tid = p->skb == skb ? p->tid : 0;
	c->from_tgid = p->tgid;
	p->skb = 0;
}

#endif
