/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#ifndef SPOOR_BASE_CLOCK_H
#define SPOOR_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* ns; the clock of bpf_ktime_get_ns() */
static inline uint64_t clock_monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
