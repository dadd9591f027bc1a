/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Which way a plan is attached: the first of its ways that this kernel takes. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "expr/attach.h"

enum { ENTRIES = 16384, ROWS = 8192, HIST_ROWS = 1024, STACKS = 8192, PROBES_MOST = 2000, REASON = 256 };

struct attempt {
	struct attached *a;
	struct plan *p;
	struct attach_env *env;
	struct diag *d;
	char why[REASON];          /* why each way failed */
	bool verifier;             /* the program was refused: our fault */
};

static int map_make(enum bpf_map_type type, const char *name, unsigned int key, unsigned int value, unsigned int n)
{
	int fd = bpf_map_create(type, name, key, value, n, NULL);

	return fd < 0 ? -errno : fd;
}

/* What a new row begins with: nothing. The kernel fills the values of other CPUs with zeros, too. */
static int zero_make(struct attached *a, const struct plan *p)
{
	a->maps.zero = map_make(BPF_MAP_TYPE_ARRAY, "zero", 4, plan_agg_size(p), 1);
	return a->maps.zero < 0 ? a->maps.zero : 0;
}

int agg_reset(const struct attached *a, uint32_t row)
{
	char *all = calloc((size_t)libbpf_num_possible_cpus(), plan_agg_size(a->plan));
	int err;

	if (!all)
		return -ENOMEM;
	err = bpf_map_update_elem(a->maps.agg, &row, all, BPF_ANY) ? -errno : 0;
	free(all);
	return err;
}

static int agg_make(struct attached *a, const struct plan *p, bool epochs)
{
	bool keys = p->keys.n > 0;
	int err = zero_make(a, p);

	if (err)
		return err;
	a->maps.agg = map_make(keys ? BPF_MAP_TYPE_PERCPU_HASH : BPF_MAP_TYPE_PERCPU_ARRAY, "rows", plan_key_size(p, epochs),
			       plan_agg_size(p), !keys ? 2 : plan_buckets(p) ? HIST_ROWS : ROWS);
	return a->maps.agg < 0 ? a->maps.agg : 0;
}

static int globs_make(struct attached *a, const struct plan *p)
{
	size_t size = p->globs.n * 256 * sizeof(uint64_t);
	uint64_t *words = calloc(p->globs.n + 1, 256 * sizeof(uint64_t)), one[GLOB_WORDS];
	uint32_t key = 0;
	int err = 0;

	if (!words)
		return -ENOMEM;
	for (size_t i = 0; i < p->globs.n && !err; i++) {
		err = glob_compile(p->globs.v[i], one);
		memcpy(words + 256 * i, one, 256 * sizeof(uint64_t));
	}
	a->maps.globs = err ? -1 : map_make(BPF_MAP_TYPE_ARRAY, "globs", 4, (unsigned int)size, 1);
	if (!err && (a->maps.globs < 0 || bpf_map_update_elem(a->maps.globs, &key, words, BPF_ANY)))
		err = a->maps.globs < 0 ? a->maps.globs : -errno;
	free(words);
	return err;
}

static int maps_make(struct attached *a, const struct plan *p, const struct attach_env *env)
{
	bool stacks = false;
	int err = 0;

	a->maps = (struct gen_maps){ .ring = env->ring, .state = env->state, .follow = env->follow, .follow_ns = env->follow_ns,
				     .tids = env->tids, .entry = -1, .agg = -1, .zero = -1, .globs = -1, .stacks = -1 };
	for (size_t i = 0; i < p->keys.n; i++)
		stacks |= p->keys.v[i].is_stack;
	if (p->ast->agg.fn != AGG_NONE)
		err = agg_make(a, p, env->epochs);
	if (!err && p->globs.n)
		err = globs_make(a, p);
	if (!err && plan_is_return(p) && (p->needs_lat || p->entry_slots)) {
		a->maps.entry = map_make(BPF_MAP_TYPE_HASH, "entry", 8, plan_entry_size(p), ENTRIES);
		err = a->maps.entry < 0 ? a->maps.entry : 0;
	}
	if (!err && stacks) {
		a->maps.stacks = map_make(BPF_MAP_TYPE_STACK_TRACE, "stacks", 4, 8 * STACK_DEPTH, STACKS);
		err = a->maps.stacks < 0 ? a->maps.stacks : 0;
	}
	return err;
}

/* ---- programs ---- */

static void __attribute__((format(printf, 2, 3))) failed(struct attempt *t, const char *fmt, ...)
{
	size_t at = strlen(t->why);
	va_list ap;

	va_start(ap, fmt);
	if (at && at < sizeof(t->why) - 3)
		at += (size_t)snprintf(t->why + at, sizeof(t->why) - at, "; ");
	vsnprintf(t->why + at, sizeof(t->why) - at, fmt, ap);
	va_end(ap);
	log_debug("%s: %s", t->p->title, t->why + at);
}

/* The verifier's last words, without its statistics. */
static void verifier_note(struct attempt *t, const char *what, char *log)
{
	char *end = log + strlen(log), *line;
	unsigned int n = 0;

	log_debug("%s", log);
	diag_note(t->d, "the verifier refused the %s program; that is a fault of spoor's compiler. It said:", what);
	while (end > log && n < 4) {
		while (end > log && end[-1] == '\n')
			*--end = 0;
		line = memrchr(log, '\n', (size_t)(end - log));
		line = line ? line + 1 : log;
		if (strncmp(line, "processed ", 10) && strncmp(line, "verification time", 17) && strncmp(line, "stack depth", 11)) {
			diag_note(t->d, "    %.160s", line);
			n++;
		}
		end = line;
	}
	t->verifier = true;
}

/* A program's stack is told by its maps, which are gone with it: such a hit does not wait. */
static bool plan_wants_maps(const struct plan *p)
{
	bool wants = false;

	for (size_t i = 0; i < p->outs.n; i++)
		wants |= p->outs.v[i].kind == OUT_STACK && p->outs.v[i].user_stack;
	return wants;
}

/* Generates and loads one program. */
static int program(struct attempt *t, enum mode m, bool entry, int btf_id, int btf_fd)
{
	struct gen g = { .p = t->p, .mode = m, .maps = t->a->maps, .tasks = t->env->tasks, .cgroup = &t->env->cgroup,
			 .ring_wake = plan_wants_maps(t->p) ? 0 : t->env->ring_wake, .epochs = t->env->epochs, .func_ip = t->env->func_ip > 0 };
	char *log = NULL;
	int fd = entry ? gen_entry(&g) : gen_main(&g);

	if (fd) {
		failed(t, fd == -E2BIG ? "the expression needs more of the stack, or longer jumps, than BPF has" : "%s", strerror(-fd));
		emit_free(&g.e);
		return fd;
	}
	if (t->env->programs)
		emit_print(&g.e, t->env->programs);
	fd = prog_load(&g, entry ? "spoor_entry" : "spoor_probe", btf_id, btf_fd, &log);
	emit_free(&g.e);
	if (log)
		verifier_note(t, entry ? "entry's" : "probe's", log);
	free(log);
	return fd;
}

static int keep(struct attempt *t, int fd)
{
	if (fd < 0)
		return fd;
	if (vec_push(&t->a->fds, fd)) {
		close(fd);
		return -ENOMEM;
	}
	return 0;
}

/* An event with a program on it. */
static int keep_event(struct attempt *t, int event, int prog)
{
	int err = event < 0 ? event : event_attach(event, prog);

	if (err && event >= 0)
		close(event);
	return err ? err : keep(t, event);
}

static void undo(struct attempt *t)
{
	struct attached *a = t->a;

	for (size_t i = 0; i < a->fds.n; i++)
		close(a->fds.v[i]);
	vec_free(&a->fds);
	if (a->prog >= 0)
		close(a->prog);
	if (a->entry_prog >= 0)
		close(a->entry_prog);
	a->prog = a->entry_prog = -1;
	a->places = 0;
}

static bool wants_entry(const struct plan *p, bool fexit)
{
	return plan_is_return(p) && (p->needs_lat || (p->entry_slots && !fexit));
}

/* ---- the ways ---- */

static int try_fentry(struct attempt *t)
{
	bool exit = t->p->point == POINT_RETURN;
	int btf_fd = 0, id = types_btf_id(t->p->types, TYPE_FUNC, t->p->ast->func, &btf_fd), err;

	if (id < 0) {
		failed(t, "fentry: the function is not in BTF");
		return id;
	}
	if (wants_entry(t->p, true)) {
		t->a->entry_prog = program(t, MODE_FENTRY, true, id, btf_fd);
		err = t->a->entry_prog < 0 ? t->a->entry_prog : keep(t, prog_attach_btf(t->a->entry_prog));
		if (err)
			goto out;
	}
	t->a->prog = program(t, exit ? MODE_FEXIT : MODE_FENTRY, false, id, btf_fd);
	err = t->a->prog < 0 ? t->a->prog : keep(t, prog_attach_btf(t->a->prog));
out:
	if (err)
		failed(t, "fentry: %s%s", strerror(-err), err == -EPERM ? " (is the kernel locked down?)" : "");
	else
		t->a->places = 1;
	return err;
}

static int kprobe_at(struct attempt *t, const char *func)
{
	bool at_return = t->p->point == POINT_RETURN;
	int err = 0;

	if (wants_entry(t->p, false))
		err = keep_event(t, event_kprobe(func, 0, false), t->a->entry_prog);
	if (!err)
		err = keep_event(t, event_kprobe(func, t->p->ast->off, at_return), t->a->prog);
	return err;
}

static int kprobe_programs(struct attempt *t)
{
	if (wants_entry(t->p, false)) {
		t->a->entry_prog = program(t, MODE_KPROBE, true, 0, 0);
		if (t->a->entry_prog < 0)
			return t->a->entry_prog;
	}
	t->a->prog = program(t, t->p->point == POINT_RETURN || t->p->point == POINT_USER_RETURN ? MODE_KRETPROBE : MODE_KPROBE, false,
			     0, 0);
	return t->a->prog < 0 ? t->a->prog : 0;
}

static int try_kprobe(struct attempt *t)
{
	int err = kprobe_programs(t);

	if (!err)
		err = kprobe_at(t, t->p->ast->func);
	if (err == -EOPNOTSUPP)
		failed(t, "kprobe: this kernel was built without");
	else if (err)
		failed(t, "kprobe: %s", err == -EILSEQ ? "no instruction begins there" : strerror(-err));
	else
		t->a->places = 1;
	return err;
}

/* ---- wildcards ---- */

static int found_addresses(const kfuncs_t *f, bool ftrace_known, uint64_t **out, unsigned int *n)
{
	uint64_t *addr = calloc(f->n + 1, sizeof(*addr));

	*n = 0;
	*out = addr;
	if (!addr)
		return -ENOMEM;
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].flags & FUNC_FTRACE && !(f->v[i].flags & FUNC_NOPROBE) && (ftrace_known || !(f->v[i].flags & FUNC_VARIANT)))
			addr[(*n)++] = f->v[i].addr;
	return *n ? 0 : -ENOENT;
}

static int try_multi(struct attempt *t, const kfuncs_t *f, bool ftrace_known)
{
	bool at_return = t->p->point == POINT_RETURN;
	uint64_t *addr;
	unsigned int n;
	int err = found_addresses(f, ftrace_known, &addr, &n);

	if (!err && wants_entry(t->p, false)) {
		t->a->entry_prog = program(t, MODE_MULTI, true, 0, 0);
		err = t->a->entry_prog < 0 ? t->a->entry_prog : keep(t, prog_attach_multi(t->a->entry_prog, addr, n, false));
	}
	if (!err) {
		t->a->prog = program(t, at_return ? MODE_MULTI_RETURN : MODE_MULTI, false, 0, 0);
		err = t->a->prog < 0 ? t->a->prog : keep(t, prog_attach_multi(t->a->prog, addr, n, at_return));
	}
	free(addr);
	if (err)
		failed(t, "kprobe.multi: %s", strerror(-err));
	else
		t->a->places = n;
	return err;
}

/* One kprobe each; functions that refuse it are passed over. */
static int try_each(struct attempt *t, const kfuncs_t *f)
{
	int err = kprobe_programs(t), last = -ENOENT;

	for (size_t i = 0; i < f->n && !err; i++) {
		if (f->v[i].flags & FUNC_NOPROBE)
			continue;
		last = kprobe_at(t, f->v[i].name);
		t->a->places += !last;
		if (last == -EOPNOTSUPP || last == -EPERM || last == -EACCES || last == -EMFILE)
			err = last;
	}
	err = err ? err : t->a->places ? 0 : last;
	if (err == -EOPNOTSUPP)
		failed(t, "kprobe: this kernel was built without");
	else if (err)
		failed(t, "kprobe: %s", strerror(-err));
	return err;
}

static int attach_glob(struct attempt *t)
{
	kfuncs_t f = { 0 };
	bool ftrace = false;
	int err = kfuncs_find(t->p->ast->func, &f, &ftrace);

	if (!err && !f.n)
		err = diag_set(t->d, -ENOENT, t->p->ast->func_span, "no function of the kernel matches '%s'", t->p->ast->func);
	if (!err)
		err = try_multi(t, &f, ftrace);
	if (!err) {
		t->a->how = "kprobe.multi";
	} else if (f.n && f.n <= PROBES_MOST) {
		undo(t);
		err = try_each(t, &f);
		t->a->how = "kprobe";
	} else if (f.n) {
		err = diag_set(t->d, -E2BIG, t->p->ast->func_span, "'%s' matches %zu functions; without kprobe.multi at most %d are probed",
			       t->p->ast->func, f.n, PROBES_MOST);
		diag_note(t->d, "%s", t->why);
	}
	kfuncs_free(&f);
	return err;
}

static int attach_function(struct attempt *t)
{
	const struct plan *p = t->p;
	int err = -ENOENT;

	if (p->ast->glob)
		return attach_glob(t);
	if (!p->needs_regs && p->proto && !p->needs_func) {
		err = try_fentry(t);
		t->a->how = "fentry";
		if (!err)
			return 0;
		undo(t);
	}
	err = try_kprobe(t);
	t->a->how = "kprobe";
	return err;
}

/* ---- programs, tracepoints, samples ---- */

static int attach_user(struct attempt *t)
{
	struct plan *p = t->p;
	int err = kprobe_programs(t);

	t->a->how = p->point == POINT_USDT ? "usdt" : "uprobe";
	if (p->point == POINT_USDT && !err) {
		const struct usdt *u = &p->usdts.v[p->usdt_place];

		t->a->places = 1;
		return keep_event(t, event_uprobe(p->path, u->file_off, u->semaphore, false), t->a->prog);
	}
	for (size_t i = 0; i < p->ufuncs.n && !err; i++) {
		uint64_t at = p->ufuncs.v[i].file_off;
		bool again = false;

		for (size_t k = 0; k < i; k++)
			again |= p->ufuncs.v[k].file_off == at;
		if (again)
			continue; /* another name of it */
		if (t->a->places >= PROBES_MOST)
			return diag_set(t->d, -E2BIG, p->ast->func_span, "'%s' matches more than %d functions", p->ast->func, PROBES_MOST);
		if (wants_entry(p, false))
			err = keep_event(t, event_uprobe(p->path, at, 0, false), t->a->entry_prog);
		if (!err)
			err = keep_event(t, event_uprobe(p->path, at + p->ast->off, 0, p->point == POINT_USER_RETURN), t->a->prog);
		t->a->places++;
	}
	return err;
}

static int attach_tracepoint(struct attempt *t)
{
	t->a->how = "tracepoint";
	t->a->places = 1;
	t->a->prog = program(t, MODE_TRACEPOINT, false, 0, 0);
	return t->a->prog < 0 ? t->a->prog : keep_event(t, event_tracepoint(t->p->event.id), t->a->prog);
}

static int attach_raw(struct attempt *t)
{
	t->a->how = "raw tracepoint";
	t->a->places = 1;
	t->a->prog = program(t, MODE_RAW, false, 0, 0);
	return t->a->prog < 0 ? t->a->prog : keep(t, prog_attach_raw(t->a->prog, t->p->ast->func));
}

static int attach_samples(struct attempt *t)
{
	int ncpus = libbpf_num_possible_cpus(), err = 0;

	t->a->how = "perf event";
	t->a->prog = program(t, MODE_SAMPLE, false, 0, 0);
	if (t->a->prog < 0)
		return t->a->prog;
	for (int cpu = 0; cpu < ncpus && !err; cpu++) {
		int fd = event_sample(cpu, t->p->ast->hz, t->p->ast->period);

		if (fd == -ENODEV) /* not on line */
			continue;
		err = keep_event(t, fd, t->a->prog);
		t->a->places += !err;
	}
	return err;
}

/* Why not, and what would do instead. */
static int refused(struct attempt *t, int err)
{
	struct plan *p = t->p;

	if (t->d->err)
		return err;
	if (t->verifier)
		return diag_set(t->d, err, p->ast->target_span, "the kernel refuses this program: %s", strerror(-err));
	if (p->point != POINT_FUNC && p->point != POINT_RETURN)
		return diag_set(t->d, err, p->ast->target_span, "cannot be attached (%s): %s%s%s", t->a->how, strerror(-err),
				t->why[0] ? ": " : "", t->why);
	if (err == -EPERM || err == -EACCES || err == -EOPNOTSUPP) {
		diag_set(t->d, err, p->ast->target_span, "this kernel does not permit probes on its functions");
		diag_note(t->d, "%s", t->why);
		hint_tracepoints(t->env->env, p, t->d);
		return err;
	}
	return diag_set(t->d, err, p->ast->target_span, "'%s' cannot be probed: %s", p->ast->func, t->why[0] ? t->why : strerror(-err));
}

int attach(struct attached *a, struct plan *p, struct attach_env *env, struct diag *d)
{
	struct attempt t = { .a = a, .p = p, .env = env, .d = d };
	int err;

	*a = (struct attached){ .plan = p, .prog = -1, .entry_prog = -1 };
	if (p->needs_func && !env->func_ip)
		env->func_ip = libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_func_ip, NULL) == 1 ? 1 : -1;
	err = maps_make(a, p, env);
	if (err)
		return diag_set(d, err, p->ast->target_span, "its maps cannot be made: %s", strerror(-err));
	switch (p->point) {
	case POINT_FUNC: case POINT_RETURN: err = attach_function(&t); break;
	case POINT_TRACEPOINT: err = attach_tracepoint(&t); break;
	case POINT_RAW: err = attach_raw(&t); break;
	case POINT_SAMPLE: err = attach_samples(&t); break;
	default: err = attach_user(&t);
	}
	if (err)
		return refused(&t, err);
	log_info("%s: %s, %u place%s", p->title, a->how, a->places, a->places == 1 ? "" : "s");
	return 0;
}

void detach(struct attached *a)
{
	const int maps[] = { a->maps.entry, a->maps.agg, a->maps.zero, a->maps.globs, a->maps.stacks };
	struct attempt t = { .a = a };

	undo(&t);
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		if (maps[i] > 0)
			close(maps[i]);
	a->maps = (struct gen_maps){ 0 };
}
