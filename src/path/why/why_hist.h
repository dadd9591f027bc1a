/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * What a thread did that was not traced, from the history: the last switches and wake-ups of each CPU, which the kernel
 * side overwrites while they are read. Whatever may have been lost is unknown.
 */
#ifndef SPOOR_PATH_WHY_HIST_H
#define SPOOR_PATH_WHY_HIST_H

#include "base/vec.h"
#include "path/why/why.h"
#include "path/why/why_walk.h"

struct why_history {
	const struct why_hist *ring;  /* of CPU c: ring[c * size] on; number q (from 1) is its entry (q - 1) & (size - 1) */
	const struct why_hist_end *seq; /* the latest number of each CPU, 0: none; written meanwhile */
	uint32_t size;                /* entries of a ring, a power of two */
	uint32_t ncpus;
	uint64_t begin;               /* all has been written down since then; 0: not known. In a ring that never ran over
				       * nothing is missing since then; else since its oldest entry */
};

/* Who had a CPU: 0 is idle. */
#define WHY_RAN_UNKNOWN UINT32_MAX
struct why_ran { uint64_t ns; uint32_t tid; };
typedef VEC(struct why_ran) why_rans_t;

/* Appends pieces that tile [from, to) of a thread's time. The first events after `to` count too: they tell the state until
 * then, and who ended a wait. CRIT_CPU: all in part[WHY_KERNEL], nr is WHY_NR_UNKNOWN. A wait has no site.
 * 0 or -ENOMEM, then nothing is appended. */
int why_history_segs(struct why_history *h, uint32_t tid, uint64_t from, uint64_t to, why_segs_t *out);

/* Appends who had a CPU, in time order; the pieces tile [from, to). 0 or -ENOMEM, then nothing is appended. */
int why_history_ran(struct why_history *h, uint32_t cpu, uint64_t from, uint64_t to, why_rans_t *out);

#endif
