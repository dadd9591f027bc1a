/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor io`: option table (io_options.c), then session_run(). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/io_options.h"
#include "kernel/blockdev.h"
#include "kernel/privilege.h"
#include "kernel/probe.h"
#include "model/session.h"
#include "path/io/io_source.h"

static volatile sig_atomic_t stop_asked, resized;

static void on_resize(int sig)
{
	(void)sig;
	resized = 1;
}

static void on_signal(int sig)
{
	(void)sig;
	stop_asked = 1;
}

/* A second Ctrl-C ends at once: nothing is left behind, the kernel detaches with the process. A write that waits for
 * its reader (a pager) goes on after the first. */
static void signals_catch(void)
{
	const int sigs[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = (int)(SA_RESETHAND | SA_RESTART) }, was;

	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
		if (sigs[i] == SIGHUP && !sigaction(SIGHUP, NULL, &was) && was.sa_handler == SIG_IGN)
			continue; /* nohup */
		sigaction(sigs[i], &sa, NULL);
	}
	sa = (struct sigaction){ .sa_handler = on_resize, .sa_flags = (int)SA_RESTART };
	sigaction(SIGWINCH, &sa, NULL);
}

/* ---- `-- CMD`: the child waits for a byte until everything is attached ---- */

struct child {
	pid_t pid;                /* 0: none */
	int go;                   /* write end; closing it without a byte makes the child give up */
	bool reaped;
	int status;
};

/* What the session's callbacks need. */
struct io_run { struct child child; struct session session; FILE *out; };

static void child_main(char **argv, int go)
{
	char byte;

	if (read(go, &byte, 1) != 1)
		_exit(0);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	log_error("%s: %s", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int child_start(struct child *c, char **argv)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC))
		return -errno;
	c->pid = fork();
	if (c->pid < 0) {
		close(fd[0]);
		close(fd[1]);
		return -errno;
	}
	if (!c->pid) {
		close(fd[1]);
		child_main(argv, fd[0]);
	}
	close(fd[0]);
	c->go = fd[1];
	return 0;
}

static int run_attached(void *ctx)
{
	struct child *c = &((struct io_run *)ctx)->child;
	int err = privilege_drop();

	if (err)
		log_warn("cannot drop privileges: %s", strerror(-err));
	if (!c->pid)
		return 0;
	err = write(c->go, "g", 1) == 1 ? 0 : -errno;
	close(c->go);
	c->go = -1;
	return err;
}

static bool child_over(struct child *c)
{
	if (!c->pid || c->reaped)
		return c->reaped;
	if (waitpid(c->pid, &c->status, WNOHANG) != c->pid)
		return false;
	c->reaped = true;
	return true;
}

/* The run is over: a child that has not started never will; one that runs is left to end as it wants, as with
 * a terminal's Ctrl-C it has had the signal too. Its exit status is ours. */
static int child_finish(struct child *c, int status)
{
	if (c->go >= 0) {
		close(c->go);
		if (c->pid)
			waitpid(c->pid, NULL, 0);
		return status;
	}
	if (status || !c->reaped)
		return status;
	return WIFEXITED(c->status) ? WEXITSTATUS(c->status) : 128 + WTERMSIG(c->status);
}

/* ---- output ---- */

static int sinks_open(struct session *s, const struct io_cmdline *c, FILE *out)
{
	const struct sink_opts so = {
		.out = out,
		.color = cmd_color(out),
		.width = cmd_width(out),
		.histograms = c->histograms,
		.each = c->each,
		.verbose = c->verbose,
		.header = true,
	};

	if (c->json) {
		s->out[0].sink = &sink_json;
	} else {
		s->out[0].sink = c->each ? &sink_line : &sink_tree;
		s->out[1].sink = &sink_table;
	}
	for (int i = 0; i < SESSION_SINKS; i++) {
		if (!s->out[i].sink)
			continue;
		s->out[i].self = s->out[i].sink->open(&so);
		if (!s->out[i].self)
			return -errno;
	}
	return 0;
}

static void sinks_close(struct session *s)
{
	for (int i = 0; i < SESSION_SINKS; i++)
		if (s->out[i].self)
			s->out[i].sink->close(s->out[i].self);
}

/* Each round of the session: is the child gone, has the terminal another width? */
static bool run_over(void *ctx)
{
	struct io_run *run = ctx;
	struct session *s = &run->session;

	if (resized) {
		resized = 0;
		for (int i = 0; i < SESSION_SINKS; i++)
			if (s->out[i].self && s->out[i].sink->resize)
				s->out[i].sink->resize(s->out[i].self, cmd_width(run->out));
	}
	return child_over(&run->child);
}

static FILE *output_open(const char *path)
{
	FILE *f = path ? fopen(path, "we") : stdout;

	if (!f)
		log_error("%s: %s", path, strerror(errno));
	return f;
}

/* ---- the run ---- */

static int io_session(struct io_cmdline *c, struct io_opts *o, struct io_run *run, struct probe *probe, uint64_t t0)
{
	FILE *out = output_open(c->output);
	int err;

	run->session = (struct session){
		.source = &io_source, .source_opts = o, .probe = probe, .duration = c->duration,
		.interval = c->interval, .quiet = c->quiet, .stop = &stop_asked, .attached = run_attached,
		.over = run_over, .ctx = run, .t0 = t0,
	};
	run->out = out;
	if (!out)
		return 1;
	err = sinks_open(&run->session, c, out);
	if (!err)
		err = session_run(&run->session);
	sinks_close(&run->session);
	if (out != stdout && fclose(out) && !err)
		err = -errno;
	if (err == -EPIPE) {
		clearerr(stdout);
		return 0; /* the reader has had enough */
	}
	if (err)
		log_error("%s: %s", c->output ? c->output : "spoor io", strerror(-err));
	return err ? 1 : 0;
}

static int io_with_probe(struct io_cmdline *c, struct io_opts *o, struct io_run *run, uint64_t t0)
{
	struct probe *probe = probe_new();
	int status;

	if (!probe) {
		log_error("%s", strerror(errno));
		return 1;
	}
	if (!probe_can(probe, PROBE_PRIVILEGE)) {
		log_error("tracing needs root, or CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN: %s",
			  probe_get(probe, PROBE_PRIVILEGE)->why);
		status = 1;
	} else {
		status = io_session(c, o, run, probe, t0);
	}
	probe_free(probe);
	return status;
}

static int io_resolve(struct io_cmdline *c, struct io_opts *o)
{
	char message[IO_MESSAGE] = "";
	struct blockdevs *devs = blockdevs_new("");
	int err;

	if (!devs)
		return -errno;
	err = io_cmdline_resolve(c, devs, o, message);
	blockdevs_free(devs);
	if (err)
		log_error("%s", message[0] ? message : strerror(-err));
	return err;
}

static int io_run(struct io_cmdline *c, uint64_t t0)
{
	struct io_opts o = { 0 };
	struct io_run run = { .child.go = -1 };
	uint32_t pid;
	int err;

	if (io_resolve(c, &o))
		return 1;
	signals_catch();
	if (c->command) {
		err = child_start(&run.child, c->command);
		if (err) {
			log_error("cannot start %s: %s", c->command[0], strerror(-err));
			return 1;
		}
		pid = (uint32_t)run.child.pid;
		o.pids = &pid;
		o.npids = 1;
	}
	return child_finish(&run.child, io_with_probe(c, &o, &run, t0));
}

int cmd_io(int argc, char **argv)
{
	uint64_t t0 = clock_monotonic();
	char message[IO_MESSAGE] = "";
	struct io_cmdline c;
	int status, r = io_cmdline_parse(argc, argv, &c, message);

	cmd_log(r == OPTS_OK && c.verbose ? LOG_LEVEL_INFO : LOG_LEVEL_WARN);
	if (r == OPTS_OK)
		status = cmd_flush(io_run(&c, t0));
	else
		status = cmd_options_end(&io_command, r, message[0] ? message : strerror(-r));
	io_cmdline_free(&c);
	return status;
}
