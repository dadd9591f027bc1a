/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>

#include "cmd/sched_options.h"

#define AT(field) offsetof(struct sched_cmdline, field)

static const struct opt sched_table[] = {
	FILTER_OPTS(AT(filter)),
	{ 0, "slower", OPT_DURATION, "TIME", "Print each delay of at least this long, with the tasks that ran meanwhile.", AT(slower) },
	{ 0, "top", OPT_U64, "N", "Print the N longest delays of the run at its end.", AT(top) },
	{ 'D', "duration", OPT_DURATION, "TIME", "Stop after this time.", AT(duration) },
	{ 'i', "interval", OPT_DURATION, "TIME", "Print a summary at each interval.", AT(interval) },
	{ 'H', "histograms", OPT_FLAG, NULL, "Add histograms to the summary.", AT(histograms) },
	{ 0, "json", OPT_FLAG, NULL, "Print JSON, an object a line.", AT(json) },
	{ 'o', "output", OPT_STRING, "FILE", "Write to this file instead of standard output.", AT(output) },
	{ 'q', "quiet", OPT_FLAG, NULL, "Print the result and errors, nothing else.", AT(quiet) },
	{ 'v', "verbose", OPT_FLAG, NULL, "Print every process, cgroup, preemption and lock, and what is done to attach.", AT(verbose) },
	{ 0 },
};

static const char sched_notes[] =
	"Times take ns, us, ms, s, m, h (no unit: seconds). Filters combine; they apply in the kernel.\n"
	"Without -D and without a command it runs until Ctrl-C; the summary comes at the end.\n"
	"\n"
	"  spoor sched -D 10s                who waited for a CPU, and what the CPUs did\n"
	"  spoor sched --slower 10ms         each long delay, with who had the CPU meanwhile\n"
	"  spoor sched -H -- make -j8        a command and its children, with histograms\n";

const struct opt_command sched_command = {
	.program = "spoor sched",
	.usage = "[options] [-- command args]",
	.about = "Says who waited for a CPU, how long, and who had it meanwhile; and what each CPU did.",
	.notes = sched_notes,
	.opts = sched_table,
	.takes_command = true,
};

int sched_cmdline_parse(int argc, char **argv, struct sched_cmdline *c, char message[CMD_MESSAGE])
{
	int err;

	*c = (struct sched_cmdline){ 0 };
	err = cmd_parse(&sched_command, argc, argv, c, &c->command, message);
	if (err)
		return err;
	err = cmd_check_run(c->interval, c->duration, c->top, c->quiet, c->verbose, message);
	return err ? err : filters_parse(&c->filter, c->command, message);
}

void sched_cmdline_free(struct sched_cmdline *c)
{
	opts_free(&sched_command, c);
	filters_free(&c->filter);
}

int sched_cmdline_resolve(struct sched_cmdline *c, struct sched_opts *o, char message[CMD_MESSAGE])
{
	message[0] = '\0';
	*o = (struct sched_opts){
		.records = c->slower || c->top, .slower = c->slower, .top = (unsigned int)c->top,
	};
	return filters_resolve(&c->filter, &o->tasks, message);
}
