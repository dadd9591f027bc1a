/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>

#include "base/parse.h"
#include "cmd/report_options.h"
#include "path/io/io_opts.h"

#define AT(field) offsetof(struct report_cmdline, field)

static const struct opt report_table[] = {
	{ 'p', "pid", OPT_LIST, "LIST", "Only these processes.", AT(pid) },
	{ 't', "tid", OPT_LIST, "LIST", "Only these threads.", AT(tid) },
	{ 'n', "comm", OPT_STRING, "NAME", "Only tasks of this name.", AT(comm) },
	{ 'c', "cgroup", OPT_STRING, "PATH", "Only tasks in this control group or below it.", AT(cgroup) },
	{ 0, "container", OPT_STRING, "ID", "Only this container: the beginning of its id.", AT(container) },
	{ 'd', "device", OPT_LIST, "DEV", "Only operations on these devices, or with requests to them.", AT(device) },
	{ 0, "file", OPT_STRING, "PATH", "Only this file, or everything below this directory.", AT(file) },
	{ 0, "op", OPT_LIST, "KIND", "Only these operations, or groups of them, as for spoor io.", AT(op) },
	{ 0, "slower", OPT_DURATION, "TIME", "Print each operation, delay or call of at least this long.", AT(slower) },
	{ 0, "errors", OPT_FLAG, NULL, "Print operations that failed; with --slower, --each or --top only those of them.", AT(errors) },
	{ 0, "each", OPT_FLAG, NULL, "Print every operation, a line each.", AT(each) },
	{ 0, "top", OPT_U64, "N", "Print the N longest.", AT(top) },
	{ 'i', "interval", OPT_DURATION, "TIME", "Print a summary of each interval.", AT(interval) },
	{ 'H', "histograms", OPT_FLAG, NULL, "Add histograms to the summary.", AT(histograms) },
	{ 0, "json", OPT_FLAG, NULL, "Print JSON, an object a line, as the live command does.", AT(json) },
	{ 0, "sql", OPT_STRING, "QUERY", "Print what this query gives, values between tabs.", AT(sql) },
	{ 'o', "output", OPT_STRING, "FILE", "Write to this file instead of standard output.", AT(output) },
	{ 'q', "quiet", OPT_FLAG, NULL, "Print the result and errors, nothing else.", AT(quiet) },
	{ 'v', "verbose", OPT_FLAG, NULL, "Print whole stacks, and every wait, process, thread and lock.", AT(verbose) },
	{ 0 },
};

static const char report_notes[] =
	"The options are those of the live command, and so is what they print. Without FILE it reads trace.spoor.\n"
	"No root is needed, nor the machine that it was recorded on.\n"
	"\n"
	"  spoor report --slower 10ms                     of trace.spoor, what was slow\n"
	"  spoor report --top 5 --op fsync x.spoor        the five slowest fsync\n"
	"  spoor report --sql 'select op, count(*), max(wall) from operations group by op' x.spoor\n";

const struct opt_command report_command = {
	.program = "spoor report",
	.usage = "[options] [FILE]",
	.about = "Prints what spoor record has stored, in any view of the live command.",
	.notes = report_notes,
	.opts = report_table,
	.takes_operands = true,
};

static int ids_parse(const struct opt_list *list, const char *option, void *to, char *message)
{
	VEC(uint32_t) *ids = to;

	for (size_t i = 0; i < list->item.n; i++) {
		uint32_t id;

		if (parse_u32(list->item.v[i], &id))
			return cmd_fail(message, -EINVAL, "--%s: '%.60s' is not a number", option, list->item.v[i]);
		if (vec_push(ids, id))
			return cmd_fail(message, -ENOMEM, "out of memory");
	}
	return 0;
}

static int kinds_parse(struct report_cmdline *c, char *message)
{
	for (size_t i = 0; i < c->op.item.n; i++) {
		uint64_t kinds = io_kinds_parse(c->op.item.v[i]);

		if (!kinds)
			return cmd_fail(message, -EINVAL, "--op: unknown kind of operation '%.60s'", c->op.item.v[i]);
		for (unsigned int k = 0; k < 64; k++)
			if (kinds & UINT64_C(1) << k && io_kind_name(k) && vec_push(&c->kinds, io_kind_name(k)))
				return cmd_fail(message, -ENOMEM, "out of memory");
	}
	return 0;
}

int report_cmdline_parse(int argc, char **argv, struct report_cmdline *c, char message[CMD_MESSAGE])
{
	char **command;
	int err, operands;

	*c = (struct report_cmdline){ .recording = "trace.spoor" };
	err = cmd_parse_operands(&report_command, argc, argv, c, &command, &operands, message);
	if (err)
		return err;
	if (operands > 1)
		return cmd_fail(message, -EINVAL, "one recording at a time, not %d: %.60s, %.60s", operands, argv[1], argv[2]);
	if (operands)
		c->recording = argv[1];
	if (c->each && c->top)
		return cmd_fail(message, -EINVAL, "--each prints every operation, --top only the slowest; give one");
	err = cmd_check_run(c->interval, 0, c->top, c->quiet, c->verbose, message);
	if (!err)
		err = ids_parse(&c->pid, "pid", &c->pids, message);
	if (!err)
		err = ids_parse(&c->tid, "tid", &c->tids, message);
	return err ? err : kinds_parse(c, message);
}

void report_cmdline_free(struct report_cmdline *c)
{
	opts_free(&report_command, c);
	vec_free(&c->pids);
	vec_free(&c->tids);
	vec_free(&c->kinds);
}

int report_cmdline_query(const struct report_cmdline *c, const struct store_about *about, struct store_query *q,
			 char message[CMD_MESSAGE])
{
	bool io = !strcmp(about->command, "io");
	const struct { bool given; const char *name; } of_io[] = {
		{ c->device.item.n, "device" }, { c->file, "file" }, { c->op.item.n, "op" }, { c->errors, "errors" }, { c->each, "each" },
	};

	message[0] = 0;
	for (size_t i = 0; i < sizeof(of_io) / sizeof(of_io[0]) && !io; i++)
		if (of_io[i].given)
			return cmd_fail(message, -EINVAL, "--%s: this is a recording of spoor %s, which has no such option", of_io[i].name,
					about->command);
	if (!io && c->interval && c->interval != about->interval)
		return cmd_fail(message, -EINVAL, "--interval: it was not recorded with intervals of this length, and of spoor %s "
				"they cannot be made later", about->command);
	*q = (struct store_query){
		.filter = {
			.pids = c->pids.v, .npids = c->pids.n, .tids = c->tids.v, .ntids = c->tids.n, .comm = c->comm,
			.cgroup = c->cgroup, .container = c->container, .devs = c->device.item.v, .ndevs = c->device.item.n,
			.file = c->file, .kinds = c->kinds.v, .nkinds = c->kinds.n,
		},
		.slower = c->slower, .errors = c->errors, .top = (unsigned int)c->top, .interval = c->interval,
		.quiet = c->quiet && !c->json, /* who reads JSON counts on its end (docs/format.md) */
		/* of the others nothing was recorded that the live run did not print */
		.records = !io || c->slower || c->top || c->errors || c->each || (c->json && !c->interval),
	};
	return 0;
}
