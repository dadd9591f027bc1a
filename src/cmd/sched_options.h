/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The command line of `spoor sched`: what was typed, checked, and what it means on this machine. */
#ifndef SPOOR_CMD_SCHED_OPTIONS_H
#define SPOOR_CMD_SCHED_OPTIONS_H

#include "cmd/cmd.h"
#include "cmd/filters.h"
#include "path/sched/sched_opts.h"

struct sched_cmdline {
	/* as typed; times in ns; 0 and NULL: not given */
	struct filters filter;
	const char *output;
	uint64_t slower, duration, interval, top;
	bool histograms, json, quiet, verbose;

	char **command;          /* NULL-terminated, within argv; NULL: none */
};

/* As io_cmdline_parse and its companions. */
int sched_cmdline_parse(int argc, char **argv, struct sched_cmdline *c, char message[CMD_MESSAGE]);
void sched_cmdline_free(struct sched_cmdline *c);
int sched_cmdline_resolve(struct sched_cmdline *c, struct sched_opts *o, char message[CMD_MESSAGE]);

#endif
