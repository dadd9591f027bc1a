/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>

#include "cmd/why_options.h"
#include "kernel/syscalls.h"

enum { PATHS_MAX = 1000 }; /* each is kept to the end */

#define AT(field) offsetof(struct why_cmdline, field)

static const struct opt why_table[] = {
	FILTER_OPTS(AT(filter)),
	{ 0, "call", OPT_STRING, "NAME", "Follow the calls of this system call.", AT(call) },
	{ 0, "func", OPT_STRING, "NAME", "Follow the calls of this function of the kernel.", AT(func) },
	{ 0, "slower", OPT_DURATION, "TIME", "Print each of these calls of at least this long, with its critical path.", AT(slower) },
	{ 0, "top", OPT_U64, "N", "Print the N slowest of these calls at the end of the run.", AT(top) },
	{ 'D', "duration", OPT_DURATION, "TIME", "Stop after this time.", AT(duration) },
	{ 'i', "interval", OPT_DURATION, "TIME", "Print at each interval what ended in it; the path comes at the end.", AT(interval) },
	{ 0, "json", OPT_FLAG, NULL, "Print JSON, an object a line.", AT(json) },
	{ 'o', "output", OPT_STRING, "FILE", "Write to this file instead of standard output.", AT(output) },
	{ 'q', "quiet", OPT_FLAG, NULL, "Print the result and errors, nothing else.", AT(quiet) },
	{ 'v', "verbose", OPT_FLAG, NULL, "Print every wait, call and thread, stacks, the path in order of time, and what is done to attach.", AT(verbose) },
	{ 0 },
};

static const char why_notes[] =
	"Times take ns, us, ms, s, m, h (no unit: seconds). Filters combine; they apply in the kernel.\n"
	"Say whose time: a command, a filter, or --call or --func. Without -D and without a command it runs until Ctrl-C.\n"
	"\n"
	"  spoor why -- make -j2                     where a command's time went, and its critical path\n"
	"  spoor why -p 1234 -D 10s                  the same of a process\n"
	"  spoor why --call fsync --slower 20ms      what each slow fsync waited for\n";

const struct opt_command why_command = {
	.program = "spoor why",
	.usage = "[options] [-- command args]",
	.about = "Says where the time of threads went, who they waited for, and what those did meanwhile: the critical path.",
	.notes = why_notes,
	.opts = why_table,
	.takes_command = true,
};

static int values_check(const struct why_cmdline *c, char *message)
{
	const struct filters *f = &c->filter;

	if (c->call && c->func)
		return cmd_fail(message, -EINVAL, "--call and --func each name what to explain; give one");
	if (!c->call && !c->func && (c->slower || c->top))
		return cmd_fail(message, -EINVAL, "--%s is for calls: say which with --call or --func", c->slower ? "slower" : "top");
	if (c->call && syscall_number(c->call) < 0)
		return cmd_fail(message, -EINVAL, "--call: there is no system call '%.60s'", c->call);
	if (!c->call && !c->func && !c->command && !f->pid.item.n && !f->tid.item.n && !f->comm && !f->cgroup && !f->container)
		return cmd_fail(message, -EINVAL, "whose time? Give a command after --, or -p, -t, -n, -c, --container, --call, --func");
	if (c->top > PATHS_MAX)
		return cmd_fail(message, -EINVAL, "--top: at most %d", PATHS_MAX);
	return cmd_check_run(c->interval, c->duration, c->top, c->quiet, c->verbose, message);
}

int why_cmdline_parse(int argc, char **argv, struct why_cmdline *c, char message[CMD_MESSAGE])
{
	int err;

	*c = (struct why_cmdline){ 0 };
	err = cmd_parse(&why_command, argc, argv, c, &c->command, message);
	if (err)
		return err;
	err = values_check(c, message);
	return err ? err : filters_parse(&c->filter, c->command, message);
}

void why_cmdline_free(struct why_cmdline *c)
{
	opts_free(&why_command, c);
	filters_free(&c->filter);
}

int why_cmdline_resolve(struct why_cmdline *c, struct why_opts *o, char message[CMD_MESSAGE])
{
	message[0] = '\0';
	*o = (struct why_opts){
		.call = c->call ? c->call : c->func, .call_nr = c->call ? syscall_number(c->call) : -1,
		.slower = c->slower, .top = (unsigned int)c->top, .command = c->command,
	};
	return filters_resolve(&c->filter, &o->tasks, message);
}
