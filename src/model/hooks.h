/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What sources share in loading: from a table of hooks to attached programs, and what those cost. */
#ifndef SPOOR_MODEL_HOOKS_H
#define SPOOR_MODEL_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "kernel/probe.h"
#include "model/model.h"

struct bpf_link;
struct bpf_object;

enum { HOOK_MUST = 1, HOOK_RUN = 2 /* run by its source, not attached */ };

/* Stages in order, and for each the hooks that show it, preferred first: the first whose tracepoint or function exists
 * is taken. */
struct hook {
	const char *stage, *prog, *prog2; /* prog2: its other half, loaded and attached together with it */
	const char *name;                 /* tracepoint, or function when fn */
	bool fn;
	unsigned int when;                /* any of these bits wants it; HOOK_MUST: nothing works without */
	const char *lost;                 /* not seen without it; NULL: the next line is an alternative, or nothing is lost */
};

/* Lines of a table of hooks: the programs of IRQ_PROGRAMS(prefix, ...) of bpf/irq.bpf.h. */
#define HOOK_PAIR_(stage, prog, event, w, lost) { stage, prog "_enter", prog "_exit", event "_entry", false, w, lost }
#if defined(__x86_64__)
#define HOOKS_BETWEEN_CPUS_(prefix, w) \
	HOOK_PAIR_("timer", prefix "_timer", "local_timer", w, "timer interrupts"), \
	HOOK_PAIR_("resched", prefix "_reschedule", "reschedule", w, NULL), \
	HOOK_PAIR_("call", prefix "_call", "call_function", w, NULL), \
	HOOK_PAIR_("call1", prefix "_call_single", "call_function_single", w, NULL), \
	HOOK_PAIR_("work", prefix "_work", "irq_work", w, NULL)
#else
#define HOOKS_BETWEEN_CPUS_(prefix, w) HOOK_PAIR_("ipi", prefix "_ipi", "ipi", w, NULL)
#endif
#define HOOKS_OF_INTERRUPTS(prefix, w) \
	HOOK_PAIR_("irq", prefix "_irq", "irq_handler", w, "part irq"), \
	HOOK_PAIR_("softirq", prefix "_softirq", "softirq", w, "part softirq"), HOOKS_BETWEEN_CPUS_(prefix, w)

typedef VEC(struct bpf_link *) links_t;
typedef VEC(struct unseen) unseen_t;

int unseen_add(unseen_t *unseen, const char *what, const char *why);
void unseen_free(unseen_t *unseen);

/* Before loading: decides what is loaded, into use[n]; not what is in refused[n] (NULL: nothing is). 0, or -EOPNOTSUPP when a
 * hook that must be is not there (logged). */
int hooks_choose(const struct hook *hooks, size_t n, unsigned int wanted, struct bpf_object *obj, struct probe *p,
		 const bool *refused, bool *use, unseen_t *unseen);
/* Loading failed: notes in refused[n] whose program the kernel refused, a field may be gone that it reads. True when the rest is
 * worth another try. */
bool hooks_refused(const struct hook *hooks, size_t n, bool *refused);
/* After it. 0 or -errno, logged. */
int hooks_attach(const struct hook *hooks, size_t n, struct bpf_object *obj, const bool *use, links_t *links,
		 unseen_t *unseen);
void links_destroy(links_t *links);

/* BPF time of all programs; false when the kernel does not count it. missed: events at which the kernel skipped a
 * program because an interrupt came while it ran on that CPU (counted from 5.12). */
bool program_time(int fd, uint64_t *ns, uint64_t *runs, uint64_t *missed); /* of one, added */
uint64_t map_memory(int fd); /* bytes of a map */
bool object_time(const struct bpf_object *obj, uint64_t *ns, uint64_t *runs, uint64_t *missed);
uint64_t object_map_bytes(const struct bpf_object *obj);

/* A source's losses: its own n counters, each with what and why, then malformed records and events that the kernel
 * skipped. v: room for n + LOSSES_MORE, what out points to. */
enum { LOSSES_MORE = 2 };
void losses_fill(struct losses *out, struct lost *v, const char *const text[][2], const uint64_t *lost, unsigned int n,
		 uint64_t malformed, const struct bpf_object *obj);
/* The part of the cost that a source knows. */
void cost_fill(struct cost *out, const struct bpf_object *obj, uint64_t ops, const unseen_t *unseen);

/* For stacks of sleeping tasks (bpf/stack.bpf.h); where the kernel hides its addresses there are none, which is noted. */
struct stack_text;
void stack_text_set(struct stack_text *text, unseen_t *unseen);

unsigned int threads_count(void); /* on this machine */
/* What a CPU is doing is known from its first switch on: a visit of each causes one. Where spoor may not go, it stays
 * unknown until then. */
void cpus_visit(void);
unsigned int pow2_at_least(unsigned int n);

#endif
