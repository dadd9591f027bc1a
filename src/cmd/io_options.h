/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The command line of `spoor io`: what was typed, checked, and what it means on this machine. */
#ifndef SPOOR_CMD_IO_OPTIONS_H
#define SPOOR_CMD_IO_OPTIONS_H

#include "cmd/cmd.h"
#include "cmd/filters.h"
#include "path/io/io_opts.h"

struct io_cmdline {
	/* as typed; times in ns; 0 and NULL: not given */
	struct filters filter;
	struct opt_list device, op;
	const char *file, *output;
	uint64_t slower, duration, interval, top, max_inflight;
	bool histograms, each, errors, json, block, quiet, verbose;

	/* made of it by io_cmdline_parse */
	uint64_t kinds;          /* bits (1 << enum io_kind); 0: all */
	bool records;            /* operations one by one are wanted: --slower, --each, --top or --errors */
	char **command;          /* NULL-terminated, within argv; NULL: none */
};


/* Needs no privilege and touches nothing but /proc. OPTS_OK, OPTS_HELP, OPTS_HELP_MAN, or -EINVAL, -ESRCH,
 * -ENOMEM with a message. c need not be initialised; io_cmdline_free in every case. */
int io_cmdline_parse(int argc, char **argv, struct io_cmdline *c, char message[CMD_MESSAGE]);
void io_cmdline_free(struct io_cmdline *c);

struct blockdevs;

/* Looks up devices, cgroup, container and file, and fills o (which points into c). 0 or -errno with a message. */
int io_cmdline_resolve(struct io_cmdline *c, struct blockdevs *devs, struct io_opts *o, char message[CMD_MESSAGE]);

#endif
