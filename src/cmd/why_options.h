/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The command line of `spoor why`: what was typed, checked, and what it means on this machine. */
#ifndef SPOOR_CMD_WHY_OPTIONS_H
#define SPOOR_CMD_WHY_OPTIONS_H

#include "cmd/cmd.h"
#include "cmd/filters.h"
#include "path/why/why_opts.h"

struct why_cmdline {
	/* as typed; times in ns; 0 and NULL: not given */
	struct filters filter;
	const char *call, *func, *output;
	uint64_t slower, duration, interval, top;
	bool json, quiet, verbose;

	char **command;          /* NULL-terminated, within argv; NULL: none */
};

/* As io_cmdline_parse and its companions. */
int why_cmdline_parse(int argc, char **argv, struct why_cmdline *c, char message[CMD_MESSAGE]);
void why_cmdline_free(struct why_cmdline *c);
int why_cmdline_resolve(struct why_cmdline *c, struct why_opts *o, char message[CMD_MESSAGE]);

#endif
