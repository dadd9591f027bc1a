/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor record`: another command as it is, with the store as one sink more. */
#include <errno.h>

#include "cmd/cmd.h"
#include "store/store.h"

struct record_cmdline {
	const char *output;
	uint64_t max_size, keep;
	bool no_sql;
};

#define AT(field) offsetof(struct record_cmdline, field)

enum { MAX_SIZE_LEAST = 4 << 20 };

static const struct opt record_table[] = {
	{ 'o', "output", OPT_STRING, "FILE", "Record into this file instead of trace.spoor.", AT(output) },
	{ 0, "max-size", OPT_SIZE, "SIZE", "Drop the oldest operations when the file would grow beyond this.", AT(max_size) },
	{ 0, "keep", OPT_DURATION, "TIME", "Drop operations that are older than this.", AT(keep) },
	{ 0, "no-sql", OPT_FLAG, NULL, "Leave out the tables for SQL; the first spoor report --sql makes them.", AT(no_sql) },
	{ 0 },
};

static const char record_notes[] =
	"It prints what the command prints, and stores all that spoor report may be asked for later: of io every operation,\n"
	"whether printed or not. Filters, and --slower, --errors and --top, choose what is recorded.\n"
	"A recording that is there becomes FILE.old.\n"
	"\n"
	"  spoor record io -D 10s                          ten seconds of all operations, in trace.spoor\n"
	"  spoor record -o make.spoor why -- make -j2      a command's time and its critical path\n"
	"  spoor record --max-size 1G --keep 1h io -q      the last hour, at most a gigabyte, until Ctrl-C\n";

const struct opt_command record_command = {
	.program = "spoor record",
	.usage = "[options] io|sched|why [its options] [-- command args]",
	.about = "Runs another command of spoor and stores what it traces, for spoor report.",
	.notes = record_notes,
	.opts = record_table,
	.stops_at_word = true,
};

static const struct recorded {
	const char *name;
	int (*run)(int argc, char **argv, const struct store_writer_opts *record);
} recorded[] = {
	{ "io", cmd_io_record }, { "sched", cmd_sched_record }, { "why", cmd_why_record },
};
enum { RECORDED = sizeof(recorded) / sizeof(recorded[0]) };

static const struct recorded *recorded_find(int argc, char **argv, int at, char message[CMD_MESSAGE])
{
	const char *names[RECORDED + 1] = { NULL }, *near;

	if (at >= argc || !strcmp(argv[at - 1], "--")) {
		cmd_fail(message, 0, "record what? Give io, sched or why, with its options");
		return NULL;
	}
	for (int i = 0; i < RECORDED; i++) {
		names[i] = recorded[i].name;
		if (!strcmp(argv[at], names[i]))
			return &recorded[i];
	}
	near = name_nearest(argv[at], names);
	cmd_fail(message, 0, "'%.60s' cannot be recorded%s%s%s", argv[at], near ? "; did you mean '" : ": give io, sched or why",
		 near ? near : "", near ? "'?" : "");
	return NULL;
}

/* As typed, for whoever looks at the recording later. */
static void options_join(char *text, size_t size, int argc, char **argv)
{
	size_t n = 0;

	text[0] = 0;
	for (int i = 0; i < argc && n < size; i++)
		n += (size_t)snprintf(text + n, size - n, "%s%s", i ? " " : "", argv[i]);
}

int cmd_record(int argc, char **argv)
{
	char message[CMD_MESSAGE] = "", options[512];
	struct record_cmdline c = { .output = "trace.spoor" };
	struct store_writer_opts o = { 0 };
	const struct recorded *what = NULL;
	struct opts_parsed p;
	int r = opts_parse(&record_command, argc, argv, &c, &p);

	cmd_log(LOG_LEVEL_WARN);
	if (r == OPTS_OK && c.max_size && c.max_size < MAX_SIZE_LEAST)
		r = cmd_fail(message, -EINVAL, "--max-size must be at least 4M");
	if (r == OPTS_OK)
		what = recorded_find(argc, argv, p.rest, message);
	if (!what)
		return cmd_options_end(&record_command, r == OPTS_OK ? -EINVAL : r, message[0] ? message : p.message);
	options_join(options, sizeof(options), argc - p.rest, argv + p.rest);
	o.path = c.output;
	o.command = what->name;
	o.options = options;
	o.max_size = c.max_size;
	o.keep = c.keep;
	o.no_tables = c.no_sql;
	return what->run(argc - p.rest, argv + p.rest, &o);
}
