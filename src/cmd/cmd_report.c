/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor report`: a recording into the sinks of the live command. */
#include <errno.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/report_options.h"
#include "store/store.h"

enum { OUTS = 2 };

/* The same as the live command's, so that it prints the same. */
static unsigned int outs_open(const struct report_cmdline *c, FILE *f, struct store_out out[OUTS], int *err)
{
	const struct sink *const sinks[OUTS] = { c->json ? &sink_json : c->each ? &sink_line : &sink_tree, c->json ? NULL : &sink_table };
	const struct sink_opts look = {
		.out = f, .color = cmd_color(f), .width = cmd_width(f), .histograms = c->histograms, .each = c->each,
		.verbose = c->verbose, .header = true,
	};
	unsigned int n = 0;

	for (*err = 0; n < OUTS && sinks[n] && !*err; n++) {
		out[n] = (struct store_out){ sinks[n], sinks[n]->open(&look) };
		if (!out[n].self)
			*err = errno ? -errno : -ENOMEM;
	}
	return n;
}

/* What a live run would not have been in need of saying. */
static void tell(const struct store *s, const struct report_cmdline *c, const struct store_query *q)
{
	const struct store_about *a = store_about(s);
	bool io = !strcmp(a->command, "io");

	if (!a->complete)
		log_warn("%s was cut off: %s", c->recording, io ? "the summary is made of the operations in it; what was lost is not known" :
			 "it has no summary");
	if (a->dropped && q->records)
		log_warn("%s: the oldest %llu were dropped to keep it small; a summary without filters is still of all", c->recording,
			 (unsigned long long)a->dropped);
	if (!io && a->complete && store_filter_any(&q->filter))
		log_warn("the summary of spoor %s cannot be made for a filter later, and is left out", a->command);
}

static int report_views(const struct report_cmdline *c, struct store *s, FILE *f)
{
	char message[CMD_MESSAGE];
	struct store_out out[OUTS];
	struct store_query q;
	unsigned int n;
	int err = report_cmdline_query(c, store_about(s), &q, message);

	if (err) {
		log_error("%s", message);
		return err;
	}
	tell(s, c, &q);
	n = outs_open(c, f, out, &err);
	if (!err)
		err = store_replay(s, &q, out, n);
	for (unsigned int i = 0; i < n; i++)
		if (out[i].self)
			out[i].sink->close(out[i].self);
	if (err && err != -EPIPE)
		log_error("%s: %s", c->output ? c->output : c->recording, strerror(-err));
	return err;
}

static int report_run(const struct report_cmdline *c)
{
	struct store *s;
	FILE *f = stdout;
	int err = store_open(&s, c->recording, c->sql != NULL);

	if (err)
		return EXIT_FAILURE;
	if (c->output)
		f = fopen(c->output, "we");
	if (!f) {
		log_error("%s: %s", c->output, strerror(errno));
		err = -errno;
	} else if (c->sql) {
		err = store_fill(s);
		err = err ? err : store_sql(s, c->sql, f);
	} else {
		err = report_views(c, s, f);
	}
	if (c->output && f && fclose(f) && !err) {
		log_error("%s: %s", c->output, strerror(errno));
		err = -EIO;
	}
	store_close(s);
	return err && err != -EPIPE ? EXIT_FAILURE : EXIT_SUCCESS;
}

int cmd_report(int argc, char **argv)
{
	char message[CMD_MESSAGE] = "";
	struct report_cmdline c;
	int status, r = report_cmdline_parse(argc, argv, &c, message);

	cmd_log(r == OPTS_OK && c.verbose ? LOG_LEVEL_INFO : c.quiet ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN);
	if (r == OPTS_OK)
		status = cmd_flush(report_run(&c));
	else
		status = cmd_options_end(&report_command, r, message[0] ? message : strerror(-r));
	report_cmdline_free(&c);
	return status;
}
