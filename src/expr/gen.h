/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * From a plan to one program. Registers: r6 the context, r7 the record or the aggregation's value, r8 thread group and
 * thread, r9 collects the faults of the reads of one field. A value is left in r0; r0 to r5 are free between values.
 */
#ifndef SPOOR_EXPR_GEN_H
#define SPOOR_EXPR_GEN_H

#include "expr/emit.h"
#include "expr/ir.h"
#include "wire.h"

/* How the program is attached, which decides where the arguments are. */
enum mode { MODE_FENTRY, MODE_FEXIT, MODE_KPROBE, MODE_KRETPROBE, MODE_MULTI, MODE_MULTI_RETURN, MODE_TRACEPOINT, MODE_RAW,
	    MODE_SAMPLE };

/* First in every record. */
struct hit_head {
	uint32_t plan, cpu;
	uint64_t t, ids;           /* ids: thread group in the upper half, thread in the lower */
	char comm[16];
	uint64_t faults;           /* fields that could not be read, by bit */
};

/* The only value of the map `state`. */
enum { LOST_RING, LOST_ROWS, LOST_STACKS, LOST_RETURNS, LOST_ENTRIES, LOST_N };
struct probe_shared { uint32_t ready, epoch; uint64_t lost[LOST_N]; };

/* Of an aggregation, by key, on each CPU. Keys begin with the epoch when there are intervals. */
struct agg_value { uint64_t count; int64_t sum, min, max; };
enum { AGG_LOG_BUCKETS = 130, LINEAR_MOST = 1000 }; /* log2: of v < 0 64, 0, of v > 0 64, and one to spare */

struct gen_maps { int ring, state, entry, agg, zero, globs, stacks, follow, follow_ns, tids; };

struct gen {
	struct emit e;
	const struct plan *p;
	enum mode mode;
	struct gen_maps maps;
	const struct task_filter *tasks;
	const struct gen_cgroup *cgroup;
	unsigned int ring_wake;    /* bytes in the ring that wake the reader */
	bool epochs;               /* the map of the aggregation has two halves */
	bool func_ip;              /* the helper bpf_get_func_ip is there */

	int args_off;              /* stack: copies of the arguments, 0: none */
	unsigned int args_first;
	int entry_off;             /* stack: copies of what was kept at the entry */
	int elem_off;              /* stack: address of a list's element */
	bool collect;              /* faults into r9 */
};

/* Offsets for the filter by cgroup. */
struct gen_cgroup { uint32_t task_cgroups, set_cgroup, css_cgroup, cgroup_kn, kn_id, cgroup_self_parent; };

bool mode_is_return(enum mode m);
void gen_value(struct gen *g, const struct ir *ir);             /* into r0 */
void gen_unless(struct gen *g, const struct ir *ir, int label); /* jumps when it is false */
/* The address is in r3. r0: what the helper returned. */
void gen_read(struct gen *g, int dst, int off, unsigned int bytes, enum space space, bool string);

void gen_outs(struct gen *g);                                   /* fields of the record in r7 */
void gen_out(struct gen *g, const struct out *o, int base, int at); /* one, to base + at */
void gen_lost(struct gen *g, unsigned int which);               /* counts it */
void gen_list(struct gen *g, const struct out *o);
void gen_path(struct gen *g, const struct out *o);
void gen_tasks(struct gen *g, int label);                       /* whose events: else to label */
void gen_aggregate(struct gen *g, int out);

/* Whole programs; g->e is then finished. 0 or -errno. */
int gen_main(struct gen *g);
int gen_entry(struct gen *g);                                   /* keeps arguments and time for a return probe */
int gen_fork(struct gen *g, uint32_t tgid_off);                 /* children of followed processes, by sched_process_fork */

unsigned int plan_record_size(const struct plan *p);
unsigned int plan_key_size(const struct plan *p, bool epochs);
unsigned int plan_agg_size(const struct plan *p);
unsigned int plan_entry_size(const struct plan *p);
unsigned int plan_buckets(const struct plan *p);
void plan_layout(struct plan *p);                               /* offsets of outs and keys */
/* The pattern as tables of IR_GLOB: 256 words, then the states that a star keeps, then how many states. -E2BIG. */
enum { GLOB_WORDS = 258, GLOB_TEXT = 128 };
int glob_compile(const char *pattern, uint64_t words[GLOB_WORDS]);

/* struct pt_regs of this machine. */
int regs_argument(unsigned int slot);                           /* byte offset, -1: on the stack */
int regs_return(void);
int regs_stack(void);
int regs_ip(void);
const char *regs_name(int off);                                 /* the other way round; NULL */
int regs_find(const char *name, unsigned int *bytes);           /* "ax", "eax", "x0"; -ENOENT */

#endif
