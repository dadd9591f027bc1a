/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What the commands share. Only src/cmd speaks to the user: results on stdout, the rest on stderr. */
#ifndef SPOOR_CMD_CMD_H
#define SPOOR_CMD_CMD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/log.h"
#include "base/opts.h"

/* Exit statuses. */
enum { EXIT_USAGE = 2 };

/* argv[0] is the command's name. Returns the exit status. */
int cmd_io(int argc, char **argv);
int cmd_sched(int argc, char **argv);
int cmd_why(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_types(int argc, char **argv);
int cmd_find(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_report(int argc, char **argv);

extern const struct opt_command io_command, sched_command, why_command, probe_command, types_command, find_command, doctor_command,
	record_command, report_command;

struct store_writer_opts;

/* The same with a recording beside the output; NULL: none. */
int cmd_io_record(int argc, char **argv, const struct store_writer_opts *record);
int cmd_sched_record(int argc, char **argv, const struct store_writer_opts *record);
int cmd_why_record(int argc, char **argv, const struct store_writer_opts *record);

/* Sends log messages to stderr, each after "spoor: ". */
void cmd_log(enum log_level most);

enum { CMD_MESSAGE = 768 }; /* some messages list candidates, a line each */

/* Fills in the message and returns err. */
int cmd_fail(char message[CMD_MESSAGE], int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* "spoor: ..." on stderr. */
void cmd_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The options, and the command after "--": NULL-terminated, within argv; NULL when there is none. As opts_parse, with a
 * message when it is negative. */
int cmd_parse(const struct opt_command *c, int argc, char **argv, void *to, char ***command, char message[CMD_MESSAGE]);

/* The same of a command that takes operands, which are argv[1] and so on then. */
int cmd_parse_operands(const struct opt_command *c, int argc, char **argv, void *to, char ***command, int *operands,
		       char message[CMD_MESSAGE]);

/* The options that every tracer has; times in ns, 0: not given. 0, or -EINVAL with a message. */
int cmd_check_run(uint64_t interval, uint64_t duration, uint64_t top, bool quiet, bool verbose, char message[CMD_MESSAGE]);

/* Ends a command whose options did not ask for a run: prints help (OPTS_HELP), the man page's options
 * (OPTS_HELP_MAN), or message with a pointer to --help. Returns the exit status. */
int cmd_options_end(const struct opt_command *c, int result, const char *message);

/* Hands on what is buffered for stdout: status, also when nobody reads any more; 1 with a message when it fails. */
int cmd_flush(int status);

unsigned int cmd_width(FILE *out); /* columns of the terminal; 0: not one */
bool cmd_color(FILE *out);         /* a terminal, and neither NO_COLOR nor TERM=dumb */

#endif
