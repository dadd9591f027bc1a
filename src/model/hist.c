/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The histogram's buckets: below 16 ns one each, then 8 to each doubling. The kernel side fills the same. */
#include "model/model.h"

const char *const cpu_part_names[CPU_PART_N] = { "busy", "irq", "softirq", "idle", "unknown" };
const char *const part_names[PART_N] = { "cpu", "irq", "softirq", "runq", "wait" };
const char *const why_part_names[WHY_PART_N] = { "user", "kernel", "irq", "softirq", "preempted", "woken", "throttled",
						 "wait", "unknown" };
const char *const crit_kind_names[CRIT_KIND_N] = { "cpu", "runq", "wait", "unknown" };

unsigned int hist_bucket(uint64_t ns)
{
	unsigned int e, bucket;

	if (ns < 2 * HIST_SUB)
		return (unsigned int)ns;
	e = 63 - (unsigned int)__builtin_clzll(ns);
	bucket = (e - HIST_SUB_BITS) * HIST_SUB + (unsigned int)(ns >> (e - HIST_SUB_BITS));
	return bucket < HIST_N ? bucket : HIST_N - 1;
}

uint64_t hist_lower(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < 2 * HIST_SUB)
		return bucket;
	shift = bucket / HIST_SUB - 1;
	if (shift > 63 - HIST_SUB_BITS)
		return UINT64_MAX;
	return (uint64_t)(HIST_SUB + bucket % HIST_SUB) << shift;
}

double hist_quantile(const uint64_t hist[HIST_N], uint64_t count, double q, uint64_t max)
{
	double target = q * (double)count, below = 0;

	if (!count)
		return 0;
	for (unsigned int i = 0; i < HIST_N; i++) {
		double n = (double)hist[i], lower = (double)hist_lower(i), upper = (double)hist_lower(i + 1);

		if (!hist[i] || below + n < target) {
			below += n;
			continue;
		}
		if (upper > (double)max || i == HIST_N - 1) /* the last one takes all that is longer */
			upper = (double)max;
		if (upper <= lower || i < 2 * HIST_SUB)     /* one whole number to the bucket */
			return lower < (double)max ? lower : (double)max;
		return lower + (upper - lower) * (target > below ? (target - below) / n : 0);
	}
	return (double)max;
}
