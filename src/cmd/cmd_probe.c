/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor probe`: option table (probe_options.c), then session_run(). */
#include <errno.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/probe_options.h"
#include "cmd/run.h"

static int show(const struct probe_cmdline *c, const struct probe_opts *o)
{
	FILE *out = c->output ? fopen(c->output, "we") : stdout;
	int err;

	if (!out) {
		log_error("%s: %s", c->output, strerror(errno));
		return 1;
	}
	err = probe_show(o, c->output != NULL, out);
	if (c->output) {
		fchmod(fileno(out), 0755);
		if (fclose(out) && !err) {
			err = -errno;
			log_error("%s: %s", c->output, strerror(errno));
		}
	}
	return err != 0;
}

static int probe_run(struct probe_cmdline *c, uint64_t t0)
{
	struct probe_opts o = { 0 };
	struct run run = {
		.name = "spoor probe", .output = c->output,
		.look = { .verbose = c->verbose },
		.session = { .source = &probe_source, .source_opts = &o, .duration = c->duration, .interval = c->interval,
			     .quiet = c->quiet, .t0 = t0 },
	};
	char message[CMD_MESSAGE];
	int err = probe_cmdline_resolve(c, &o, message);

	if (err)
		log_error("%s", message[0] ? message : strerror(-err));
	run.processes = c->ustack;
	for (size_t i = 0; i < c->exprs.n; i++)
		run.processes |= strstr(c->exprs.v[i], "ustack") != NULL;
	if (!err && c->show)
		return show(c, &o);
	if (err || run_begin(&run, c->command))
		return 1;
	run_follow(&run, &o.tasks);
	run.session.out[0].sink = c->json ? &sink_json : &sink_hits;
	run.session.out[1].sink = c->json ? NULL : &sink_table;
	return run_end(&run);
}

int cmd_probe(int argc, char **argv)
{
	uint64_t t0 = clock_monotonic();
	char message[CMD_MESSAGE] = "";
	struct probe_cmdline c;
	int status, r = probe_cmdline_parse(argc, argv, &c, message);

	cmd_log(r == OPTS_OK && c.verbose ? LOG_LEVEL_INFO : LOG_LEVEL_WARN);
	if (r == OPTS_OK)
		status = cmd_flush(probe_run(&c, t0));
	else
		status = cmd_options_end(&probe_command, r, message[0] ? message : strerror(-r));
	probe_cmdline_free(&c);
	return status;
}
