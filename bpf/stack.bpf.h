/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel stacks, each kept once under a name made of its addresses, its site. Who includes this has lose() and defines
 * STACK_LOST, what lose() counts when the table is full; and STACK_PRINTS for stacks of sleeping tasks, whose maps cost
 * memory. The scratch is one a CPU: programs that may interrupt each other must not both take stacks. */
#ifndef SPOOR_BPF_STACK_H
#define SPOOR_BPF_STACK_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include "compat.bpf.h"
#include "wire.h"

/* Stacks by site. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, struct wire_stack);
} stacks SEC(".maps");

enum { STACK_WORDS = 40 };
struct stack_scratch {
	struct wire_stack stack;
#ifdef STACK_PRINTS
	u64 words[STACK_WORDS];
#endif
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct stack_scratch);
} stack_scratches SEC(".maps");

static __always_inline struct stack_scratch *stack_scratch_get(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&stack_scratches, &zero);
}

/* Names the n addresses in the scratch by all of them, and keeps them. */
static __noinline u64 stack_keep(u32 n)
{
	struct stack_scratch *sc = stack_scratch_get();
	u64 site = 0;

	if (!sc)
		return 0;
	if (n > WIRE_STACK)
		n = WIRE_STACK;
	for (u32 i = 0; i < WIRE_STACK && i < n; i++)
		site = (site ^ sc->stack.ip[i]) * 0x9e3779b97f4a7c15ull;
	if (!site)
		return 0;
	sc->stack.n = n;
	if (!bpf_map_lookup_elem(&stacks, &site) && bpf_map_update_elem(&stacks, &site, &sc->stack, BPF_ANY))
		lose(STACK_LOST);
	return site;
}

/* Where the program runs; 0: not known. */
static __always_inline u64 stack_site_here(void *ctx)
{
	struct stack_scratch *sc = stack_scratch_get();
	long n = sc ? bpf_get_stack(ctx, sc->stack.ip, sizeof(sc->stack.ip), 0) : 0;

	return n > 0 ? stack_keep(n / 8) : 0;
}

#ifdef STACK_PRINTS

const volatile struct stack_text text; /* not known: there are no stacks of sleeping tasks */

/* Fingerprint of a sleeping task's stack -> its site. CPUs write without a lock: `check` tells a pair that belongs
 * together. */
enum { PRINTS = 8192 };
struct print { u64 print, site, check; };
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PRINTS);
	__type(key, u32);
	__type(value, struct print);
} prints SEC(".maps");

static __always_inline bool is_text(u64 word)
{
	return word - text.start < text.len || word - text.module_start < text.module_len;
}

/* Names the place where a task sleeps by what lies on top of its stack: return addresses in the first words, the
 * depth, and the salt. The same code path mostly leaves the same words, so the full stack, which costs some two
 * microseconds to unwind, is seldom taken. */
static __always_inline u64 stack_print(struct task_struct *t, u64 salt, struct stack_scratch *sc)
{
	u64 sp = task_saved_sp(t), h = (sp & 0x3fff) << 8 ^ salt;

	if (bpf_probe_read_kernel(sc->words, sizeof(sc->words), (void *)sp))
		return 0;
#pragma unroll
	for (int i = 0; i < STACK_WORDS; i++)
		if (is_text(sc->words[i]))
			h = (h ^ sc->words[i]) * 0x9e3779b97f4a7c15ull;
	return h;
}

/* Where a task sleeps that does not run; 0: not known. salt: tells prints apart, say by operation, below 256. The site
 * is named by the stack alone, for words that a former call left between the frames give one place several prints. */
static __always_inline u64 stack_site_sleeping(struct task_struct *t, u64 salt)
{
	struct stack_scratch *sc = stack_scratch_get();
	struct print *known;
	u64 print, site;
	u32 i;
	long n;

	if (!sc || !text.len)
		return 0;
	print = stack_print(t, salt, sc);
	i = print >> 40 & (PRINTS - 1);
	known = bpf_map_lookup_elem(&prints, &i);
	if (!print || !known)
		return 0;
	site = known->site;
	if (known->print == print && known->check == (print ^ site))
		return site;
	n = bpf_get_task_stack(t, sc->stack.ip, sizeof(sc->stack.ip), 0);
	if (n <= 0)
		return 0;
	site = stack_keep(n / 8);
	known->print = print;
	known->site = site;
	known->check = print ^ site;
	return site;
}

#endif
#endif
