/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The in-kernel sums: rows of all CPUs added up, the clocks of the CPUs brought to one instant, sorted for reading. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "path/sched/sched_priv.h"

struct task_sum { struct sched_key key; uint64_t named; char comm[17]; struct delays d; };

/* The sums of all CPUs by key. index: of an element + 1, open addressing; 0: free. */
struct task_table { VEC(struct task_sum) sum; uint32_t *index; };

typedef VEC(struct sched_pair) pairs_t;

/* The clocks of all CPUs at one instant. sum(part) == t - epoch for each. */
struct clocks { uint64_t t; __u64 (*part)[MODE_N]; };

struct sched_sums {
	struct sched_state *st;
	unsigned int ncpus;
	uint32_t mask;                    /* entries of index - 1 */
	struct sched_cpu *percpu;         /* what a look-up in a map gives: a value for each CPU */
	struct cpu_irq *percpu_irq;
	struct sched_row *percpu_row;
	struct sched_pair *percpu_pair;
	struct task_table now, before;    /* before: at the last interval */
	struct delays *cpu_now, *cpu_before;
	pairs_t pairs_now, pairs_before;
	struct clocks begin, last, at;    /* the window's begin, the last interval's end, now */
	char idle_name[SCHED_IDLE_STATES][32];
	/* the result */
	struct sched out;
	VEC(struct cpu_row) cpus;
	VEC(struct task_row) tasks, cgroups;
	VEC(struct preemption) preemptions;
	struct share (*idle)[SCHED_IDLE_STATES + 1];
	VEC(char *) names;                /* of cgroups: names_cgroup's result does not last */
};

/* ---- set-up ---- */

static void idle_names_read(struct sched_sums *s)
{
	char path[80];
	FILE *f;

	for (int i = 0; i < SCHED_IDLE_STATES; i++) {
		snprintf(s->idle_name[i], sizeof(s->idle_name[i]), "state %d", i);
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu0/cpuidle/state%d/name", i);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(s->idle_name[i], sizeof(s->idle_name[i]), f))
			s->idle_name[i][strcspn(s->idle_name[i], "\n")] = 0;
		fclose(f);
	}
}

struct sched_sums *sched_sums_new(struct sched_state *st)
{
	struct sched_sums *s = calloc(1, sizeof(*s));
	size_t n = (size_t)libbpf_num_possible_cpus();

	if (!s)
		return NULL;
	s->st = st;
	s->ncpus = (unsigned int)n;
	s->mask = pow2_at_least(2 * st->nrows * s->ncpus) - 1;
	s->percpu = calloc(n, sizeof(*s->percpu));
	s->percpu_irq = calloc(n, sizeof(*s->percpu_irq));
	s->percpu_row = calloc(n, sizeof(*s->percpu_row));
	s->percpu_pair = calloc(n, sizeof(*s->percpu_pair));
	s->now.index = calloc((size_t)s->mask + 1, sizeof(uint32_t));
	s->before.index = calloc((size_t)s->mask + 1, sizeof(uint32_t));
	s->cpu_now = calloc(n, sizeof(*s->cpu_now));
	s->cpu_before = calloc(n, sizeof(*s->cpu_before));
	s->begin.part = calloc(n, sizeof(*s->begin.part));
	s->last.part = calloc(n, sizeof(*s->last.part));
	s->at.part = calloc(n, sizeof(*s->at.part));
	s->idle = calloc(n, sizeof(*s->idle));
	if (!s->percpu || !s->percpu_irq || !s->percpu_row || !s->percpu_pair || !s->now.index || !s->before.index ||
	    !s->cpu_now || !s->cpu_before || !s->begin.part || !s->last.part || !s->at.part || !s->idle) {
		sched_sums_free(s);
		return NULL;
	}
	idle_names_read(s);
	return s;
}

static void names_drop(struct sched_sums *s)
{
	for (size_t i = 0; i < s->names.n; i++)
		free(s->names.v[i]);
	vec_free(&s->names);
}

void sched_sums_free(struct sched_sums *s)
{
	if (!s)
		return;
	names_drop(s);
	vec_free(&s->now.sum);
	vec_free(&s->before.sum);
	vec_free(&s->pairs_now);
	vec_free(&s->pairs_before);
	vec_free(&s->cpus);
	vec_free(&s->tasks);
	vec_free(&s->cgroups);
	vec_free(&s->preemptions);
	free(s->percpu);
	free(s->percpu_irq);
	free(s->percpu_row);
	free(s->percpu_pair);
	free(s->now.index);
	free(s->before.index);
	free(s->cpu_now);
	free(s->cpu_before);
	free(s->begin.part);
	free(s->last.part);
	free(s->at.part);
	free(s->idle);
	free(s);
}

/* ---- the clocks ---- */

static uint64_t parts_sum(const __u64 part[MODE_N])
{
	uint64_t sum = 0;

	for (int i = 0; i < MODE_N; i++)
		sum += part[i];
	return sum;
}

/* All clocks, none of them read in the middle of being cut: then its parts add up. */
static int clocks_fetch(struct sched_sums *s)
{
	int cpus = sched_map_fd(s->st, "cpus"), irqs = sched_map_fd(s->st, "cpu_irqs");
	uint32_t zero = 0;

	for (int try = 0; try < 100; try++) {
		unsigned int whole = 0;

		if (bpf_map_lookup_elem(cpus, &zero, s->percpu) || bpf_map_lookup_elem(irqs, &zero, s->percpu_irq))
			return -errno;
		while (whole < s->ncpus && (!s->percpu[whole].last ||
		       parts_sum(s->percpu[whole].part) == s->percpu[whole].last - s->st->epoch))
			whole++;
		if (whole == s->ncpus)
			return 0;
	}
	return -EAGAIN;
}

/* What has passed since the last cut. An interrupt that is under way counts when it is over. */
static void clock_extend(__u64 part[MODE_N], const struct sched_cpu *c, const struct cpu_irq *q, uint64_t d)
{
	uint64_t irq = q->irq_ns - c->irq0, softirq = q->softirq_ns - c->softirq0;

	if (irq > d)
		irq = d;
	if (softirq > d - irq)
		softirq = d - irq;
	part[MODE_IRQ] += irq;
	part[MODE_SOFTIRQ] += softirq;
	part[c->mode < MODE_N ? c->mode : MODE_UNKNOWN] += d - irq - softirq;
}

static int clocks_read(struct sched_sums *s, struct clocks *to)
{
	int err = clocks_fetch(s);

	if (err)
		return err;
	to->t = clock_monotonic(); /* after every `last` */
	for (unsigned int c = 0; c < s->ncpus; c++) {
		uint64_t last = s->percpu[c].last ? s->percpu[c].last : s->st->epoch;

		memcpy(to->part[c], s->percpu[c].part, sizeof(to->part[c]));
		if (last > to->t) /* two CPUs' readings of one clock */
			to->part[c][s->percpu[c].mode % MODE_N] -= last - to->t;
		else
			clock_extend(to->part[c], &s->percpu[c], &s->percpu_irq[c], to->t - last);
	}
	return 0;
}

/* part = to - from. What an interrupt took that was under way at `from` was in another part then: that one has become
 * less, by some microseconds, which come off the largest. */
static void clock_between(__u64 part[MODE_N], const __u64 from[MODE_N], const __u64 to[MODE_N])
{
	uint64_t over = 0, take;
	int most = 0;

	for (int i = 0; i < MODE_N; i++) {
		part[i] = to[i] > from[i] ? to[i] - from[i] : 0;
		over += to[i] < from[i] ? from[i] - to[i] : 0;
	}
	while (over) {
		for (int i = 0; i < MODE_N; i++)
			most = part[i] > part[most] ? i : most;
		take = over < part[most] ? over : part[most];
		part[most] -= take;
		over -= take;
	}
}

static void clocks_copy(const struct sched_sums *s, struct clocks *to, const struct clocks *from)
{
	to->t = from->t;
	memcpy(to->part, from->part, s->ncpus * sizeof(*to->part));
}

int sched_sums_begin(struct sched_sums *s)
{
	int err = clocks_read(s, &s->begin);

	clocks_copy(s, &s->last, &s->begin);
	return err;
}

/* ---- rows ---- */

static struct task_sum *task_find(const struct sched_sums *s, const struct task_table *t, const struct sched_key *key,
				  uint32_t *at)
{
	uint64_t h = (key->tgid + (uint64_t)(uint16_t)key->prio * 31 + key->cgroup * 17) * 0x9e3779b97f4a7c15ull;

	for (*at = (uint32_t)(h >> 32) & s->mask; t->index[*at]; *at = (*at + 1) & s->mask)
		if (!memcmp(&t->sum.v[t->index[*at] - 1].key, key, sizeof(*key)))
			return &t->sum.v[t->index[*at] - 1];
	return NULL;
}

static struct task_sum *task_of(struct sched_sums *s, struct task_table *t, const struct sched_key *key)
{
	uint32_t at;
	struct task_sum *sum = task_find(s, t, key, &at);

	if (sum)
		return sum;
	if (vec_push(&t->sum, ((struct task_sum){ .key = *key })))
		return NULL;
	t->index[at] = (uint32_t)t->sum.n;
	return &t->sum.v[t->sum.n - 1];
}

static void delays_from_row(struct delays *d, const struct sched_row *r)
{
	d->count += r->count;
	d->ns += r->ns;
	d->max = r->max > d->max ? r->max : d->max;
	d->preempted += r->preempted;
	d->preempted_ns += r->preempted_ns;
	d->voluntary += r->voluntary;
	d->involuntary += r->involuntary;
	d->migrations += r->migrations;
	d->ran += r->ran;
	for (int i = 0; i < HIST_N; i++)
		d->hist[i] += r->hist[i];
}

static void delays_add(struct delays *d, const struct delays *o)
{
	d->count += o->count;
	d->ns += o->ns;
	d->max = o->max > d->max ? o->max : d->max;
	d->preempted += o->preempted;
	d->preempted_ns += o->preempted_ns;
	d->voluntary += o->voluntary;
	d->involuntary += o->involuntary;
	d->migrations += o->migrations;
	d->ran += o->ran;
	for (int i = 0; i < HIST_N; i++)
		d->hist[i] += o->hist[i];
}

/* An interval's largest value is not kept; its histogram bounds it. */
static void delays_since(struct delays *d, const struct delays *o)
{
	int b = HIST_N - 1;

	d->count -= o->count;
	d->ns -= o->ns;
	d->preempted -= o->preempted;
	d->preempted_ns -= o->preempted_ns;
	d->voluntary -= o->voluntary;
	d->involuntary -= o->involuntary;
	d->migrations -= o->migrations;
	d->ran -= o->ran;
	for (int i = 0; i < HIST_N; i++)
		d->hist[i] -= o->hist[i];
	while (b >= 0 && !d->hist[b])
		b--;
	if (b < 0)
		d->max = 0;
	else if (b < HIST_N - 1 && hist_lower((unsigned int)b + 1) < d->max)
		d->max = hist_lower((unsigned int)b + 1);
}

static int rows_fetch(struct sched_sums *s)
{
	int fd = sched_map_fd(s->st, "rows");

	s->now.sum.n = 0;
	memset(s->now.index, 0, ((size_t)s->mask + 1) * sizeof(uint32_t));
	memset(s->cpu_now, 0, s->ncpus * sizeof(*s->cpu_now));
	for (uint32_t i = 0; i < s->st->nrows; i++) {
		if (bpf_map_lookup_elem(fd, &i, s->percpu_row))
			return -errno;
		for (unsigned int c = 0; c < s->ncpus; c++) {
			const struct sched_row *r = &s->percpu_row[c];
			struct task_sum *sum;

			if (!r->used && !(i == 0 && (r->count || r->ran || r->migrations)))
				continue;
			sum = task_of(s, &s->now, &r->key);
			if (!sum)
				return -ENOMEM;
			if (r->named >= sum->named) {
				sum->named = r->named;
				memcpy(sum->comm, r->comm, sizeof(r->comm));
			}
			delays_from_row(&sum->d, r);
			delays_from_row(&s->cpu_now[c], r);
		}
	}
	return 0;
}

/* ---- preemptions ---- */

/* The names of that with more preemptions: the other may be from before it became another program. */
static void pair_merge(struct sched_pair *to, const struct sched_pair *from)
{
	struct sched_pair sum = from->count > to->count ? *from : *to;

	sum.count = to->count + from->count;
	sum.ns = to->ns + from->ns;
	*to = sum;
}

static int pair_order(const void *a, const void *b)
{
	const struct sched_pair *x = a, *y = b;

	if (x->by != y->by)
		return x->by < y->by ? -1 : 1;
	return (x->tgid > y->tgid) - (x->tgid < y->tgid);
}

static int pairs_fetch(struct sched_sums *s)
{
	int fd = sched_map_fd(s->st, "pairs"), err = 0;
	pairs_t *p = &s->pairs_now;
	size_t n = 0;

	p->n = 0;
	for (uint32_t i = 0; i < SCHED_PAIRS && !err; i++) {
		if (bpf_map_lookup_elem(fd, &i, s->percpu_pair))
			return -errno;
		for (unsigned int c = 0; c < s->ncpus && !err; c++)
			if (s->percpu_pair[c].count)
				err = vec_push(p, s->percpu_pair[c]);
	}
	if (err || !p->n)
		return err;
	qsort(p->v, p->n, sizeof(*p->v), pair_order);
	for (size_t i = 1; i < p->n; i++) /* those of several CPUs */
		if (pair_order(&p->v[n], &p->v[i]))
			p->v[++n] = p->v[i];
		else
			pair_merge(&p->v[n], &p->v[i]);
	p->n = n + 1;
	return 0;
}

static int preemption_order(const void *a, const void *b)
{
	const struct preemption *x = a, *y = b;

	return (x->ns < y->ns) - (x->ns > y->ns);
}

static int preemptions_make(struct sched_sums *s, bool interval)
{
	const pairs_t *old = &s->pairs_before;
	int err = 0;

	s->preemptions.n = 0;
	for (size_t i = 0; i < s->pairs_now.n && !err; i++) {
		struct sched_pair *p = &s->pairs_now.v[i];
		const struct sched_pair *o = !interval || !old->n ? NULL :
			bsearch(p, old->v, old->n, sizeof(*p), pair_order);

		p->by_comm[15] = p->comm[15] = 0;
		if (o && o->count == p->count)
			continue;
		err = vec_push(&s->preemptions, ((struct preemption){
			.by_pid = p->by, .pid = p->tgid, .by = p->by ? p->by_comm : "idle", .comm = p->comm,
			.count = p->count - (o ? o->count : 0), .ns = p->ns - (o ? o->ns : 0) }));
	}
	if (s->preemptions.n)
		qsort(s->preemptions.v, s->preemptions.n, sizeof(*s->preemptions.v), preemption_order);
	return err;
}

/* ---- the result ---- */

/* A CPU that is not there, or switched off. */
static bool cpu_offline(unsigned int cpu)
{
	char path[64], state = '1';
	FILE *f;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u", cpu);
	if (access(path, F_OK))
		return true;
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fread(&state, 1, 1, f) != 1)
		state = '1';
	fclose(f);
	return state == '0';
}

static int cpu_make(struct sched_sums *s, unsigned int c, bool interval)
{
	struct cpu_row row = { .cpu = c, .d = s->cpu_now[c], .idle = s->idle[c] };
	__u64 part[MODE_N];

	if (!s->percpu[c].last && cpu_offline(c))
		return 0;
	clock_between(part, interval ? s->last.part[c] : s->begin.part[c], s->at.part[c]);
	row.part[CPU_PART_BUSY] = part[MODE_BUSY];
	row.part[CPU_PART_IRQ] = part[MODE_IRQ];
	row.part[CPU_PART_SOFTIRQ] = part[MODE_SOFTIRQ];
	row.part[CPU_PART_UNKNOWN] = part[MODE_UNKNOWN];
	for (int i = MODE_IDLE; i < MODE_N; i++) {
		row.part[CPU_PART_IDLE] += part[i];
		if (i == MODE_IDLE || part[i])
			s->idle[c][row.nidle++] = (struct share){
				.name = i == MODE_IDLE ? "none" : s->idle_name[i - MODE_STATE0], .ns = part[i] };
	}
	if (interval)
		delays_since(&row.d, &s->cpu_before[c]);
	return vec_push(&s->cpus, row);
}

static int cpus_make(struct sched_sums *s, bool interval)
{
	int err = 0;

	s->cpus.n = 0;
	for (unsigned int c = 0; c < s->ncpus && !err; c++)
		err = cpu_make(s, c, interval);
	return err;
}

static int task_order(const void *a, const void *b)
{
	const struct task_row *x = a, *y = b;

	if (x->d.ns != y->d.ns)
		return x->d.ns < y->d.ns ? 1 : -1;
	return (x->d.ran < y->d.ran) - (x->d.ran > y->d.ran);
}

static int cgroup_add(struct sched_sums *s, const struct task_row *t)
{
	for (size_t i = 0; i < s->cgroups.n; i++)
		if (s->cgroups.v[i].cgroup_id == t->cgroup_id) {
			delays_add(&s->cgroups.v[i].d, &t->d);
			return 0;
		}
	return vec_push(&s->cgroups, ((struct task_row){
		.comm = "", .policy = "", .cgroup = t->cgroup, .cgroup_id = t->cgroup_id, .others = t->others, .d = t->d }));
}

static int task_make(struct sched_sums *s, const struct task_sum *sum, bool interval)
{
	struct task_row row = { .pid = sum->key.tgid, .comm = sum->comm, .cgroup_id = sum->key.cgroup,
				.prio = sum->key.prio, .policy = sched_policy_name(sum->key.policy), .d = sum->d };
	const struct task_sum *old;
	uint32_t at;
	char *name;

	old = interval ? task_find(s, &s->before, &sum->key, &at) : NULL;
	if (old)
		delays_since(&row.d, &old->d);
	if (!row.d.count && !row.d.ran && !row.d.migrations)
		return 0;
	row.others = !row.pid;
	if (row.others)
		row.comm = "others";
	name = strdup(row.others ? "" : names_cgroup(s->st->names, row.cgroup_id));
	if (!name || vec_push(&s->names, name)) {
		free(name);
		return -ENOMEM;
	}
	row.cgroup = name;
	return vec_push(&s->tasks, row) ? -ENOMEM : cgroup_add(s, &row);
}

static int tasks_make(struct sched_sums *s, bool interval)
{
	int err = 0;

	names_drop(s);
	s->tasks.n = s->cgroups.n = 0;
	s->st->delays = 0;
	for (size_t i = 0; i < s->now.sum.n && !err; i++) {
		s->st->delays += s->now.sum.v[i].d.count;
		err = task_make(s, &s->now.sum.v[i], interval);
	}
	if (s->tasks.n)
		qsort(s->tasks.v, s->tasks.n, sizeof(*s->tasks.v), task_order);
	if (s->cgroups.n)
		qsort(s->cgroups.v, s->cgroups.n, sizeof(*s->cgroups.v), task_order);
	return err;
}

/* What is now becomes what was. The result points into none of what changes places. */
static void interval_end(struct sched_sums *s)
{
	struct task_table t = s->before;
	struct delays *d = s->cpu_before;
	pairs_t p;

	memcpy(&p, &s->pairs_before, sizeof(p));
	s->before = s->now;
	s->now = t;
	s->cpu_before = s->cpu_now;
	s->cpu_now = d;
	memcpy(&s->pairs_before, &s->pairs_now, sizeof(p));
	memcpy(&s->pairs_now, &p, sizeof(p));
	clocks_copy(s, &s->last, &s->at);
}

int sched_sums_read(struct sched_sums *s, struct summary *out, bool interval)
{
	uint64_t from = interval ? s->last.t : s->begin.t;
	int err = clocks_read(s, &s->at);

	if (!err)
		err = rows_fetch(s);
	if (!err)
		err = pairs_fetch(s);
	if (!err)
		err = cpus_make(s, interval);
	if (!err)
		err = tasks_make(s, interval);
	if (!err)
		err = preemptions_make(s, interval);
	if (err)
		return err;
	s->out = (struct sched){
		.ncpus = (unsigned int)s->cpus.n, .ntasks = (unsigned int)s->tasks.n,
		.ncgroups = (unsigned int)s->cgroups.n, .npreemptions = (unsigned int)s->preemptions.n, .cpus = s->cpus.v,
		.tasks = s->tasks.v, .cgroups = s->cgroups.v, .preemptions = s->preemptions.v,
	};
	err = sched_locks_read(s->st->locks, &s->out, interval);
	if (err)
		return err;
	*out = (struct summary){ .t = from, .ns = s->at.t - from, .interval = interval, .sched = &s->out };
	if (interval)
		interval_end(s);
	return 0;
}
