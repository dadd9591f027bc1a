/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor sched`: option table (sched_options.c), then session_run(). */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/run.h"
#include "cmd/sched_options.h"
#include "path/sched/sched_source.h"

static int sched_run(struct sched_cmdline *c, uint64_t t0, const struct store_writer_opts *record)
{
	struct sched_opts o = { 0 };
	struct run run = {
		.name = "spoor sched", .output = c->output,
		.look = { .histograms = c->histograms, .verbose = c->verbose },
		.session = { .source = &sched_source, .source_opts = &o, .duration = c->duration, .interval = c->interval,
			     .quiet = c->quiet, .t0 = t0 },
	};
	char message[CMD_MESSAGE];
	int err = sched_cmdline_resolve(c, &o, message);

	if (err)
		log_error("%s", message[0] ? message : strerror(-err));
	if (err || run_begin(&run, c->command))
		return 1;
	run_follow(&run, &o.tasks);
	run.session.out[0].sink = c->json ? &sink_json : &sink_tree;
	run.session.out[1].sink = c->json ? NULL : &sink_table;
	run_record(&run, record, true);
	return run_end(&run);
}

int cmd_sched_record(int argc, char **argv, const struct store_writer_opts *record)
{
	uint64_t t0 = clock_monotonic();
	char message[CMD_MESSAGE] = "";
	struct sched_cmdline c;
	int status, r = sched_cmdline_parse(argc, argv, &c, message);

	cmd_log(r == OPTS_OK && c.verbose ? LOG_LEVEL_INFO : LOG_LEVEL_WARN);
	if (r == OPTS_OK)
		status = cmd_flush(sched_run(&c, t0, record));
	else
		status = cmd_options_end(&sched_command, r, message[0] ? message : strerror(-r));
	sched_cmdline_free(&c);
	return status;
}

int cmd_sched(int argc, char **argv)
{
	return cmd_sched_record(argc, argv, NULL);
}
