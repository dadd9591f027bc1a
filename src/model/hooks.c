/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>

#include "base/log.h"
#include "kernel/symbols.h"
#include "model/hooks.h"
#include "wire.h"

int unseen_add(unseen_t *unseen, const char *what, const char *why)
{
	for (size_t i = 0; i < unseen->n; i++)
		if (!strcmp(unseen->v[i].what, what))
			return 0;
	return vec_push(unseen, ((struct unseen){ what, strdup(why) }));
}

void unseen_free(unseen_t *unseen)
{
	for (size_t i = 0; i < unseen->n; i++)
		free((char *)unseen->v[i].why);
	vec_free(unseen);
}

static struct bpf_program *prog_of(struct bpf_object *obj, const char *name)
{
	return name ? bpf_object__find_program_by_name(obj, name) : NULL;
}

static void hook_enable(struct bpf_object *obj, const struct hook *h)
{
	bpf_program__set_autoload(prog_of(obj, h->prog), true);
	if (h->prog2)
		bpf_program__set_autoload(prog_of(obj, h->prog2), true);
}

static bool hook_exists(struct probe *p, const struct hook *h)
{
	if (!h->fn)
		return probe_tracepoint(p, h->name);
	return probe_function(p, h->name) && probe_can(p, PROBE_FENTRY);
}

static const char *hook_why(struct probe *p, const struct hook *h)
{
	if (h->fn && !probe_can(p, PROBE_FENTRY))
		return probe_get(p, PROBE_FENTRY)->why;
	if (!strncmp(h->name, "jbd2", 4))
		return "jbd2 is not loaded";
	return h->fn ? "this kernel has no such function" : "this kernel has no such tracepoint";
}

int hooks_choose(const struct hook *hooks, size_t n, unsigned int wanted, struct bpf_object *obj, struct probe *p,
		 const bool *refused, bool *use, unseen_t *unseen)
{
	const char *taken = NULL;
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) /* those of other architectures too */
		bpf_program__set_autoload(prog, false);
	for (size_t i = 0; i < n; i++) {
		const struct hook *h = &hooks[i];
		bool on = h->when & wanted & ~(unsigned int)HOOK_MUST, no = refused && refused[i];

		if (taken && !strcmp(taken, h->stage))
			on = false;
		else if (on && (no || !hook_exists(p, h))) {
			on = false;
			if (h->when & HOOK_MUST) {
				log_error("this kernel %s tracepoint %s, without which there are no %s",
					  no ? "refuses the program at" : "has no", h->name, h->lost);
				return -EOPNOTSUPP;
			}
			if (h->lost)
				unseen_add(unseen, h->lost, no ? "this kernel refuses the program (-v says why)" : hook_why(p, h));
		}
		use[i] = on;
		if (on) {
			hook_enable(obj, h);
			taken = h->stage;
		}
	}
	return 0;
}

bool hooks_refused(const struct hook *hooks, size_t n, bool *refused)
{
	const char *name = probe_program_refused();

	for (size_t i = 0; name[0] && i < n; i++) {
		const struct hook *h = &hooks[i];

		if (refused[i] || (strcmp(h->prog, name) && (!h->prog2 || strcmp(h->prog2, name))))
			continue;
		log_info("%s is left out: the kernel refuses it", name);
		return refused[i] = true;
	}
	return false;
}

static int hook_attach(const struct hook *h, struct bpf_program *prog, links_t *links, unseen_t *unseen)
{
	struct bpf_link *l;
	int err;

	if (!prog)
		return 0;
	l = bpf_program__attach(prog);
	if (l)
		return vec_push(links, l);
	err = -errno;
	if (h->when & HOOK_MUST) {
		log_error("cannot attach to %s: %s", h->name, strerror(-err));
		return err;
	}
	unseen_add(unseen, h->lost ? h->lost : h->name, strerror(-err));
	return 0;
}

int hooks_attach(const struct hook *hooks, size_t n, struct bpf_object *obj, const bool *use, links_t *links,
		 unseen_t *unseen)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		if (!use[i] || hooks[i].when & HOOK_RUN)
			continue;
		err = hook_attach(&hooks[i], prog_of(obj, hooks[i].prog2), links, unseen); /* the end before the beginning */
		if (!err)
			err = hook_attach(&hooks[i], prog_of(obj, hooks[i].prog), links, unseen);
	}
	return err;
}

void links_destroy(links_t *links)
{
	for (size_t i = 0; i < links->n; i++)
		bpf_link__destroy(links->v[i]);
	vec_free(links);
}

bool program_time(int fd, uint64_t *ns, uint64_t *runs, uint64_t *missed)
{
	struct bpf_prog_info info = { 0 };
	unsigned int len = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return false;
	*ns += info.run_time_ns;
	*runs += info.run_cnt;
	*missed += info.recursion_misses;
	return info.run_cnt > 0;
}

bool object_time(const struct bpf_object *obj, uint64_t *ns, uint64_t *runs, uint64_t *missed)
{
	struct bpf_program *p;

	*ns = *runs = *missed = 0;
	bpf_object__for_each_program(p, obj)
		program_time(bpf_program__fd(p), ns, runs, missed);
	return *runs > 0;
}

/* fdinfo of a map has what the kernel charges for it. */
uint64_t map_memory(int fd)
{
	char path[64], line[128];
	unsigned long long bytes = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	fclose(f);
	return bytes;
}

uint64_t object_map_bytes(const struct bpf_object *obj)
{
	struct bpf_map *m;
	uint64_t sum = 0;

	bpf_object__for_each_map(m, obj)
		if (bpf_map__fd(m) >= 0)
			sum += map_memory(bpf_map__fd(m));
	return sum;
}

void losses_fill(struct losses *out, struct lost *v, const char *const text[][2], const uint64_t *lost, unsigned int n,
		 uint64_t malformed, const struct bpf_object *obj)
{
	uint64_t ns, runs, missed;

	object_time(obj, &ns, &runs, &missed);
	for (unsigned int i = 0; i < n; i++)
		v[i] = (struct lost){ text[i][0], text[i][1], lost[i] };
	v[n] = (struct lost){ "records", "malformed", malformed };
	v[n + 1] = (struct lost){ "events", "the kernel skipped a program that was running already", missed };
	*out = (struct losses){ .n = n + LOSSES_MORE, .v = v };
	for (unsigned int i = 0; i < out->n; i++)
		out->total += v[i].n;
}

void cost_fill(struct cost *out, const struct bpf_object *obj, uint64_t ops, const unseen_t *unseen)
{
	uint64_t missed;

	out->bpf_known = object_time(obj, &out->bpf_ns, &out->bpf_runs, &missed);
	out->map_bytes = object_map_bytes(obj);
	out->ops = ops;
	out->nunseen = unseen->n;
	out->unseen = unseen->v;
}

void stack_text_set(struct stack_text *text, unseen_t *unseen)
{
	struct ksym_text k;

	if (ksym_text_find(&k))
		*text = (struct stack_text){ k.start, k.len, k.module_start, k.module_len };
	else
		unseen_add(unseen, "stacks and reasons of waits", "kernel addresses are hidden (kernel.kptr_restrict)");
}

/* From the second half of /proc/loadavg's "running/all". */
unsigned int threads_count(void)
{
	unsigned int n = 0;
	FILE *f = fopen("/proc/loadavg", "re");

	if (f) {
		if (fscanf(f, "%*s %*s %*s %*u/%u", &n) != 1)
			n = 0;
		fclose(f);
	}
	return n ? n : 1000;
}

unsigned int pow2_at_least(unsigned int n)
{
	unsigned int p = 1;

	while (p < n && p < 1u << 30)
		p <<= 1;
	return p;
}

void cpus_visit(void)
{
	int ncpus = libbpf_num_possible_cpus();
	cpu_set_t *was = CPU_ALLOC(ncpus), *one = CPU_ALLOC(ncpus);
	size_t size = CPU_ALLOC_SIZE(ncpus);

	if (was && one && !sched_getaffinity(0, size, was)) {
		for (int cpu = 0; cpu < ncpus; cpu++) {
			CPU_ZERO_S(size, one);
			CPU_SET_S(cpu, size, one);
			sched_setaffinity(0, size, one);
		}
		sched_setaffinity(0, size, was);
	}
	CPU_FREE(was);
	CPU_FREE(one);
}
