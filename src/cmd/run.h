/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What every tracing command does between its options and its exit status: signals, a child, output, a session. */
#ifndef SPOOR_CMD_RUN_H
#define SPOOR_CMD_RUN_H

#include <sys/types.h>

#include "model/session.h"
#include "model/task_filter.h"
#include "store/store.h"

struct child {
	pid_t pid;                /* 0: none */
	uint32_t followed;        /* the same */
	int go;                   /* write end; closing it without a byte makes the child give up */
	bool reaped;
	int status;
};

struct run {
	const char *name;         /* "spoor io", for messages */
	const char *output;       /* file; NULL: stdout */
	struct sink_opts look;    /* histograms, each, verbose; the rest is found out */
	struct session session;   /* source, its options, sinks, times, quiet, t0 */
	bool processes;           /* the maps of others' processes are read: stacks of programs */
	struct child child;
	struct store_writer_opts record; /* path NULL: none */
};

/* Catches signals and starts the child, which waits. command: NULL: none. 0 or -errno, logged. */
int run_begin(struct run *run, char **command);
/* After it: the child, if there is one, is whose events are traced. tasks: of the source's options. */
void run_follow(struct run *run, struct task_opts *tasks);
/* Also into a file, if record is not NULL. asked: who looks has asked for what the source sends one by one, too. */
void run_record(struct run *run, const struct store_writer_opts *record, bool asked);
/* Runs the session. The exit status. */
int run_end(struct run *run);

#endif
