/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What `spoor why` is asked to trace; filled in by the command, read by the source. */
#ifndef SPOOR_PATH_WHY_WHY_OPTS_H
#define SPOOR_PATH_WHY_WHY_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/task_filter.h"

struct why_opts {
	struct task_opts tasks;
	const char *call;                 /* name of the system call or function whose calls are explained; NULL: all time */
	int call_nr;                      /* of the system call; -1: `call` is a function of the kernel */
	uint64_t slower;                  /* ns; of calls */
	unsigned int top;                 /* the slowest n calls, at the end; 0: each at once */
	bool command;                     /* tasks.pids has the command that is run */
};

#endif
