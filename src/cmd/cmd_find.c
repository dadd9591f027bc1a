/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor find`: what can be probed, and what it is called with. */
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/fmt.h"
#include "base/glob.h"
#include "cmd/cmd.h"
#include "cmd/find.h"
#include "kernel/targets.h"

struct find_cmdline { struct opt_list add; bool json, complete; };

static const struct opt find_table[] = {
	{ 0, "types", OPT_LIST, "FILES", "Look for prototypes in these modules too (.ko, with DWARF or BTF).",
	  offsetof(struct find_cmdline, add) },
	{ 0, "json", OPT_FLAG, NULL, "Print JSON, one object a line (docs/format.md).", offsetof(struct find_cmdline, json) },
	{ 0, "complete", OPT_FLAG, NULL, "Take PATTERN for a probe that is being typed, and print how it can go on: for shells.",
	  offsetof(struct find_cmdline, complete) },
	{ 0 },
};

const struct opt_command find_command = {
	.program = "spoor find",
	.usage = "[options] PATTERN...",
	.about = "Finds what can be probed: functions of the kernel with their prototypes and the ways in which this kernel lets "
		 "them be probed, tracepoints with their fields, functions and USDT probes of programs.",
	.notes = "PATTERN: 'tcp_*sendmsg*' functions and tracepoints; 'sched/*' tracepoints of a system;\n"
		 "'bash:read*' functions and USDT probes of a program, library (libc) or process; 'BIN:PROVIDER:NAME' USDT probes.\n"
		 "Exit status: 0, 1 when nothing was found, 2 for a wrong command line.\n",
	.opts = find_table,
	.takes_operands = true,
};

/* --- text --- */

/* Names are the file's, and a file may be anybody's. */
void find_line(const char *fmt, ...)
{
	char line[6144], safe[6144];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	puts(fmt_escape(safe, sizeof(safe), line));
}

void find_wrapped(struct find *f, unsigned int from, const char *text)
{
	unsigned int width = f->width ? f->width : 120, at = from;
	char word[1024], safe[1024];

	printf("%*s", (int)from, "");
	while (*text) {
		size_t len = strcspn(text, " ");
		unsigned int columns;

		snprintf(word, sizeof(word), "%.*s", (int)(len < 1000 ? len : 1000), text);
		fmt_escape(safe, sizeof(safe), word);
		columns = fmt_width(safe);
		if (at > from && at + 1 + columns > width) {
			printf("\n%*s", (int)from, "");
			at = from;
		}
		at += (unsigned int)printf("%s", at > from ? " " : "") + columns;
		fputs(safe, stdout);
		text += len + strspn(text + len, " ");
	}
	putchar('\n');
}

/* --- what was asked for --- */

/* Nothing of that name: why that may be, and what is near. */
static void near_say(const char *name)
{
	char *near[5], text[512] = "";
	unsigned int n = glob_is(name) ? 0 : kfuncs_near(name, near, 5);

	for (unsigned int i = 0; i < n; i++) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? ", " : "", near[i]);
		free(near[i]);
	}
	if (glob_is(name))
		cmd_error("no function and no tracepoint matches '%.100s'", name);
	else
		cmd_error("there is no function or tracepoint '%.100s' here; a function may be inlined wherever it is called%s%s", name,
			  n ? "\nspoor: near it: " : "", text);
}

static int one_pattern(struct find *f, const char *pattern)
{
	const char *colon = strchr(pattern, ':'), *slash = strchr(pattern, '/');
	unsigned int before = f->found;
	char first[4096];
	int err;

	if (colon) { /* a path may have colons no more than it has in a probe */
		snprintf(first, sizeof(first), "%.*s", (int)(colon - pattern), pattern);
		err = find_in_binary(f, first, colon[1] ? colon + 1 : "*");
		if (!err && f->found == before)
			cmd_error("nothing in %s matches '%.100s'", first, colon + 1);
		return err;
	}
	if (slash) {
		snprintf(first, sizeof(first), "%.*s", (int)(slash - pattern), pattern);
		err = find_tracepoints(f, first[0] ? first : NULL, slash[1] ? slash + 1 : "*");
		if (!err && f->found == before && f->tracefs >= 0)
			cmd_error("no tracepoint matches '%.100s'", pattern);
		return err;
	}
	err = find_functions(f, pattern);
	if (!err)
		err = find_tracepoints(f, NULL, pattern);
	if (!err && f->found == before)
		near_say(pattern);
	return err;
}

/* What the columns mean here, once. */
static void kernel_say(struct find *f)
{
	if (f->tracefs < 0)
		cmd_error("tracepoints are not shown: tracefs: %s", strerror(-f->tracefs));
	if (f->refused && f->probe && !probe_can(f->probe, PROBE_PRIVILEGE))
		cmd_error("which of them can be probed, root is told");
	else if (f->refused && f->probe)
		cmd_error("no function can be probed here. fentry: %s. kprobe: %s", probe_get(f->probe, PROBE_FENTRY)->why,
			  probe_get(f->probe, PROBE_KPROBE)->why);
	else if (f->guessed && f->probe && probe_can(f->probe, PROBE_FENTRY))
		cmd_error("which functions have the function tracer's call is a guess: available_filter_functions cannot be read");
}

static int modules_add(struct find *f, const struct find_cmdline *c)
{
	for (size_t i = 0; i < c->add.item.n; i++) {
		int err = f->types ? types_add(f->types, c->add.item.v[i]) : -ENODATA;

		if (err) {
			cmd_error("%s: %s", c->add.item.v[i], err == -ENODATA ? "neither DWARF nor BTF in it" : strerror(-err));
			return err;
		}
	}
	return 0;
}

static int find_run(const struct find_cmdline *c, int n, char **patterns)
{
	static struct json json; /* its buffer is large for a stack */
	struct find f = { .width = cmd_width(stdout), .types = types_of_kernel(NULL), .probe = probe_new(), .tracefs = tracefs_open() };
	int err = modules_add(&f, c);

	if (c->json) {
		json_init(&json, stdout);
		f.json = &json;
		json_put_format(&json);
	}
	for (int i = 0; i < n && !err; i++)
		err = one_pattern(&f, patterns[i]);
	if (!err)
		kernel_say(&f);
	types_free(f.types);
	probe_free(f.probe);
	if (f.tracefs >= 0)
		close(f.tracefs);
	return cmd_flush(err || !f.found ? EXIT_FAILURE : EXIT_SUCCESS);
}

int cmd_find(int argc, char **argv)
{
	struct find_cmdline c = { 0 };
	struct opts_parsed parsed;
	int err = opts_parse(&find_command, argc, argv, &c, &parsed);

	if (!err && !parsed.operands) {
		snprintf(parsed.message, sizeof(parsed.message), "what is to be found? spoor find 'tcp_*sendmsg*'");
		err = -EINVAL;
	}
	cmd_log(LOG_LEVEL_ERROR);
	err = err ? cmd_options_end(&find_command, err, parsed.message) :
	      c.complete ? find_complete(argv[1]) : find_run(&c, parsed.operands, argv + 1);
	opts_free(&find_command, &c);
	return err;
}
