/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>

#include "cmd/sched_options.h"

enum { TOP_MAX = 1000 };
static const uint64_t interval_least = 10000000; /* ns; below this printing is what is measured */

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
	{ 'v', "verbose", OPT_FLAG, NULL, "Print every process, cgroup and preemption, and what is done to attach.", AT(verbose) },
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

static int values_check(const struct sched_cmdline *c, const struct opts_parsed *p, char *message)
{
	static const struct { size_t off; const char *text; } positive[] = {
		{ AT(slower), "--slower must be longer than 0" },
		{ AT(duration), "--duration must be longer than 0" },
		{ AT(interval), "--interval must be longer than 0" },
		{ AT(top), "--top must be at least 1" },
	};

	for (size_t i = 0; i < sizeof(positive) / sizeof(positive[0]); i++)
		if (opts_seen(&sched_command, p, positive[i].off) &&
		    !*(const uint64_t *)((const char *)c + positive[i].off))
			return cmd_fail(message, -EINVAL, "%s", positive[i].text);
	if (c->interval && c->interval < interval_least)
		return cmd_fail(message, -EINVAL, "--interval must be at least 10ms");
	if (c->interval && c->duration && c->interval > c->duration)
		return cmd_fail(message, -EINVAL, "--interval is longer than --duration");
	if (c->top > TOP_MAX)
		return cmd_fail(message, -EINVAL, "--top: at most %d", TOP_MAX);
	if (c->quiet && c->verbose)
		return cmd_fail(message, -EINVAL, "--quiet and --verbose contradict each other");
	return 0;
}

int sched_cmdline_parse(int argc, char **argv, struct sched_cmdline *c, char message[CMD_MESSAGE])
{
	struct opts_parsed p;
	int err;

	*c = (struct sched_cmdline){ 0 };
	message[0] = '\0';
	err = opts_parse(&sched_command, argc, argv, c, &p);
	if (err)
		return err > 0 ? err : cmd_fail(message, err, "%s", err == -ENOMEM ? "out of memory" : p.message);
	if (p.dashes && p.rest == argc)
		return cmd_fail(message, -EINVAL, "nothing after --: give the command to run");
	if (p.dashes && !argv[p.rest][0])
		return cmd_fail(message, -EINVAL, "the command after -- has an empty name");
	c->command = p.dashes ? argv + p.rest : NULL;
	err = values_check(c, &p, message);
	return err ? err : filters_parse(&c->filter, p.dashes, message);
}

void sched_cmdline_free(struct sched_cmdline *c)
{
	opts_free(&sched_command, c);
	filters_free(&c->filter);
}

int sched_cmdline_resolve(struct sched_cmdline *c, struct sched_opts *o, char message[CMD_MESSAGE])
{
	int err;

	message[0] = '\0';
	err = filters_resolve(&c->filter, message);
	*o = (struct sched_opts){
		.pids = c->filter.pids.v, .npids = c->filter.pids.n, .tids = c->filter.tids.v, .ntids = c->filter.tids.n,
		.comm = c->filter.comm, .cgroup = c->filter.cgroup_id,
		.cgroup_controller = c->filter.controller[0] ? c->filter.controller : NULL,
		.records = c->slower || c->top, .slower = c->slower, .top = (unsigned int)c->top,
	};
	return err;
}
