/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Sums of waits, or of time on the run queue, by where and by whom. */
#ifndef SPOOR_PATH_WHY_WHY_TAB_H
#define SPOOR_PATH_WHY_WHY_TAB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"

/* What is summed up apart. comm: one of why_store_string(), compared by address; of run queue only context, comm and tid. */
struct why_key {
	uint64_t site;
	const char *comm;
	uint32_t dev, tid;
	uint8_t context, vec, write;
};

struct why_tally {
	struct why_key key;
	uint64_t count, ns, max;
	uint64_t count0, ns0, max0;   /* count and ns at the end of the last interval, the longest since */
	uint64_t lock;                /* of the longest, with who held it */
	const char *owner;
	uint32_t owner_tid, owner_tgid, by_tid;
	uint64_t owner_site;          /* where that one slept meanwhile; 0: not known */
	uint64_t before, before0;     /* of count: under way when the window began */
};

struct why_tab {
	VEC(struct why_tally) all;
	uint32_t *index;              /* hash -> number in all, + 1 */
	uint32_t size;
};

enum { WHY_TAB_MOST = 8192, WHY_TAB_TIDS = 4096 /* when so many are there, tasks of one name are one from then on */ };

/* The entry of that key, a new one with sums of 0 when there is none; when there are too many, that of all others: of
 * nobody, nowhere. NULL: no memory. Valid until the next call. */
struct why_tally *why_tab_get(struct why_tab *t, const struct why_key *key);
/* Into sum what there is in all; or, interval, since the last such call. False: nothing. */
bool why_tally_get(struct why_tally *t, bool interval, struct why_tally *sum);
void why_tab_free(struct why_tab *t);

#endif
