/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor io`: option table (io_options.c), then session_run(). */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/io_options.h"
#include "cmd/run.h"
#include "kernel/blockdev.h"
#include "path/io/io_source.h"

static int io_resolve(struct io_cmdline *c, struct io_opts *o)
{
	char message[CMD_MESSAGE] = "";
	struct blockdevs *devs = blockdevs_new("");
	int err;

	if (!devs)
		return -errno;
	err = io_cmdline_resolve(c, devs, o, message);
	blockdevs_free(devs);
	if (err)
		log_error("%s", message[0] ? message : strerror(-err));
	return err;
}

static int io_run(struct io_cmdline *c, uint64_t t0, const struct store_writer_opts *record)
{
	struct io_opts o = { 0 };
	struct run run = {
		.name = "spoor io", .output = c->output,
		.look = { .histograms = c->histograms, .each = c->each, .verbose = c->verbose },
		.session = { .source = &io_source, .source_opts = &o, .duration = c->duration, .interval = c->interval,
			     .quiet = c->quiet, .t0 = t0 },
	};

	if (io_resolve(c, &o) || run_begin(&run, c->command))
		return 1;
	run_follow(&run, &o.tasks);
	o.records = c->records || record;
	run.session.out[0].sink = c->json ? &sink_json : c->each ? &sink_line : &sink_tree;
	run.session.out[1].sink = c->json ? NULL : &sink_table;
	run_record(&run, record, c->records);
	return run_end(&run);
}

int cmd_io_record(int argc, char **argv, const struct store_writer_opts *record)
{
	uint64_t t0 = clock_monotonic();
	char message[CMD_MESSAGE] = "";
	struct io_cmdline c;
	int status, r = io_cmdline_parse(argc, argv, &c, message);

	cmd_log(r == OPTS_OK && c.verbose ? LOG_LEVEL_INFO : LOG_LEVEL_WARN);
	if (r == OPTS_OK)
		status = cmd_flush(io_run(&c, t0, record));
	else
		status = cmd_options_end(&io_command, r, message[0] ? message : strerror(-r));
	io_cmdline_free(&c);
	return status;
}

int cmd_io(int argc, char **argv)
{
	return cmd_io_record(argc, argv, NULL);
}
