/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>

#include "cmd/cmd.h"

static const struct command {
	const char *name, *about;
	int (*run)(int argc, char **argv);
	const struct opt_command *options;
} commands[] = {
	{ "io", "follow storage requests from the system call to the device and back", cmd_io, &io_command },
	{ "sched", "who waited for a CPU, how long, and who had it meanwhile", cmd_sched, &sched_command },
	{ "why", "where the time of threads went, and the critical path", cmd_why, &why_command },
	{ "probe", "probes of one's own on functions, tracepoints and programs", cmd_probe, &probe_command },
	{ "types", "layouts of the kernel's and of programs' types", cmd_types, &types_command },
	{ "find", "functions, tracepoints and USDT probes that can be probed", cmd_find, &find_command },
	{ "record", "io, sched or why, stored in a file as well", cmd_record, &record_command },
	{ "report", "what was recorded, in any view of the live command", cmd_report, &report_command },
	{ "doctor", "what this kernel allows, which layers are seen, and what would help", cmd_doctor, &doctor_command },
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int help_print(FILE *out)
{
	fputs("Usage: spoor COMMAND [options]\n\n"
	      "Follows work through the Linux kernel and says where its time went.\n\nCommands:\n", out);
	for (int i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-10s%s\n", commands[i].name, commands[i].about);
	fputs("  help      this, or 'spoor help COMMAND'\n  version   the version\n", out);
	return out == stdout ? cmd_flush(EXIT_SUCCESS) : EXIT_USAGE;
}

static int completion_print(const char *shell)
{
	const struct opt_command *options[COMMANDS];
	const char *names[COMMANDS];

	if (!shell || strcmp(shell, "bash")) {
		cmd_error("completion is there for bash: spoor --completion bash");
		return EXIT_USAGE;
	}
	for (int i = 0; i < COMMANDS; i++) {
		names[i] = commands[i].name;
		options[i] = commands[i].options;
	}
	opts_bash("spoor", names, options, COMMANDS, stdout);
	return cmd_flush(EXIT_SUCCESS);
}

static const struct command *command_find(const char *name)
{
	for (int i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int command_unknown(const char *name)
{
	const char *names[COMMANDS + 3] = { "help", "version" }, *near;

	for (int i = 0; i < COMMANDS; i++)
		names[i + 2] = commands[i].name;
	near = name_nearest(name, names);
	cmd_error("unknown command '%.60s'%s%s%s", name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	fputs("Try 'spoor help'.\n", stderr);
	return EXIT_USAGE;
}

static bool is_one_of(const char *s, const char *a, const char *b, const char *c)
{
	return !strcmp(s, a) || !strcmp(s, b) || !strcmp(s, c);
}

/* A closed descriptor would be taken by the first file opened, and output go there. Opened for reading only, so
 * that writing to it fails as writing to a closed one does. */
static void descriptors_fill(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY) != fd)
			exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	const struct command *c;

	descriptors_fill();
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN); /* writes fail with EPIPE instead, and the run ends in order */
	if (argc < 2)
		return help_print(stderr);
	if (is_one_of(argv[1], "version", "--version", "-V")) {
		puts("spoor " SPOOR_VERSION);
		return cmd_flush(EXIT_SUCCESS);
	}
	if (!strcmp(argv[1], "--completion"))
		return completion_print(argv[2]);
	if (is_one_of(argv[1], "help", "--help", "-h") && argc < 3)
		return help_print(stdout);
	if (!strcmp(argv[1], "help")) {
		c = command_find(argv[2]);
		return c ? cmd_options_end(c->options, OPTS_HELP, "") : command_unknown(argv[2]);
	}
	c = command_find(argv[1]);
	return c ? c->run(argc - 1, argv + 1) : command_unknown(argv[1]);
}
