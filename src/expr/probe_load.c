/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* From texts to attached programs. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "expr/probe_priv.h"

enum { RING_BYTES = 1 << 20, RING_SMALL = 1 << 14, FOLLOW_MOST = 16384, PLACES_MOST = 64 };

/* The first line, then the text with a caret. */
static int refuse(const struct diag *d, const char *text)
{
	char *buf = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&buf, &size);

	if (f) {
		diag_print(d, text, "", 0, f);
		fclose(f);
	}
	log_error("%s", buf ? buf : d->message);
	free(buf);
	return d->err ? d->err : -EINVAL;
}

/* ---- maps that all share ---- */

static int state_make(struct probing *st)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	void *at;

	st->ae.state = bpf_map_create(BPF_MAP_TYPE_ARRAY, "state", 4, sizeof(struct probe_shared), 1, &opts);
	if (st->ae.state < 0)
		return -errno;
	at = mmap(NULL, sizeof(struct probe_shared), PROT_READ | PROT_WRITE, MAP_SHARED, st->ae.state, 0);
	if (at == MAP_FAILED)
		return -errno;
	st->shared = at;
	return 0;
}

static int ids_make(const char *name, const uint32_t *ids, size_t n, int *fd)
{
	uint8_t one[8] = { 1 };

	*fd = bpf_map_create(BPF_MAP_TYPE_HASH, name, 4, 8, FOLLOW_MOST, NULL);
	if (*fd < 0)
		return -errno;
	for (size_t i = 0; i < n; i++)
		if (bpf_map_update_elem(*fd, &ids[i], one, BPF_ANY))
			return -errno;
	return 0;
}

static int maps_make(struct probing *st)
{
	const struct task_opts *t = &st->opts.tasks;
	bool ns = st->tasks.pidns_ino != 0, hits = false;
	uint64_t bytes = st->opts.buffer ? st->opts.buffer : RING_SMALL;
	int err = state_make(st);

	for (size_t i = 0; i < st->trees.n; i++)
		hits |= st->trees.v[i]->agg.fn == AGG_NONE;
	if (hits && !st->opts.buffer)
		bytes = RING_BYTES;
	if (!err) {
		st->ae.ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, (unsigned int)bytes, NULL);
		err = st->ae.ring < 0 ? -errno : 0;
	}
	st->ae.ring_wake = (unsigned int)bytes / 8;
	if (!err && t->npids)
		err = ids_make("follow", t->pids, ns ? 0 : t->npids, &st->ae.follow);
	if (!err && t->npids)
		err = ids_make("follow_ns", t->pids, ns ? t->npids : 0, &st->ae.follow_ns);
	if (!err && t->ntids)
		err = ids_make("tids", t->tids, t->ntids, &st->ae.tids);
	if (err)
		log_error("maps cannot be made: %s", strerror(-err));
	return err;
}

/* ---- whose events ---- */

static int offset(struct types *t, const char *of, const char *member, uint32_t *to)
{
	struct type *ty = types_find(t, TYPE_STRUCT, of);
	struct member m;
	int err = ty ? type_member(t, ty, member, &m) : -ENOENT;

	if (!err)
		*to = (uint32_t)(m.bit_off / 8);
	return err;
}

static int cgroup_offsets(struct probing *st)
{
	struct types *t = env_kernel(&st->env);
	struct gen_cgroup *c = &st->ae.cgroup;
	uint32_t self = 0, parent = 0;
	int err = t ? 0 : -ENOENT;

	err = err ? err : offset(t, "task_struct", "cgroups", &c->task_cgroups);
	err = err ? err : offset(t, "css_set", st->tasks.cgroup_subsys < 0 ? "dfl_cgrp" : "subsys", &c->set_cgroup);
	err = err ? err : offset(t, "cgroup_subsys_state", "cgroup", &c->css_cgroup);
	err = err ? err : offset(t, "cgroup", "kn", &c->cgroup_kn);
	err = err ? err : offset(t, "kernfs_node", "id", &c->kn_id);
	err = err ? err : offset(t, "cgroup", "self", &self);
	err = err ? err : offset(t, "cgroup_subsys_state", "parent", &parent);
	c->cgroup_self_parent = self + parent;
	if (st->tasks.cgroup_subsys > 0)
		c->set_cgroup += 8 * (uint32_t)st->tasks.cgroup_subsys;
	return err;
}

static int fork_attach(struct probing *st)
{
	struct gen g = { .mode = MODE_RAW, .tasks = &st->tasks, .maps = { .follow = st->ae.follow, .follow_ns = st->ae.follow_ns } };
	struct types *t = env_kernel(&st->env);
	uint32_t tgid = 0;
	char *log = NULL;
	int err = t ? offset(t, "task_struct", "tgid", &tgid) : -ENOENT;

	err = err ? err : gen_fork(&g, tgid);
	if (!err) {
		st->fork_prog = prog_load(&g, "spoor_fork", 0, 0, &log);
		if (log)
			log_debug("%s", log);
		free(log);
		st->fork_link = st->fork_prog < 0 ? st->fork_prog : prog_attach_raw(st->fork_prog, "sched_process_fork");
		err = st->fork_link < 0 ? st->fork_link : 0;
	}
	emit_free(&g.e);
	return err;
}

static int tasks_prepare(struct probing *st, struct probe *machine)
{
	int err = task_filter_set(&st->tasks, &st->opts.tasks, machine);

	st->ae.tasks = &st->tasks;
	if (!err && st->tasks.by_cgroup) {
		err = cgroup_offsets(st);
		if (err)
			log_error("control groups: the kernel's types do not tell where they are: %s", strerror(-err));
	}
	return err;
}

/* ---- probes ---- */

static int one_add(struct probing *st, struct plan *plan, unsigned int number)
{
	struct probe_one *one = calloc(1, sizeof(*one));

	if (!one || vec_push(&st->ones, one)) {
		free(one);
		plan_free(plan);
		return -ENOMEM;
	}
	plan->index = (unsigned int)st->ones.n - 1;
	plan->number = number;
	one->plan = plan;
	one->render = (struct render){ .types = plan->types, .symbols = st->symbols, .user = plan_is_user(plan) };
	return 0;
}

/* A USDT probe is often in several places, each with arguments of its own. */
static int one_attach(struct probing *st, struct probe_one *one)
{
	struct diag d = { 0 };
	int err = attach(&one->at, one->plan, &st->ae, &d);

	one->attached = true;
	if (err)
		return refuse(&d, one->plan->ast->text);
	if (one->plan->ast->agg.fn == AGG_NONE)
		return 0;
	one->rows = rows_new(&one->at, &one->render, st->opts.json);
	return one->rows ? 0 : -ENOMEM;
}

static int probe_add(struct probing *st, const struct probe_ast *ast, unsigned int number)
{
	unsigned int places = 1;
	int err = 0;

	for (unsigned int i = 0; i < places && !err; i++) {
		struct diag d = { 0 };
		struct plan *plan;

		st->env.usdt_place = i;
		plan = plan_make(ast, &st->env, &d);
		if (!plan)
			return refuse(&d, ast->text);
		places = plan->point == POINT_USDT ? (unsigned int)plan->usdts.n : 1;
		if (places > PLACES_MOST)
			places = PLACES_MOST;
		err = one_add(st, plan, number);
	}
	return err;
}

static int trees_parse(struct probing *st)
{
	for (unsigned int i = 0; i < st->opts.n; i++) {
		struct diag d = { 0 };
		struct probe_ast *ast = probe_parse(st->opts.exprs[i], &d);

		if (!ast)
			return refuse(&d, st->opts.exprs[i]);
		if (vec_push(&st->trees, ast)) {
			probe_ast_free(ast);
			return -ENOMEM;
		}
	}
	return 0;
}

int probe_plan(struct probing *st)
{
	int err = trees_parse(st);

	for (size_t i = 0; i < st->trees.n && !err; i++)
		err = probe_add(st, st->trees.v[i], (unsigned int)i);
	return err;
}

int probe_ftrace(struct probing *st, bool start)
{
	const struct plan **plans = calloc(st->ones.n + 1, sizeof(*plans));
	unsigned int which = 0;
	struct diag d = { 0 };
	int err;

	if (!plans)
		return -ENOMEM;
	for (size_t i = 0; i < st->ones.n; i++)
		plans[i] = st->ones.v[i]->plan;
	st->ftrace = ftrace_new(plans, (unsigned int)st->ones.n, &d, &which);
	err = st->ftrace ? ftrace_tasks(st->ftrace, &st->opts.tasks) : -errno;
	if (err == -EOPNOTSUPP && !d.err)
		log_error("ftrace does not tell events by control group: --backend bpf does");
	if (!err && start) {
		int fs = env_tracefs(&st->env);

		err = fs < 0 ? fs : ftrace_start(st->ftrace, fs, &d, &which);
	}
	if (err && d.err)
		err = refuse(&d, plans[which < st->ones.n ? which : 0]->ast->text);
	free(plans);
	return err;
}

static bool shows_kernel_stacks(const struct probing *st)
{
	for (size_t i = 0; i < st->ones.n; i++)
		for (size_t k = 0; k < st->ones.v[i]->plan->outs.n; k++)
			if (st->ones.v[i]->plan->outs.v[k].kind == OUT_STACK && !st->ones.v[i]->plan->outs.v[k].user_stack)
				return true;
	return false;
}

int probe_load(struct probing *st, struct probe *machine)
{
	int err = probe_plan(st);

	if (!err && shows_kernel_stacks(st))
		symbolizer_prepare(st->symbols);

	err = err ? err : tasks_prepare(st, machine);
	err = err ? err : maps_make(st);
	for (size_t i = 0; i < st->ones.n && !err; i++)
		err = one_attach(st, st->ones.v[i]);
	if (!err && st->tasks.by_tgid) {
		err = fork_attach(st);
		if (err)
			log_error("children cannot be followed: %s", strerror(-err));
	}
	return err;
}

void probe_unload(struct probing *st)
{
	const int fds[] = { st->fork_link, st->fork_prog, st->ae.ring, st->ae.state, st->ae.follow, st->ae.follow_ns, st->ae.tids };

	for (size_t i = 0; i < st->ones.n; i++) {
		struct probe_one *one = st->ones.v[i];

		rows_free(one->rows);
		if (one->attached)
			detach(&one->at);
		plan_free(one->plan);
		free(one);
	}
	vec_free(&st->ones);
	for (size_t i = 0; i < st->trees.n; i++)
		probe_ast_free(st->trees.v[i]);
	vec_free(&st->trees);
	if (st->shared)
		munmap((void *)st->shared, sizeof(struct probe_shared));
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	env_free(&st->env);
}
