/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Options as typed tables. A command describes its options once; parsing, --help, the man page's OPTIONS and
 * the shell's completion all come from that table.
 */
#ifndef SPOOR_BASE_OPTS_H
#define SPOOR_BASE_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/vec.h"

enum opt_type {
	OPT_FLAG,     /* bool */
	OPT_STRING,   /* const char *, into argv */
	OPT_LIST,     /* struct opt_list: given again or separated by commas */
	OPT_U64,      /* uint64_t; 0 stands for "not given" here and below, and is refused as a value */
	OPT_DURATION, /* uint64_t, ns */
	OPT_SIZE,     /* uint64_t, bytes */
};

struct opt_list { VEC(char *) item; };

struct opt {
	char letter;          /* 0: none */
	const char *name;     /* NULL ends the table */
	enum opt_type type;
	const char *arg;      /* name of the value, "TIME"; NULL for a flag */
	const char *help;
	size_t off;           /* of the field in the structure that is filled in */
};

struct opt_command {
	const char *program;  /* "spoor io" */
	const char *usage;    /* after it: "[options] [-- command args]" */
	const char *about;    /* a line */
	const char *notes;    /* after the options in --help; may be NULL */
	const struct opt *opts;
	bool takes_command;   /* "-- command args" is allowed */
	bool takes_operands;  /* arguments that are no options are, in any place before "--" (behind it, too, without takes_command) */
	bool stops_at_word;   /* the first word that is no option, and all that follows, is the caller's: rest */
};

enum opt_result { OPTS_OK, OPTS_HELP, OPTS_HELP_MAN }; /* the last two: --help, --help-man was given */

enum { OPTS_MESSAGE = 256 };

struct opts_parsed {
	int rest;             /* index in argv of what follows "--", or of the word it stopped at; argc when nothing does */
	bool dashes;          /* there was a "--" */
	int operands;         /* how many: argv[1] to argv[operands], for they were moved there */
	char message[OPTS_MESSAGE]; /* what is wrong, one line, "" */
};

/* argv[0] is the command's name and skipped. Fields not given keep their value. An enum opt_result, -EINVAL with
 * a message, or -ENOMEM. Free with opts_free in every case. */
int opts_parse(const struct opt_command *c, int argc, char **argv, void *to, struct opts_parsed *parsed);
void opts_free(const struct opt_command *c, void *to); /* lists */

void opts_help(const struct opt_command *c, FILE *out, unsigned int width);
void opts_man(const struct opt_command *c, FILE *out);   /* mdoc: the section OPTIONS */
/* bash: completion of the program for these commands; names[i] is the word that selects c[i]. */
void opts_bash(const char *program, const char *const names[], const struct opt_command *const c[], size_t n,
	       FILE *out);

/* The entry of names (NULL-terminated) that was probably meant, NULL when none is close. */
const char *name_nearest(const char *word, const char *const names[]);

#endif
