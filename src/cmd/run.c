/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/run.h"
#include "kernel/privilege.h"
#include "kernel/probe.h"

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
	signal(SIGCHLD, SIG_DFL); /* inherited as ignored, the command would leave no exit status */
	sa = (struct sigaction){ .sa_handler = on_resize, .sa_flags = (int)SA_RESTART };
	sigaction(SIGWINCH, &sa, NULL);
}

/* ---- `-- CMD`: the child waits for a byte until everything is attached ---- */

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
	struct child *c = &((struct run *)ctx)->child;
	int err = privilege_drop(((struct run *)ctx)->processes);

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

static int sinks_open(struct session *s, struct sink_opts *so)
{
	so->color = cmd_color(so->out);
	so->width = cmd_width(so->out);
	so->header = true;
	for (int i = 0; i < SESSION_SINKS; i++) {
		if (!s->out[i].sink || !s->out[i].sink->open)
			continue;
		s->out[i].self = s->out[i].sink->open(so);
		if (!s->out[i].self)
			return -errno;
	}
	return 0;
}

static int sinks_finish(struct session *s, int err)
{
	for (int i = 0; i < SESSION_SINKS; i++) {
		int late = s->out[i].self && s->out[i].sink->finish ? s->out[i].sink->finish(s->out[i].self) : 0;

		err = err ? err : late;
	}
	return err;
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
	struct run *run = ctx;
	struct session *s = &run->session;

	if (resized) {
		resized = 0;
		for (int i = 0; i < SESSION_SINKS; i++)
			if (s->out[i].self && s->out[i].sink->resize)
				s->out[i].sink->resize(s->out[i].self, cmd_width(run->look.out));
	}
	return child_over(&run->child);
}

/* A file that is written to by the megabyte costs a call for each 4096 bytes otherwise. */
enum { OUTPUT_BUFFER = 256 << 10 };

static FILE *output_open(const char *path)
{
	FILE *f = path ? fopen(path, "we") : stdout;

	if (!f)
		log_error("%s: %s", path, strerror(errno));
	else if (path)
		setvbuf(f, NULL, _IOFBF, OUTPUT_BUFFER);
	return f;
}

/* ---- the run ---- */

static int run_session(struct run *run)
{
	struct session *s = &run->session;
	int err;

	s->stop = &stop_asked;
	s->attached = run_attached;
	s->over = run_over;
	s->ctx = run;
	if (s->out[0].sink == &sink_json) /* who reads it counts on its end, -q or not (docs/format.md) */
		s->quiet = false;
	run->look.out = output_open(run->output);
	if (!run->look.out)
		return 1;
	err = sinks_open(s, &run->look);
	if (!err && run->record.path) {
		s->out[SESSION_SINKS - 1].self = store_create(&run->record);
		err = s->out[SESSION_SINKS - 1].self ? 0 : -ECANCELED;
	}
	if (!err)
		err = sinks_finish(s, session_run(s));
	sinks_close(s);
	if (run->look.out != stdout && fclose(run->look.out) && !err)
		err = -errno;
	if (err == -EPIPE) {
		clearerr(stdout);
		return 0; /* the reader has had enough */
	}
	if (err && err != -ECANCELED)
		log_error("%s: %s", run->output ? run->output : run->name, strerror(-err));
	return err ? 1 : 0;
}

static int run_with_probe(struct run *run)
{
	struct probe *probe = probe_new();
	int status;

	if (!probe) {
		log_error("%s", strerror(errno));
		return 1;
	}
	run->session.probe = probe;
	if (!probe_can(probe, PROBE_PRIVILEGE)) {
		log_error("tracing needs root, or CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN: %s",
			  probe_get(probe, PROBE_PRIVILEGE)->why);
		status = 1;
	} else {
		status = run_session(run);
	}
	probe_free(probe);
	return status;
}

int run_begin(struct run *run, char **command)
{
	int err;

	run->child = (struct child){ .go = -1 };
	signals_catch();
	if (!command)
		return 0;
	err = child_start(&run->child, command);
	if (err)
		log_error("cannot start %s: %s", command[0], strerror(-err));
	return err;
}

void run_follow(struct run *run, struct task_opts *tasks)
{
	if (!run->child.pid)
		return;
	run->child.followed = (uint32_t)run->child.pid;
	tasks->pids = &run->child.followed;
	tasks->npids = 1;
}

void run_record(struct run *run, const struct store_writer_opts *record, bool asked)
{
	struct session *s = &run->session;

	if (!record)
		return;
	run->record = *record;
	run->record.interval = s->interval;
	for (int i = 0; i < SESSION_SINKS - 1; i++)
		s->out[i].no_records = !asked;
	s->out[SESSION_SINKS - 1] = (struct session_out){ .sink = &sink_store, .whole = true };
}

int run_end(struct run *run)
{
	return child_finish(&run->child, run_with_probe(run));
}
