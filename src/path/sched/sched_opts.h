/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What `spoor sched` is asked to trace; filled in by the command, read by the source. */
#ifndef SPOOR_PATH_SCHED_SCHED_OPTS_H
#define SPOOR_PATH_SCHED_SCHED_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/task_filter.h"

struct sched_opts {
	struct task_opts tasks;
	bool records;                     /* delays one by one, not the summary alone */
	uint64_t slower;                  /* ns */
	unsigned int top;                 /* keep the longest n and deliver them at the end; 0: deliver at once */
};

#endif
