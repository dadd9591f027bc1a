/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The command line of `spoor probe`: what was typed, checked, and what it means on this machine. */
#ifndef SPOOR_CMD_PROBE_OPTIONS_H
#define SPOOR_CMD_PROBE_OPTIONS_H

#include "cmd/cmd.h"
#include "cmd/filters.h"
#include "expr/probe_source.h"

struct probe_cmdline {
	/* as typed; times in ns, sizes in bytes; 0 and NULL: not given */
	struct filters filter;
	const char *file, *output, *btf, *backend;
	struct opt_list types;
	uint64_t duration, interval, buffer, length;
	bool kstack, ustack, json, quiet, verbose, programs, show;

	char **command;          /* NULL-terminated, within argv; NULL: none */
	VEC(const char *) exprs; /* of the command line, then of the file */
	char *text;              /* the file's */
	VEC(const char *) more;  /* types, with a NULL at the end */
};

/* As io_cmdline_parse and its companions. */
int probe_cmdline_parse(int argc, char **argv, struct probe_cmdline *c, char message[CMD_MESSAGE]);
void probe_cmdline_free(struct probe_cmdline *c);
int probe_cmdline_resolve(struct probe_cmdline *c, struct probe_opts *o, char message[CMD_MESSAGE]);

#endif
