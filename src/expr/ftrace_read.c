/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * What the events left in the instance's buffers, as records in the order of time. Each sweep takes all that is there; what is
 * younger than its beginning waits for the next, for another CPU may have something older still.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "expr/ftrace_read.h"

enum {
	PAGE_MOST = 1 << 16, STEP_MS = 20, TASKS = 1024,
	PAGES_AT_ONCE = 256,     /* of a CPU in a sweep, so that memory stays bounded */
	WAITING = 8,             /* an interrupt's events come between an event and its stack */
	ENTRY_TID = 4,           /* in struct trace_entry, which begins every event */
	PROBE_IP = 8,            /* then, of a probe event: where it is; of a return: whose */
};

struct held { uint64_t t; size_t size; uint8_t *record; };
struct waiting { struct held h; const struct plan *p; uint32_t tid; unsigned int sweep; };

struct cpu_buffer {
	int fd;
	unsigned int cpu, nwaiting;
	struct waiting waiting[WAITING];
};

struct task { uint32_t tid, tgid; unsigned int sweep; char comm[16]; };

struct reader {
	struct cpu_buffer *cpus;
	unsigned int ncpus, sweep;
	VEC(struct held) held;
	struct task tasks[TASKS];
	uint8_t page[PAGE_MOST];
};

struct sweep { struct ftrace *f; struct cpu_buffer *cpu; int err; };

int reader_open(struct ftrace *f)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);
	char path[64];

	f->reader = calloc(1, sizeof(*f->reader));
	if (f->reader && n > 0)
		f->reader->cpus = calloc((size_t)n, sizeof(*f->reader->cpus));
	if (!f->reader || !f->reader->cpus)
		return -ENOMEM;
	for (long cpu = 0; cpu < n; cpu++) {
		struct cpu_buffer *b = &f->reader->cpus[f->reader->ncpus];

		snprintf(path, sizeof(path), "per_cpu/cpu%ld/trace_pipe_raw", cpu);
		b->cpu = (unsigned int)cpu;
		b->fd = openat(f->instance, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (b->fd < 0 && errno != ENOENT)
			return -errno;
		f->reader->ncpus += b->fd >= 0;
	}
	return f->reader->ncpus ? 0 : -ENOENT;
}

void reader_close(struct ftrace *f)
{
	struct reader *r = f->reader;

	if (!r)
		return;
	for (unsigned int i = 0; i < r->ncpus; i++) {
		close(r->cpus[i].fd);
		for (unsigned int k = 0; k < r->cpus[i].nwaiting; k++)
			free(r->cpus[i].waiting[k].h.record);
	}
	for (size_t i = 0; i < r->held.n; i++)
		free(r->held.v[i].record);
	vec_free(&r->held);
	free(r->cpus);
	free(r);
	f->reader = NULL;
}

/* ---- who it was ---- */

static void proc_line(uint32_t tid, const char *file, char *to, size_t cap)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", tid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	to[0] = '\0';
	if (fd < 0)
		return;
	n = read(fd, to, cap - 1);
	close(fd);
	to[n > 0 ? n : 0] = '\0';
}

/* "1234 bash": the rest of the thread's line in one of ftrace's lists of those that have run. */
static bool saved_line(int tracefs, const char *file, uint32_t tid, char *to, size_t cap)
{
	int fd = openat(tracefs, file, O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char line[64], *end;
	bool found = false;

	if (!f && fd >= 0)
		close(fd);
	while (f && !found && fgets(line, sizeof(line), f)) {
		if (strtoul(line, &end, 10) != tid || *end != ' ')
			continue;
		end[strcspn(end, "\n")] = '\0';
		snprintf(to, cap, "%s", end + 1);
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

/* It has ended before it was looked at. */
static void task_saved(int tracefs, struct task *t)
{
	char text[64];

	if (!t->comm[0] && saved_line(tracefs, "saved_cmdlines", t->tid, text, sizeof(text)) && strcmp(text, "<...>") != 0)
		snprintf(t->comm, sizeof(t->comm), "%.15s", text);
	if (t->tgid == t->tid && saved_line(tracefs, "saved_tgids", t->tid, text, sizeof(text)))
		t->tgid = (uint32_t)strtoul(text, NULL, 10);
}

/* As it is now: an event brings the thread's number only. What has ended keeps what was known. */
static const struct task *task_of(const struct ftrace *f, uint32_t tid, unsigned int cpu)
{
	struct reader *r = f->reader;
	struct task *t = &r->tasks[tid % TASKS];
	char text[1024], *at;

	if (t->tid == tid && t->sweep == r->sweep && tid)
		return t;
	if (t->tid != tid || !tid)
		*t = (struct task){ .tid = tid, .tgid = tid };
	t->sweep = r->sweep;
	if (!tid) {
		snprintf(t->comm, sizeof(t->comm), "swapper/%u", cpu);
		return t;
	}
	proc_line(tid, "comm", text, sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	if (text[0])
		snprintf(t->comm, sizeof(t->comm), "%.15s", text);
	proc_line(tid, "status", text, sizeof(text));
	at = strstr(text, "\nTgid:");
	if (at)
		t->tgid = (uint32_t)strtoul(at + 6, NULL, 10);
	else
		task_saved(f->tracefs, t);
	return t;
}

/* ---- events ---- */

static uint32_t u32_at(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static uint64_t u64_at(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static int hold(struct reader *r, struct held h)
{
	if (!vec_push(&r->held, h))
		return 0;
	free(h.record);
	return -ENOMEM;
}

/* One that will get no stack any more. */
static int waiting_release(struct reader *r, struct cpu_buffer *b, unsigned int i)
{
	struct held h = b->waiting[i].h;

	b->nwaiting--;
	memmove(&b->waiting[i], &b->waiting[i + 1], (b->nwaiting - i) * sizeof(b->waiting[0]));
	return hold(r, h);
}

static int waiting_add(struct reader *r, struct cpu_buffer *b, const struct plan *p, uint32_t tid, struct held h)
{
	int err = b->nwaiting == WAITING ? waiting_release(r, b, 0) : 0;

	b->waiting[b->nwaiting++] = (struct waiting){ h, p, tid, r->sweep };
	return err;
}

/* The stack of the last event of that thread. */
static int stack_take(struct ftrace *f, struct cpu_buffer *b, const struct ring_event *e)
{
	uint64_t stack[STACK_DEPTH];
	const struct waiting *w;
	unsigned int n = 0, at = b->nwaiting;

	while (at && b->waiting[at - 1].tid != u32_at(e->data + ENTRY_TID))
		at--;
	if (!at)
		return 0;
	w = &b->waiting[--at];
	for (uint32_t off = f->stack_off; off + 8 <= e->size && n < STACK_DEPTH; off += 8, n++) {
		stack[n] = u64_at(e->data + off);
		if (!stack[n] || stack[n] == UINT64_MAX)
			break;
	}
	for (size_t i = 0; i < w->p->outs.n && n; i++) {
		const struct out *o = &w->p->outs.v[i];
		uint64_t bytes = 8ull * n;

		if (o->kind != OUT_STACK || o->user_stack)
			continue;
		memcpy(w->h.record + o->off, &bytes, sizeof(bytes));
		memcpy(w->h.record + o->off + STACK_HEAD, stack, bytes);
	}
	return waiting_release(f->reader, b, at);
}

static int hit_take(struct sweep *s, const struct ftprobe *fp, const struct ring_event *e)
{
	struct reader *r = s->f->reader;
	struct seen seen = { .fp = fp, .data = e->data, .size = e->size, .t = e->t, .cpu = s->cpu->cpu };
	const struct leaf *comm = leaf_find(fp, LEAF_COMM, NULL);
	const struct task *task;
	struct held h = { e->t, plan_record_size(fp->p), NULL };
	char name[16] = "";

	seen.tid = u32_at(e->data + ENTRY_TID);
	task = task_of(s->f, seen.tid, s->cpu->cpu);
	seen.tgid = task->tgid;
	seen.comm = task->comm;
	if (comm && leaf_string(&seen, comm, name, sizeof(name)) > 0)
		seen.comm = name;
	if (comm && e->size >= PROBE_IP + 8)
		seen.func = u64_at(e->data + PROBE_IP);
	h.record = malloc(h.size);
	if (!h.record)
		return -ENOMEM;
	if (!record_fill(&seen, h.record, NULL, 0)) {
		free(h.record);
		return 0;
	}
	return fp->wants_stack ? waiting_add(r, s->cpu, fp->p, seen.tid, h) : hold(r, h);
}

static bool event_take(void *ctx, const struct ring_event *e)
{
	struct sweep *s = ctx;
	struct ftrace *f = s->f;
	unsigned int id;

	if (e->size < PROBE_IP)
		return true;
	id = (unsigned int)u32_at(e->data) & 0xffff;
	if (f->stack_id && id == f->stack_id)
		s->err = stack_take(f, s->cpu, e);
	for (unsigned int i = 0; i < f->n && !s->err; i++)
		for (size_t k = 0; k < f->probes[i].events.n && !s->err; k++)
			if (f->probes[i].events.v[k].id == id)
				s->err = hit_take(s, &f->probes[i], e);
	return !s->err;
}

/* ---- sweeps ---- */

static int cpu_sweep(struct ftrace *f, struct cpu_buffer *b)
{
	struct sweep s = { f, b, 0 };
	struct reader *r = f->reader;
	uint64_t lost;
	ssize_t n = 1;

	for (int i = 0; i < PAGES_AT_ONCE && n > 0 && !s.err; i++) {
		n = read(b->fd, r->page, sizeof(r->page));
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n <= 0)
			break;
		if (!ring_page(r->page, (size_t)n, event_take, &s, &lost) && !s.err)
			lost++;
		f->lost += lost;
	}
	for (unsigned int i = 0; i < b->nwaiting && !s.err;)
		if (b->waiting[i].sweep + 1 < r->sweep)
			s.err = waiting_release(r, b, i);
		else
			i++;
	return s.err;
}

static int by_time(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	return x->t < y->t ? -1 : x->t > y->t;
}

static int deliver(struct reader *r, uint64_t until, int (*fn)(void *ctx, const void *record, size_t size), void *ctx, size_t *n)
{
	int err = 0;
	size_t i = 0;

	if (r->held.n)
		qsort(r->held.v, r->held.n, sizeof(r->held.v[0]), by_time);
	for (; i < r->held.n && r->held.v[i].t <= until && !err; i++) {
		err = fn(ctx, r->held.v[i].record, r->held.v[i].size);
		free(r->held.v[i].record);
	}
	memmove(r->held.v, r->held.v + i, (r->held.n - i) * sizeof(r->held.v[0]));
	r->held.n -= i;
	*n += i;
	return err;
}

int ftrace_poll(struct ftrace *f, int timeout_ms, int (*fn)(void *ctx, const void *record, size_t size), void *ctx)
{
	uint64_t end = clock_monotonic() + (uint64_t)timeout_ms * 1000000, now;
	struct reader *r = f->reader;
	size_t n = 0;
	int err = 0;

	for (;;) {
		now = clock_monotonic();
		r->sweep++;
		for (unsigned int i = 0; i < r->ncpus && !err; i++)
			err = cpu_sweep(f, &r->cpus[i]);
		for (unsigned int i = 0; i < r->ncpus && !timeout_ms && !err; i++)
			while (r->cpus[i].nwaiting && !err)
				err = waiting_release(r, &r->cpus[i], 0);
		err = err ? err : deliver(r, timeout_ms ? now : UINT64_MAX, fn, ctx, &n);
		if (err || n || clock_monotonic() >= end)
			return err;
		if (poll(NULL, 0, STEP_MS) < 0)
			return 0; /* a signal: the caller looks */
	}
}
