/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Events into the kernel, an instance of tracefs around them, and all of it out again. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "expr/ftrace_priv.h"
#include "expr/ftrace_read.h"

enum { BUFFER_KB = 4096 };

static int file_write(int dir, const char *path, const char *text, int flags)
{
	int fd = openat(dir, path, O_WRONLY | O_CLOEXEC | flags), err = 0;
	size_t n = strlen(text);

	if (fd < 0)
		return -errno;
	if (write(fd, text, n) != (ssize_t)n)
		err = errno ? -errno : -EIO;
	close(fd);
	return err;
}

/* The kernel's own words for what it refused: the last message of error_log, without its time. */
static void note_error_log(int tracefs, struct diag *d)
{
	char text[4096], *last = text, *at, *end;
	int fd = openat(tracefs, "error_log", O_RDONLY | O_CLOEXEC);
	ssize_t n = 0, got = 0;

	if (fd < 0)
		return;
	while ((got = read(fd, text + n, sizeof(text) - 1 - (size_t)n)) > 0)
		n += got;
	close(fd);
	text[n] = '\0';
	for (at = text; (at = strstr(at, "error: ")); at++)
		last = at + strlen("error: ");
	end = strchr(last, '\n');
	if (last == text || !end)
		return;
	*end = '\0';
	diag_note(d, "the kernel says: %s", last);
}

static int event_refused(const struct ftrace *f, const struct ftprobe *fp, const char *what, int err, struct diag *d)
{
	diag_set(d, err, fp->p->ast->target_span, "ftrace refuses %s: %s", what, strerror(-err));
	note_error_log(f->tracefs, d);
	if (err == -EPERM || err == -EACCES)
		diag_note(d, "probe events need root and a kernel that is not locked down");
	return err;
}

/* Places where such an event cannot be do not spoil those of a pattern. */
static int event_create(struct ftrace *f, struct ftprobe *fp, struct event *e, struct diag *d)
{
	struct ftext t = { 0 };
	int err;

	if (e->system[0])
		return 0;
	event_define(fp, e, f->group, true, &t);
	err = t.err ? t.err : file_write(f->tracefs, events_file(fp->p), t.s, O_APPEND);
	if (!err)
		f->made++;
	if (err == -ENOENT && faccessat(f->tracefs, events_file(fp->p), W_OK, 0))
		err = diag_set(d, -EOPNOTSUPP, fp->p->ast->target_span, "this kernel has no probe events of ftrace (%s)", events_file(fp->p));
	else if (err && !fp->p->ast->glob)
		event_refused(f, fp, t.s, err, d);
	free(t.s);
	return err;
}

static int probe_create(struct ftrace *f, struct ftprobe *fp, struct diag *d)
{
	size_t kept = 0;
	int err = 0, first = 0;

	for (size_t i = 0; i < fp->events.n; i++) {
		err = event_create(f, fp, &fp->events.v[i], d);
		if (!err || !fp->p->ast->glob) {
			if (err)
				return err;
			fp->events.v[kept++] = fp->events.v[i];
			continue;
		}
		first = first ? first : err;
		log_debug("ftrace: no probe at %s: %s", fp->events.v[i].place, strerror(-err));
		free(fp->events.v[i].place);
	}
	fp->events.n = kept;
	return kept ? 0 : event_refused(f, fp, fp->p->title, first, d);
}

/* ---- the instance ---- */

static int instance_create(struct ftrace *f)
{
	char path[64], size[16];
	int err;

	snprintf(path, sizeof(path), "instances/%s", f->group);
	if (mkdirat(f->tracefs, path, 0700))
		return -errno;
	f->instance = openat(f->tracefs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->instance < 0)
		return -errno;
	err = file_write(f->instance, "trace_clock", "mono", O_TRUNC);
	snprintf(size, sizeof(size), "%d", BUFFER_KB);
	file_write(f->instance, "buffer_size_kb", size, O_TRUNC); /* a smaller one loses more, and says so */
	file_write(f->instance, "options/record-tgid", "1", O_TRUNC); /* for threads that end before they are looked at */
	if (!err && f->stacks)
		err = file_write(f->instance, "options/stacktrace", "1", O_TRUNC);
	if (!err && f->children)
		err = file_write(f->instance, "options/event-fork", "1", O_TRUNC);
	if (!err && f->pids)
		err = file_write(f->instance, "set_event_pid", f->pids, O_TRUNC);
	return err;
}

/* Where the kernel has put the arguments. The same in all events of a probe. */
static int event_layout(struct ftprobe *fp, struct event *e, const struct tp_event *format)
{
	e->id = format->id;
	for (size_t i = 0; i < fp->leaves.n; i++) {
		struct leaf *l = &fp->leaves.v[i];
		const struct tp_field *field = NULL;

		for (size_t k = 0; k < format->fields.n; k++)
			if (!strcmp(format->fields.v[k].name, l->name))
				field = &format->fields.v[k];
		if (!field)
			return -ENOENT;
		l->off = field->off;
		l->size = field->size;
		l->data_loc = field->data_loc;
	}
	return 0;
}

/* Reading the buffers is a system call as any other: without ourselves, or what we read would make more to read. */
static int filter_write(struct ftrace *f, const struct ftprobe *fp, const char *path)
{
	struct ftext t = { 0 };
	int err;

	ftext_add(&t, "common_pid != %d", (int)gettid());
	if (fp->filter)
		ftext_add(&t, " && (%s)", fp->filter);
	err = t.err ? t.err : file_write(f->instance, path, t.s, O_TRUNC);
	free(t.s);
	return err;
}

static int event_enable(struct ftrace *f, struct ftprobe *fp, struct event *e, struct diag *d)
{
	const char *system = event_system(e, f->group);
	struct tp_event format = { 0 };
	char path[320];
	int err = tp_event_read(f->tracefs, system, e->name, &format);

	if (!err)
		err = event_layout(fp, e, &format);
	tp_event_free(&format);
	if (err)
		return diag_set(d, err, fp->p->ast->target_span, "the format of %s/%s is not as expected: %s", system, e->name, strerror(-err));
	snprintf(path, sizeof(path), "events/%s/%s/filter", system, e->name);
	err = filter_write(f, fp, path);
	if (err)
		return diag_set(d, err, fp->p->ast->filter ? fp->p->ast->filter->span : fp->p->ast->target_span,
				"ftrace refuses the filter %s: %s", fp->filter ? fp->filter : "", strerror(-err));
	snprintf(path, sizeof(path), "events/%s/%s/enable", system, e->name);
	err = file_write(f->instance, path, "1", O_TRUNC);
	return err ? event_refused(f, fp, e->place, err, d) : 0;
}

static int stack_layout(struct ftrace *f)
{
	struct tp_event format = { 0 };
	int err = f->stacks ? tp_event_read(f->tracefs, "ftrace", "kernel_stack", &format) : -ENOENT;

	for (size_t i = 0; i < format.fields.n && !err; i++)
		if (!strcmp(format.fields.v[i].name, "caller"))
			f->stack_off = format.fields.v[i].off;
	f->stack_id = err ? 0 : format.id;
	tp_event_free(&format);
	return f->stacks ? err : 0;
}

int ftrace_start(struct ftrace *f, int tracefs, struct diag *d, unsigned int *which)
{
	int err = 0;

	f->tracefs = tracefs;
	for (unsigned int i = 0; i < f->n && !err; i++) {
		*which = i;
		err = probe_create(f, &f->probes[i], d);
	}
	if (!err) {
		*which = 0;
		err = instance_create(f);
		err = err ? err : stack_layout(f);
		err = err ? err : reader_open(f);
		if (err)
			return diag_set(d, err, f->n ? f->probes[0].p->ast->target_span : (struct span){ 0 },
					"an instance of tracefs cannot be made: %s", strerror(-err));
	}
	for (unsigned int i = 0; i < f->n && !err; i++) {
		*which = i;
		for (size_t k = 0; k < f->probes[i].events.n && !err; k++)
			err = event_enable(f, &f->probes[i], &f->probes[i].events.v[k], d);
	}
	return err;
}

/* ---- out again ---- */

static void events_off(struct ftrace *f)
{
	char path[320];

	for (unsigned int i = 0; i < f->n && f->instance >= 0; i++)
		for (size_t k = 0; k < f->probes[i].events.n; k++) {
			const struct event *e = &f->probes[i].events.v[k];

			snprintf(path, sizeof(path), "events/%s/%s/enable", event_system(e, f->group), e->name);
			if (e->id)
				file_write(f->instance, path, "0", O_TRUNC);
		}
}

static void instance_remove(struct ftrace *f)
{
	char path[64];

	if (f->instance < 0)
		return;
	close(f->instance);
	f->instance = -1;
	snprintf(path, sizeof(path), "instances/%s", f->group);
	if (unlinkat(f->tracefs, path, AT_REMOVEDIR))
		log_warn("tracefs: instances/%s stays: %s", f->group, strerror(errno));
}

static void events_remove(struct ftrace *f)
{
	char text[128];

	for (unsigned int i = 0; i < f->n && f->made; i++)
		for (size_t k = 0; k < f->probes[i].events.n; k++) {
			const struct event *e = &f->probes[i].events.v[k];
			int err;

			if (e->system[0])
				continue;
			snprintf(text, sizeof(text), "-:%s/%s", f->group, e->name);
			err = file_write(f->tracefs, events_file(f->probes[i].p), text, O_APPEND);
			if (err && err != -ENOENT) /* those behind the one that was refused are not there */
				log_warn("tracefs: the event %s/%s stays: %s", f->group, e->name, strerror(-err));
		}
}

void ftrace_free(struct ftrace *f)
{
	if (!f)
		return;
	events_off(f);
	reader_close(f);
	instance_remove(f);
	events_remove(f);
	for (unsigned int i = 0; i < f->n; i++) {
		struct ftprobe *fp = &f->probes[i];

		for (size_t k = 0; k < fp->events.n; k++)
			free(fp->events.v[k].place);
		vec_free(&fp->events);
		vec_free(&fp->leaves);
		free(fp->filter);
	}
	free(f->probes);
	free(f->pids);
	free(f);
}

uint64_t ftrace_lost(const struct ftrace *f)
{
	return f->lost;
}
