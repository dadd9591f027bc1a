/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The command line of `spoor report`: the live commands' views and filters, and which of them a recording can answer. */
#ifndef SPOOR_CMD_REPORT_OPTIONS_H
#define SPOOR_CMD_REPORT_OPTIONS_H

#include "cmd/cmd.h"
#include "store/store.h"

struct report_cmdline {
	/* as typed */
	struct opt_list pid, tid, device, op;
	const char *comm, *cgroup, *container, *file, *output, *sql, *recording;
	uint64_t slower, interval, top;
	bool histograms, each, errors, json, quiet, verbose;

	/* made of it */
	VEC(uint32_t) pids, tids;
	VEC(const char *) kinds;
};

/* As io_cmdline_parse and its companions. */
int report_cmdline_parse(int argc, char **argv, struct report_cmdline *c, char message[CMD_MESSAGE]);
void report_cmdline_free(struct report_cmdline *c);
/* q points into c. 0, or -EINVAL with a message: the recording is of another command, which does not know such an option. */
int report_cmdline_query(const struct report_cmdline *c, const struct store_about *about, struct store_query *q,
			 char message[CMD_MESSAGE]);

#endif
