/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <unistd.h>

#include "cmd/probe_options.h"

enum { FILE_MOST = 1 << 20, STRING_LEAST = 16, STRING_MOST = 4096, BUFFER_LEAST = 65536, BUFFER_MOST = 1 << 30 };

#define AT(field) offsetof(struct probe_cmdline, field)

static const struct opt probe_table[] = {
	{ 'f', "file", OPT_STRING, "FILE", "Read probes from this file, one a line; # begins a comment.", AT(file) },
	FILTER_OPTS(AT(filter)),
	{ 's', "kstack", OPT_FLAG, NULL, "Add the kernel's stack to each hit.", AT(kstack) },
	{ 'u', "ustack", OPT_FLAG, NULL, "Add the program's stack to each hit.", AT(ustack) },
	{ 'D', "duration", OPT_DURATION, "TIME", "Stop after this time.", AT(duration) },
	{ 'i', "interval", OPT_DURATION, "TIME", "Print what was added up at each interval.", AT(interval) },
	{ 0, "length", OPT_SIZE, "BYTES", "Show at most this much of a string (128).", AT(length) },
	{ 0, "buffer", OPT_SIZE, "BYTES", "Memory for hits that wait to be printed (1M); a power of 2.", AT(buffer) },
	{ 0, "backend", OPT_STRING, "NAME", "bpf (the default), or ftrace: by its probe events.", AT(backend) },
	{ 'S', "show", OPT_FLAG, NULL, "Only show what ftrace would be told; with -o, write a shell script that does it.", AT(show) },
	{ 0, "btf", OPT_STRING, "FILE", "Take the kernel's types from this file.", AT(btf) },
	{ 0, "types", OPT_LIST, "FILE", "Look in this module's debug information, too.", AT(types) },
	{ 0, "programs", OPT_FLAG, NULL, "Print the generated programs to standard error.", AT(programs) },
	{ 0, "json", OPT_FLAG, NULL, "Print JSON, an object a line.", AT(json) },
	{ 'o', "output", OPT_STRING, "FILE", "Write to this file instead of standard output.", AT(output) },
	{ 'q', "quiet", OPT_FLAG, NULL, "Print the result and errors, nothing else.", AT(quiet) },
	{ 'v', "verbose", OPT_FLAG, NULL, "Print whole stacks, and how each probe is attached.", AT(verbose) },
	{ 0 },
};

static const char probe_notes[] =
	"A probe is p FUNCTION, r FUNCTION (return), e SYSTEM/EVENT, t TRACEPOINT, P BINARY:FUNCTION, R BINARY:FUNCTION,\n"
	"P BINARY:PROVIDER:PROBE or s 99hz; then arguments, name=EXPRESSION; then f:FILTER; then | count, sum, avg, min, max,\n"
	"hist, linear, each with by KEYS. docs/probe-language.md has all of it.\n"
	"Times take ns, us, ms, s, m, h (no unit: seconds). Without -D and without a command it runs until Ctrl-C.\n"
	"\n"
	"  spoor probe 'p do_filp_open path=%1->name'            each opened file\n"
	"  spoor probe 'r vfs_read lat f:lat>1ms'                slow reads\n"
	"  spoor probe 'e sched/sched_switch | count by comm'    who gives up a CPU\n"
	"  spoor probe 'P libc:malloc | hist %0' -- ls           sizes that a program asks for\n";

const struct opt_command probe_command = {
	.program = "spoor probe",
	.usage = "[options] 'PROBE'... [-- command args]",
	.about = "Puts probes on functions, tracepoints and programs; prints, filters, counts or adds up what they see.",
	.notes = probe_notes,
	.opts = probe_table,
	.takes_command = true,
	.takes_operands = true,
};

/* Lines of the file, without blank ones and comments; they point into c->text. */
static int file_read(struct probe_cmdline *c, char *message)
{
	FILE *f = strcmp(c->file, "-") ? fopen(c->file, "re") : stdin;
	size_t n = 0;

	if (!f)
		return cmd_fail(message, -errno, "%s: %s", c->file, strerror(errno));
	c->text = calloc(1, FILE_MOST + 1);
	if (c->text)
		n = fread(c->text, 1, FILE_MOST, f);
	if (f != stdin)
		fclose(f);
	if (!c->text)
		return cmd_fail(message, -ENOMEM, "out of memory");
	if (n == FILE_MOST)
		return cmd_fail(message, -E2BIG, "%s: more than %d bytes", c->file, FILE_MOST);
	for (char *line = c->text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		line += strspn(line, " \t\r");
		line[strcspn(line, "\r")] = '\0';
		if (*line && *line != '#' && vec_push(&c->exprs, line))
			return cmd_fail(message, -ENOMEM, "out of memory");
	}
	return 0;
}

static int exprs_gather(struct probe_cmdline *c, int n, char **operands, char *message)
{
	int err = 0;

	for (int i = 0; i < n; i++)
		if (vec_push(&c->exprs, operands[i]))
			return cmd_fail(message, -ENOMEM, "out of memory");
	if (c->file)
		err = file_read(c, message);
	if (!err && !c->exprs.n)
		return cmd_fail(message, -EINVAL, c->file ? "%s has no probes" : "no probe is given, as in 'p vfs_read count'", c->file);
	return err;
}

static int types_gather(struct probe_cmdline *c, char *message)
{
	for (size_t i = 0; i < c->types.item.n; i++)
		if (vec_push(&c->more, c->types.item.v[i]))
			return cmd_fail(message, -ENOMEM, "out of memory");
	if (c->more.n && vec_push(&c->more, NULL))
		return cmd_fail(message, -ENOMEM, "out of memory");
	return 0;
}

int probe_cmdline_parse(int argc, char **argv, struct probe_cmdline *c, char message[CMD_MESSAGE])
{
	int err, operands;

	*c = (struct probe_cmdline){ 0 };
	err = cmd_parse_operands(&probe_command, argc, argv, c, &c->command, &operands, message);
	if (err)
		return err;
	err = cmd_check_run(c->interval, c->duration, 0, c->quiet, c->verbose, message);
	if (!err && c->length && (c->length < STRING_LEAST || c->length > STRING_MOST))
		err = cmd_fail(message, -EINVAL, "--length: %d to %d bytes", STRING_LEAST, STRING_MOST);
	if (!err && c->buffer && (c->buffer < BUFFER_LEAST || c->buffer > BUFFER_MOST || c->buffer & (c->buffer - 1)))
		err = cmd_fail(message, -EINVAL, "--buffer: a power of 2 from 64k to 1G");
	if (!err && c->backend && strcmp(c->backend, "bpf") && strcmp(c->backend, "ftrace"))
		err = cmd_fail(message, -EINVAL, "--backend: bpf or ftrace, not '%.40s'", c->backend);
	err = err ? err : exprs_gather(c, operands, argv + 1, message);
	err = err ? err : types_gather(c, message);
	return err ? err : filters_parse(&c->filter, c->command, message);
}

void probe_cmdline_free(struct probe_cmdline *c)
{
	opts_free(&probe_command, c);
	filters_free(&c->filter);
	vec_free(&c->exprs);
	vec_free(&c->more);
	free(c->text);
}

int probe_cmdline_resolve(struct probe_cmdline *c, struct probe_opts *o, char message[CMD_MESSAGE])
{
	message[0] = '\0';
	*o = (struct probe_opts){
		.exprs = c->exprs.v, .n = (unsigned int)c->exprs.n, .btf = c->btf, .more = c->more.v, .json = c->json,
		.kstack = c->kstack, .ustack = c->ustack, .intervals = c->interval != 0, .buffer = c->buffer,
		.string_max = (unsigned int)c->length, .programs = c->programs ? stderr : NULL,
		.ftrace = c->show || (c->backend && !strcmp(c->backend, "ftrace")),
	};
	return filters_resolve(&c->filter, &o->tasks, message);
}
