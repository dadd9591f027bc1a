// SPDX-License-Identifier: GPL-2.0
/*
 * Waits of every kind whose cause is known, for spoor why: a mode is a small play in which threads and processes, each
 * under a name of its own, keep each other waiting for a known time. What they measured of it themselves (ns, counts) is
 * printed at the end as one JSON object; what several or repeated steps say under one name is added up, and is a list if
 * the name ends in [].
 *
 * usage: blocks MODE [ARG]...      (without arguments: which modes there are)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MS = 1000000, PAGE = 4096, TRUTHS = 32768, LIVES = 8192, WORKERS = 8 };

/* ---- what all processes share ---- */

struct said { char name[40]; uint64_t n; };
struct life { uint32_t tid; char name[16]; uint64_t wall, cpu, sleeps, sleep_ns; };
struct random_shared {
	uint64_t until;
	pthread_mutex_t lock;
	int token[2], quiet[2], ask[2], answer[WORKERS][2], event;
};
static struct shared {
	unsigned int nsaid, nlives;
	bool flag;               /* a step of the play was reached */
	struct said said[TRUTHS];
	struct life lives[LIVES];
	struct random_shared random;
} *shared;

static void die(const char *what)
{
	fprintf(stderr, "blocks: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void check(bool ok, const char *what)
{
	if (!ok)
		die(what);
}

static void say(const char *name, uint64_t n)
{
	unsigned int i = __atomic_fetch_add(&shared->nsaid, 1, __ATOMIC_RELAXED);

	if (i >= TRUTHS)
		die("too much to say");
	snprintf(shared->said[i].name, sizeof(shared->said[i].name), "%s", name);
	shared->said[i].n = n;
}

static void flag_set(bool on)
{
	__atomic_store_n(&shared->flag, on, __ATOMIC_RELEASE);
}

static bool flag_get(void)
{
	return __atomic_load_n(&shared->flag, __ATOMIC_ACQUIRE);
}

static bool said_before(unsigned int i)
{
	for (unsigned int k = 0; k < i; k++)
		if (!strcmp(shared->said[k].name, shared->said[i].name))
			return true;
	return false;
}

static void print_said(unsigned int first)
{
	const struct said *s = &shared->said[first];
	bool list = strstr(s->name, "[]"), comma = false;
	uint64_t sum = 0;

	printf("\"%.*s\":%s", (int)(strlen(s->name) - (list ? 2 : 0)), s->name, list ? "[" : "");
	for (unsigned int i = first; i < shared->nsaid; i++) {
		if (strcmp(shared->said[i].name, s->name))
			continue;
		if (list)
			printf("%s%llu", comma ? "," : "", (unsigned long long)shared->said[i].n);
		sum += shared->said[i].n;
		comma = true;
	}
	if (list)
		printf("],");
	else
		printf("%llu,", (unsigned long long)sum);
}

static void print_truth(void)
{
	printf("{");
	for (unsigned int i = 0; i < shared->nsaid; i++)
		if (!said_before(i))
			print_said(i);
	printf("\"lives\":[");
	for (unsigned int i = 0; i < shared->nlives; i++) {
		const struct life *l = &shared->lives[i];
		printf("%s{\"tid\":%u,\"name\":\"%s\",\"wall\":%llu,\"cpu\":%llu,\"sleeps\":%llu,\"sleep_ns\":%llu}", i ? "," : "",
		       l->tid, l->name, (unsigned long long)l->wall, (unsigned long long)l->cpu,
		       (unsigned long long)l->sleeps, (unsigned long long)l->sleep_ns);
	}
	printf("]}\n");
}

/* ---- time, and how it is spent ---- */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t cpu_now(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* On the CPU until so much time has passed: how much it was. */
static uint64_t burn(uint64_t ns)
{
	uint64_t begin = now();

	while (now() - begin < ns)
		;
	return now() - begin;
}

static void nap(uint64_t ns)
{
	struct timespec t = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* The two clocks differ a little in an emulator. */
static void say_burnt(const char *wall_name, const char *cpu_name, uint64_t ns)
{
	uint64_t cpu = cpu_now(), wall = burn(ns);

	cpu = cpu_now() - cpu;
	say(wall_name, wall);
	say(cpu_name, cpu < wall ? cpu : wall);
}

/* What keeps others waiting: first on the CPU, then asleep. */
static void work(uint64_t burn_ns, uint64_t sleep_ns)
{
	if (burn_ns)
		say_burnt("burn", "burn_cpu", burn_ns);
	if (sleep_ns) {
		nap(sleep_ns);
		say("sleep", sleep_ns);
		say("sleeps", 1);
	}
}

/* ---- threads and processes ---- */

static void name_me(const char *name)
{
	prctl(PR_SET_NAME, name);
}

/* And sleeps a little, so that the new name has been seen before anybody waits (but for mode renamed). */
static void enter(const char *name)
{
	name_me(name);
	poll(NULL, 0, 1);
}

static pid_t start(const char *name, void (*body)(void *arg), void *arg)
{
	pid_t pid = fork();

	check(pid >= 0, "fork");
	if (pid)
		return pid;
	enter(name);
	body(arg);
	_exit(0);
}

static void reap(pid_t pid)
{
	int status;

	check(waitpid(pid, &status, 0) == pid, "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		exit(1);
}

static pthread_t start_thread(void *(*body)(void *arg), void *arg)
{
	pthread_t t;

	errno = pthread_create(&t, NULL, body, arg);
	check(!errno, "pthread_create");
	return t;
}

static void go(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	check(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

static void realtime(int priority)
{
	struct sched_param p = { .sched_priority = priority };

	check(!sched_setscheduler(0, SCHED_FIFO, &p), "SCHED_FIFO");
}

static void put(int fd)
{
	check(write(fd, "x", 1) == 1, "write");
}

static void take(int fd)
{
	char c;

	check(read(fd, &c, 1) == 1, "read");
}

/* ---- pipeline: source | middle | sink, of which only the middle one takes its time ---- */

enum { ITEMS = 5 };
static int pipes[2][2];

static void source(void *arg)
{
	(void)arg;
	nap(50 * MS); /* until the sink waits */
	for (int i = 0; i < ITEMS; i++)
		put(pipes[0][1]);
}

static void middle(void *arg)
{
	(void)arg;
	for (int i = 0; i < ITEMS; i++) {
		take(pipes[0][0]);
		work(40 * MS, 40 * MS);
		put(pipes[1][1]);
	}
}

static void mode_pipeline(char **argv)
{
	pid_t a, b;

	(void)argv;
	name_me("sink");
	check(!pipe(pipes[0]) && !pipe(pipes[1]), "pipe");
	b = start("middle", middle, NULL);
	a = start("source", source, NULL);
	for (int i = 0; i < ITEMS; i++)
		take(pipes[1][0]);
	reap(a);
	reap(b);
}

/* ---- mutex burn|sleep: the holder has it for 20 ms each time, the waiter asks for it meanwhile ---- */

enum { TURNS = 12 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static sem_t has_it, was_let;
static uint64_t asked; /* when the waiter did, 0: not yet */
static bool holder_burns;

/* From when somebody asked for what is let go now. */
static void say_held(void)
{
	uint64_t t = __atomic_exchange_n(&asked, 0, __ATOMIC_ACQ_REL);

	if (t)
		say("held", now() - t);
}

static void *hold(void *arg)
{
	(void)arg;
	enter("holder");
	for (int i = 0; i < TURNS; i++) {
		pthread_mutex_lock(&mutex);
		sem_post(&has_it);
		if (holder_burns)
			work(20 * MS, 0);
		else
			work(0, 20 * MS);
		say_held();
		pthread_mutex_unlock(&mutex);
		sem_wait(&was_let);
	}
	return NULL;
}

static void mode_mutex(char **argv)
{
	pthread_t t;

	name_me("waiter");
	holder_burns = !strcmp(argv[0], "burn");
	sem_init(&has_it, 0, 0);
	sem_init(&was_let, 0, 0);
	t = start_thread(hold, NULL);
	for (int i = 0; i < TURNS; i++) {
		sem_wait(&has_it);
		__atomic_store_n(&asked, now(), __ATOMIC_RELEASE);
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
		sem_post(&was_let);
	}
	pthread_join(t, NULL);
}

/* ---- renamed: who is waited for gave itself a name just now, as threads of a pool do ---- */

static void *renamed(void *arg)
{
	(void)arg;
	name_me("renamed");
	work(100 * MS, 0);
	sem_post(&has_it);
	return NULL;
}

static void mode_renamed(char **argv)
{
	pthread_t t;

	(void)argv;
	name_me("waiter");
	sem_init(&has_it, 0, 0);
	t = start_thread(renamed, NULL);
	sem_wait(&has_it);
	pthread_join(t, NULL);
}

/* ---- convoy: ten queue for one mutex, each has it for 5 to 10 ms, three times over ---- */

enum { CONVOY = 10, ROUNDS = 3 };
static pthread_barrier_t together;
static int last = -1;      /* who had the mutex before */
static uint64_t freed;     /* when it let it go */

static void convoy_turn(int me, int round)
{
	uint64_t since = now();
	char text[40];

	pthread_mutex_lock(&mutex);
	if (last >= 0 && freed > since) {
		snprintf(text, sizeof(text), "convoy%d by convoy%d", me, last);
		say(text, freed - since);
	}
	say_burnt("held", "held_cpu", (5 + (uint64_t)(3 * me + 2 * round) % 6) * MS);
	last = me;
	freed = now();
	pthread_mutex_unlock(&mutex);
}

static void *convoy_member(void *arg)
{
	int me = (int)(intptr_t)arg;
	char name[16];

	snprintf(name, sizeof(name), "convoy%d", me);
	name_me(name);
	nap(50 * MS); /* until all are there, and joined */
	for (int r = 0; r < ROUNDS; r++) {
		pthread_barrier_wait(&together);
		convoy_turn(me, r);
	}
	return NULL;
}

static void mode_convoy(char **argv)
{
	pthread_t t[CONVOY];

	(void)argv;
	name_me("convoy");
	pthread_barrier_init(&together, NULL, CONVOY);
	for (intptr_t i = 0; i < CONVOY; i++)
		t[i] = start_thread(convoy_member, (void *)i);
	for (int i = 0; i < CONVOY; i++)
		pthread_join(t[i], NULL);
}

/* ---- wait4: a parent waits for children that burn and sleep ---- */

static void child(void *arg)
{
	(void)arg;
	nap(50 * MS); /* until the parent waits */
	say("sleeps", 1);
	work(100 * MS, 100 * MS);
}

static void mode_wait4(char **argv)
{
	(void)argv;
	name_me("parent");
	for (int i = 0; i < 2; i++)
		reap(start("child", child, NULL));
}

/* ---- unix, tcp: a client asks, a server takes its time ---- */

enum { QUESTIONS = 5 };

static void serve(int fd)
{
	for (int i = 0; i < QUESTIONS; i++) {
		take(fd);
		work(40 * MS, 40 * MS);
		put(fd);
	}
}

static void ask(int fd, pid_t server)
{
	for (int i = 0; i < QUESTIONS; i++) {
		put(fd);
		take(fd);
	}
	reap(server);
}

static void unix_server(void *fd)
{
	serve(*(int *)fd);
}

static void mode_unix(char **argv)
{
	int fd[2];

	(void)argv;
	name_me("client");
	check(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd), "socketpair");
	ask(fd[0], start("server", unix_server, &fd[1]));
}

static void tcp_server(void *listener)
{
	int fd = accept(*(int *)listener, NULL, NULL);

	check(fd >= 0, "accept");
	serve(fd);
}

static void mode_tcp(char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(a);
	pid_t server;

	(void)argv;
	name_me("client");
	check(!bind(listener, (struct sockaddr *)&a, len) && !listen(listener, 1) &&
	      !getsockname(listener, (struct sockaddr *)&a, &len), "bind");
	server = start("server", tcp_server, &listener);
	check(!connect(fd, (struct sockaddr *)&a, len), "connect");
	ask(fd, server);
}

/* ---- epoll: a loop that a timerfd wakes every 20 ms ---- */

enum { TICKS = 15 };

/* Returns how often the timer expired until then, after the first `ticks`. */
static uint64_t epoll_turn(int ep, int fd, uint64_t begin, uint64_t ticks)
{
	uint64_t n, t = now(), expiry = begin + (ticks + 1) * 20 * MS;
	struct epoll_event e;

	if (t < expiry)
		say("waited", expiry - t);
	check(epoll_wait(ep, &e, 1, -1) == 1 && read(fd, &n, sizeof(n)) == sizeof(n), "epoll_wait");
	say("turns", 1);
	return n;
}

static void mode_epoll(char **argv)
{
	struct itimerspec every = { { 0, 20 * MS }, { 0, 20 * MS } };
	int ep = epoll_create1(0), fd = timerfd_create(CLOCK_MONOTONIC, 0);
	struct epoll_event e = { .events = EPOLLIN };
	uint64_t begin;

	(void)argv;
	name_me("loop");
	check(ep >= 0 && fd >= 0 && !epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), "epoll_ctl");
	begin = now();
	check(!timerfd_settime(fd, 0, &every, NULL), "timerfd_settime");
	for (uint64_t ticks = 0; ticks < TICKS;)
		ticks += epoll_turn(ep, fd, begin, ticks);
}

/* ---- hog: who wants a CPU shares it with another; rthog: with a real-time one that takes it for 150 ms at a time ---- */

static void hog(void *arg)
{
	(void)arg;
	go(1);
	while (!flag_get())
		;
}

static void mode_hog(char **argv)
{
	clockid_t clock;
	uint64_t before;
	pid_t pid;

	(void)argv;
	name_me("victim");
	pid = start("hog", hog, NULL);
	check(!clock_getcpuclockid(pid, &clock), "clock of the hog");
	nap(20 * MS); /* it has begun */
	go(1);
	before = clock_ns(clock);
	burn(800 * MS);
	say("hog", clock_ns(clock) - before);
	flag_set(true);
	reap(pid);
}

static void rthog(void *arg)
{
	(void)arg;
	go(1);
	realtime(10);
	for (int i = 0; i < 4; i++) {
		nap(100 * MS);
		say("hog", burn(150 * MS));
	}
	flag_set(true);
}

static void mode_rthog(char **argv)
{
	pid_t pid;

	(void)argv;
	name_me("victim");
	go(1);
	pid = start("rthog", rthog, NULL);
	while (!flag_get())
		;
	reap(pid);
}

/* ---- limited MS: burns; who starts it has put it into a group with a cpu.max ---- */

static void mode_limited(char **argv)
{
	uint64_t cpu, wall;

	name_me("limited");
	cpu = cpu_now();
	wall = burn((uint64_t)atoll(argv[0]) * MS);
	cpu = cpu_now() - cpu;
	say("wall", wall);
	say("off", wall - cpu);
}

/* ---- stopped: a child that its parent, the stopper, stops for 200 ms; the boss waits for what it has to say ---- */

static int done[2];

static void stopped(void *arg)
{
	(void)arg;
	while (!flag_get())
		;
	put(done[1]);
}

static void stopper(void *arg)
{
	pid_t pid = start("stopped", stopped, NULL);
	uint64_t t;

	(void)arg;
	nap(80 * MS); /* until the boss waits, too */
	kill(pid, SIGSTOP);
	check(waitpid(pid, NULL, WUNTRACED) == pid, "waitpid");
	t = now();
	work(0, 200 * MS);
	flag_set(true);
	say("stopped", now() - t);
	kill(pid, SIGCONT);
	reap(pid);
}

static void mode_stopped(char **argv)
{
	pid_t pid;

	(void)argv;
	name_me("boss");
	check(!pipe(done), "pipe");
	pid = start("stopper", stopper, NULL);
	nap(30 * MS); /* until who is to be stopped is there */
	take(done[0]);
	reap(pid);
}

/* ---- inversion: low has what high wants, and middle has low's CPU ---- */

static sem_t middle_may;

static void *low(void *arg)
{
	(void)arg;
	enter("low");
	go(1);
	for (int i = 0; i < 3; i++) {
		pthread_mutex_lock(&mutex);
		sem_post(&has_it);
		while (!flag_get())
			;
		flag_set(false);
		say_held();
		pthread_mutex_unlock(&mutex);
		sem_wait(&was_let);
	}
	return NULL;
}

static void *between(void *arg)
{
	(void)arg;
	enter("middle");
	go(1);
	realtime(10);
	for (int i = 0; i < 3; i++) {
		sem_wait(&middle_may);
		say("middle", burn(100 * MS));
		flag_set(true);
	}
	return NULL;
}

static void mode_inversion(char **argv)
{
	pthread_t l, m;

	(void)argv;
	name_me("high");
	sem_init(&has_it, 0, 0);
	sem_init(&was_let, 0, 0);
	sem_init(&middle_may, 0, 0);
	l = start_thread(low, NULL);
	m = start_thread(between, NULL);
	go(0);
	realtime(20);
	for (int i = 0; i < 3; i++) {
		sem_wait(&has_it);
		__atomic_store_n(&asked, now(), __ATOMIC_RELEASE);
		sem_post(&middle_may);
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
		sem_post(&was_let);
	}
	pthread_join(l, NULL);
	pthread_join(m, NULL);
}

/* ---- files: fsync FILE N, fault FILE PAGES, flush FILE PAGES ---- */

static int open_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	check(fd >= 0, path);
	return fd;
}

static void write_page(int fd, int page)
{
	char buf[PAGE];

	memset(buf, 'a' + page % 26, sizeof(buf));
	check(pwrite(fd, buf, sizeof(buf), (off_t)page * PAGE) == PAGE, "write");
}

static void mode_fsync(char **argv)
{
	int fd = open_file(argv[0]), n = atoi(argv[1]);

	name_me("writer");
	for (int i = 0; i < n; i++) {
		uint64_t t;

		write_page(fd, i);
		t = now();
		check(!fsync(fd), "fsync");
		say("fsync[]", now() - t);
	}
}

static uint64_t major_faults(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (uint64_t)r.ru_majflt;
}

static void touch_pages(const volatile char *map, int pages)
{
	uint64_t before = major_faults();

	for (int i = 0; i < pages; i++) {
		uint64_t t = now();

		(void)map[(size_t)i * PAGE];
		say("latency", now() - t);
	}
	say("major", major_faults() - before);
}

static void mode_fault(char **argv)
{
	int fd = open_file(argv[0]), pages = atoi(argv[1]);
	size_t size = (size_t)pages * PAGE;
	char *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

	name_me("reader");
	check(map != MAP_FAILED, "mmap");
	check(!madvise(map, size, MADV_RANDOM) && !posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), "advice");
	touch_pages(map, pages);
}

/* Every second page is dirtied, so that each is a request of its own: a kworker writes them, the caller waits for it. */
static void mode_flush(char **argv)
{
	int fd = open_file(argv[0]), pages = atoi(argv[1]);

	name_me("flusher");
	for (int i = 0; i < pages; i++)
		write_page(fd, i);
	check(!syncfs(fd), "syncfs");
	for (int round = 0; round < 4; round++) {
		uint64_t t;

		for (int i = 0; i < pages; i += 2)
			write_page(fd, i);
		t = now();
		check(!syncfs(fd), "syncfs");
		say("syncfs[]", now() - t);
	}
}

/* ---- memory: swapin PAGES, reclaim KB ---- */

enum { PRESSURE = 24 << 20 };

static char *memory(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(p != MAP_FAILED, "mmap");
	return p;
}

/* kB of the process that are on swap */
static long swapped(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "VmSwap:", 7))
			kb = atol(line + 7);
	if (f)
		fclose(f);
	return kb;
}

static bool pages_left(char *p, int pages)
{
	unsigned char in[PAGE];
	int n = 0;

	check(pages <= PAGE && !mincore(p, (size_t)pages * PAGE, in), "mincore");
	for (int i = 0; i < pages; i++)
		n += in[i] & 1;
	return n > 0;
}

/* Whoever starts it has put it into a group with a limit: what fills that group pushes them out. */
static void page_out(char *p, int pages)
{
	for (int i = 0; i < 10; i++) {
		char *more = memory(PRESSURE);

		for (size_t k = 0; k < PRESSURE; k += PAGE)
			more[k] = 1;
		munmap(more, PRESSURE);
		nap(100 * MS);
		if (swapped() >= pages * (PAGE / 1024) && !pages_left(p, pages))
			return;
	}
	fprintf(stderr, "blocks: %ld of %d kB are on swap\n", swapped(), pages * (PAGE / 1024));
	exit(1);
}

static void mode_swapin(char **argv)
{
	int pages = atoi(argv[0]);
	char *p = memory((size_t)pages * PAGE);

	name_me("sleeper");
	for (int i = 0; i < pages * PAGE; i++)
		p[i] = (char)(i % 251 + 1);
	page_out(p, pages);
	touch_pages(p, pages);
}

/* How long this thread was runnable without a CPU, as the scheduler counted it. */
static uint64_t run_delay(void)
{
	unsigned long long ran, delay;
	FILE *f = fopen("/proc/thread-self/schedstat", "r");

	check(f && fscanf(f, "%llu %llu", &ran, &delay) == 2, "schedstat");
	fclose(f);
	return delay;
}

/* More than the group may have that who starts it has put it into. */
static void mode_reclaim(char **argv)
{
	size_t size = (size_t)atoll(argv[0]) * 1024;
	uint64_t wall, cpu, delay;
	char *p = memory(size);

	name_me("eater");
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	wall = now();
	cpu = cpu_now();
	delay = run_delay();
	for (size_t i = 0; i < size; i += PAGE)
		p[i] = (char)(i / PAGE % 251 + 1);
	cpu = cpu_now() - cpu;
	delay = run_delay() - delay;
	wall = now() - wall;
	say("wall", wall);
	say("blocked", wall > cpu + delay ? wall - cpu - delay : 0);
}

/* ---- random SEED MS: two to eight that do what comes ---- */

struct worker {
	int index;
	uint64_t state;           /* of its dice */
	struct life life;
	bool thread;
	pthread_t id;
	pid_t pid;
};
static struct random_shared *common;

/* splitmix64: 0 to n - 1 */
static uint64_t dice(uint64_t *state, uint64_t n)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % n;
}

static uint64_t thread_begun(struct life *l)
{
	memset(l, 0, sizeof(*l));
	l->tid = (uint32_t)syscall(SYS_gettid);
	prctl(PR_GET_NAME, l->name);
	return now();
}

static void thread_ends(struct life *l, uint64_t begun)
{
	unsigned int i = __atomic_fetch_add(&shared->nlives, 1, __ATOMIC_RELAXED);

	if (i >= LIVES)
		die("too many lives");
	l->wall = now() - begun;
	l->cpu = cpu_now();
	shared->lives[i] = *l;
}

static void do_burn(struct worker *w)
{
	burn(MS / 10 + dice(&w->state, 2 * MS));
}

static void do_sleep(struct worker *w)
{
	uint64_t ns = 3 * MS + dice(&w->state, 4 * MS);

	nap(ns);
	w->life.sleeps++;
	w->life.sleep_ns += ns;
}

static void do_ping(struct worker *w)
{
	unsigned char c = (unsigned char)w->index;
	uint64_t t = now();

	check(write(common->ask[1], &c, 1) == 1, "ping");
	take(common->answer[w->index][0]);
	say("pipe", now() - t);
}

static void do_token(struct worker *w)
{
	uint64_t t = now();

	take(common->token[0]);
	say("pipe", now() - t);
	burn(dice(&w->state, MS));
	put(common->token[1]);
}

static void do_lock(struct worker *w)
{
	uint64_t t = now();

	pthread_mutex_lock(&common->lock);
	say("futex", now() - t);
	burn(dice(&w->state, MS));
	pthread_mutex_unlock(&common->lock);
}

static void do_event(struct worker *w)
{
	uint64_t n = 1, t = now();

	check(read(common->event, &n, sizeof(n)) == sizeof(n), "eventfd");
	say("eventfd", now() - t);
	burn(dice(&w->state, MS));
	check(write(common->event, &n, sizeof(n)) == sizeof(n), "eventfd");
}

static void do_poll(struct worker *w)
{
	struct pollfd p = { .fd = common->quiet[0], .events = POLLIN };
	uint64_t t = now();

	check(!poll(&p, 1, 1 + (int)dice(&w->state, 4)), "poll");
	say("poll", now() - t);
}

static void do_yield(struct worker *w)
{
	for (uint64_t n = 1 + dice(&w->state, 20); n; n--)
		sched_yield();
}

static void forked(void *arg)
{
	struct worker *w = arg;
	struct life l;
	uint64_t begun = thread_begun(&l);

	burn(dice(&w->state, MS));
	nap(4 * MS);
	l.sleeps = 1;
	l.sleep_ns = 4 * MS;
	thread_ends(&l, begun);
}

static void do_fork(struct worker *w)
{
	pid_t pid = start("forked", forked, w);
	uint64_t t = now();

	reap(pid);
	say("child", now() - t);
	dice(&w->state, MS); /* the child's went with it */
}

static void (*const blocks[])(struct worker *w) = { do_burn, do_sleep, do_ping, do_token, do_lock, do_event, do_poll,
						     do_yield, do_fork };

static void worker_body(void *arg)
{
	struct worker *w = arg;
	uint64_t begun;
	char name[16];

	snprintf(name, sizeof(name), "worker%d", w->index);
	name_me(name);
	begun = thread_begun(&w->life);
	while (now() < common->until)
		blocks[dice(&w->state, sizeof(blocks) / sizeof(blocks[0]))](w);
	thread_ends(&w->life, begun);
}

static void *worker_thread(void *arg)
{
	worker_body(arg);
	return NULL;
}

/* Answers whoever asks; to the byte 255 it ends. */
static void echo(void *arg)
{
	struct life l;
	uint64_t begun = thread_begun(&l);
	unsigned char c;

	(void)arg;
	while (read(common->ask[0], &c, 1) == 1 && c != 255) {
		burn(MS / 5);
		put(common->answer[c][1]);
	}
	thread_ends(&l, begun);
}

static void random_open(uint64_t ms)
{
	pthread_mutexattr_t a;

	common = &shared->random;
	common->until = now() + ms * MS;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&common->lock, &a);
	check(!pipe(common->token) && !pipe(common->quiet) && !pipe(common->ask), "pipe");
	for (int i = 0; i < WORKERS; i++)
		check(!pipe(common->answer[i]), "pipe");
	put(common->token[1]);
	common->event = eventfd(1, EFD_SEMAPHORE);
}

/* Processes first, while there is one thread. */
static void workers_start(struct worker *w, int n)
{
	for (int i = 0; i < n; i++)
		if (!w[i].thread)
			w[i].pid = start("worker", worker_body, &w[i]);
	for (int i = 0; i < n; i++)
		if (w[i].thread)
			w[i].id = start_thread(worker_thread, &w[i]);
}

static void workers_end(struct worker *w, int n)
{
	for (int i = 0; i < n; i++) {
		if (w[i].thread)
			pthread_join(w[i].id, NULL);
		else
			reap(w[i].pid);
	}
}

static void mode_random(char **argv)
{
	uint64_t seed = strtoull(argv[0], NULL, 10), state = seed, begun;
	struct worker w[WORKERS];
	unsigned char end = 255;
	struct life life;
	pid_t echoer;
	int n;

	name_me("random");
	begun = thread_begun(&life);
	random_open(strtoull(argv[1], NULL, 10));
	n = 2 + (int)dice(&state, WORKERS - 1);
	memset(w, 0, sizeof(w));
	for (int i = 0; i < n; i++) {
		w[i].index = i;
		w[i].state = seed * WORKERS + (uint64_t)i;
		w[i].thread = dice(&state, 2);
	}
	echoer = start("echo", echo, NULL);
	workers_start(w, n);
	workers_end(w, n);
	check(write(common->ask[1], &end, 1) == 1, "end of the echo");
	reap(echoer);
	say("seed", seed);
	say("workers", (uint64_t)n);
	thread_ends(&life, begun);
}

/* ---- */

static const struct { const char *name; int nargs; const char *args; void (*play)(char **argv); } modes[] = {
	{ "pipeline", 0, "", mode_pipeline },
	{ "mutex", 1, "burn|sleep", mode_mutex },
	{ "renamed", 0, "", mode_renamed },
	{ "convoy", 0, "", mode_convoy },
	{ "wait4", 0, "", mode_wait4 },
	{ "unix", 0, "", mode_unix },
	{ "tcp", 0, "", mode_tcp },
	{ "epoll", 0, "", mode_epoll },
	{ "hog", 0, "", mode_hog },
	{ "rthog", 0, "", mode_rthog },
	{ "limited", 1, "MS", mode_limited },
	{ "stopped", 0, "", mode_stopped },
	{ "inversion", 0, "", mode_inversion },
	{ "fsync", 2, "FILE N", mode_fsync },
	{ "fault", 2, "FILE PAGES", mode_fault },
	{ "flush", 2, "FILE PAGES", mode_flush },
	{ "swapin", 1, "PAGES", mode_swapin },
	{ "reclaim", 1, "KB", mode_reclaim },
	{ "random", 2, "SEED MS", mode_random },
};

int main(int argc, char **argv)
{
	const size_t n = sizeof(modes) / sizeof(modes[0]);
	size_t i = 0;

	while (i < n && (argc < 2 || strcmp(argv[1], modes[i].name) || argc - 2 != modes[i].nargs))
		i++;
	if (i == n) {
		for (i = 0; i < n; i++)
			fprintf(stderr, "usage: blocks %s %s\n", modes[i].name, modes[i].args);
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(shared != MAP_FAILED, "mmap");
	modes[i].play(argv + 2);
	print_truth();
	return 0;
}
