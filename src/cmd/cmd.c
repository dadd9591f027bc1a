/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/cmd.h"

static void log_print(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	fprintf(stderr, "spoor: %s%s\n", level == LOG_LEVEL_WARN ? "warning: " : "", text);
}

void cmd_log(enum log_level most)
{
	log_set(log_print, NULL, most);
}

void cmd_error(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout); /* in the order in which things happened */
	fputs("spoor: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int cmd_fail(char message[CMD_MESSAGE], int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, CMD_MESSAGE, fmt, ap);
	va_end(ap);
	return err;
}

int cmd_parse_operands(const struct opt_command *c, int argc, char **argv, void *to, char ***command, int *operands,
		       char message[CMD_MESSAGE])
{
	struct opts_parsed p;
	int err = opts_parse(c, argc, argv, to, &p);

	message[0] = '\0';
	if (err)
		return err > 0 ? err : cmd_fail(message, err, "%s", err == -ENOMEM ? "out of memory" : p.message);
	if (p.dashes && p.rest == argc && c->takes_command)
		return cmd_fail(message, -EINVAL, "nothing after --: give the command to run");
	if (p.dashes && c->takes_command && !argv[p.rest][0])
		return cmd_fail(message, -EINVAL, "the command after -- has an empty name");
	*command = p.dashes && c->takes_command ? argv + p.rest : NULL;
	*operands = p.operands;
	return 0;
}

int cmd_parse(const struct opt_command *c, int argc, char **argv, void *to, char ***command, char message[CMD_MESSAGE])
{
	int operands;

	return cmd_parse_operands(c, argc, argv, to, command, &operands, message);
}

int cmd_check_run(uint64_t interval, uint64_t duration, uint64_t top, bool quiet, bool verbose, char message[CMD_MESSAGE])
{
	enum { TOP_MAX = 10000, INTERVAL_LEAST = 10000000 }; /* ns; below this printing is what is measured */

	if (quiet && verbose)
		return cmd_fail(message, -EINVAL, "--quiet and --verbose contradict each other");
	if (interval && duration && interval > duration)
		return cmd_fail(message, -EINVAL, "--interval is longer than --duration");
	if (interval && interval < INTERVAL_LEAST)
		return cmd_fail(message, -EINVAL, "--interval must be at least 10ms");
	return top > TOP_MAX ? cmd_fail(message, -EINVAL, "--top: at most %d", TOP_MAX) : 0;
}

int cmd_options_end(const struct opt_command *c, int result, const char *message)
{
	if (result == OPTS_HELP)
		opts_help(c, stdout, cmd_width(stdout));
	else if (result == OPTS_HELP_MAN)
		opts_man(c, stdout);
	if (result >= 0)
		return cmd_flush(EXIT_SUCCESS);
	cmd_error("%s", message);
	fprintf(stderr, "Try '%s --help'.\n", c->program);
	return EXIT_USAGE;
}

int cmd_flush(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	if (errno == EPIPE)
		return status; /* the reader has had enough: no failure of ours */
	cmd_error("cannot write the output%s%s", errno ? ": " : "", errno ? strerror(errno) : ""); /* an earlier write's */
	return EXIT_FAILURE;
}

unsigned int cmd_width(FILE *out)
{
	struct winsize size;
	int fd = fileno(out);

	if (fd < 0 || !isatty(fd))
		return 0;
	return ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col ? 80 : size.ws_col;
}

bool cmd_color(FILE *out)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return cmd_width(out) && !(no && no[0]) && term && strcmp(term, "dumb");
}
