// SPDX-License-Identifier: GPL-2.0
/*
 * One thread for each kind of wait that a program can be in without a device, named after it. All wait from about the same
 * time on, without a limit, until the first thread sends them a signal, one after the other. Printed: {"kind": ns, ...}, how
 * long each one's call lasted. What this kernel does not have, is left out.
 *
 * usage: kinds MS
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static char dir[] = "/tmp/kinds.XXXXXX";
static unsigned int ms;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void on_signal(int sig)
{
	(void)sig;
}

/* Each returns a negative number when the kernel does not have what it needs, else what its call returned: with a signal,
 * too, but then errno is EINTR. ready() says that the wait begins. */
struct kind {
	const char *name;
	long (*wait)(struct kind *k);
	pthread_t thread;
	uint64_t begun, ns;
	int err, pid;
};

static void ready(struct kind *k)
{
	__atomic_store_n(&k->begun, now(), __ATOMIC_RELEASE);
}

/* ---- files ---- */

static long read_one(struct kind *k, int fd)
{
	char buf[256];

	if (fd < 0)
		return -2;
	ready(k);
	return read(fd, buf, sizeof(buf));
}

static long wait_pipe_read(struct kind *k)
{
	int p[2];

	return pipe(p) ? -2 : read_one(k, p[0]);
}

static long wait_pipe_write(struct kind *k)
{
	static const char page[4096];
	int p[2];

	if (pipe2(p, O_NONBLOCK))
		return -2;
	while (write(p[1], page, sizeof(page)) > 0)
		;
	fcntl(p[1], F_SETFL, 0);
	errno = 0;
	ready(k);
	return write(p[1], page, 1);
}

static long wait_eventfd(struct kind *k) { return read_one(k, eventfd(0, 0)); }
static long wait_timerfd(struct kind *k) { return read_one(k, timerfd_create(CLOCK_MONOTONIC, 0)); }

static long wait_signalfd(struct kind *k)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return read_one(k, signalfd(-1, &set, 0));
}

static long wait_inotify(struct kind *k)
{
	int fd = inotify_init();

	return fd < 0 || inotify_add_watch(fd, dir, IN_DELETE_SELF) < 0 ? -2 : read_one(k, fd);
}

static long wait_terminal(struct kind *k)
{
	int pty = posix_openpt(O_RDWR | O_NOCTTY);

	return pty < 0 || grantpt(pty) || unlockpt(pty) ? -2 : read_one(k, open(ptsname(pty), O_RDWR | O_NOCTTY));
}

static long wait_epoll(struct kind *k)
{
	struct epoll_event e;
	int fd = epoll_create1(0);

	ready(k);
	return fd < 0 ? -2 : epoll_wait(fd, &e, 1, -1);
}

static long wait_poll(struct kind *k)
{
	struct pollfd p = { .fd = eventfd(0, 0), .events = POLLIN };

	ready(k);
	return poll(&p, 1, -1);
}

static long wait_select(struct kind *k)
{
	int fd = eventfd(0, 0);
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	ready(k);
	return select(fd + 1, &set, NULL, NULL, NULL);
}

static int file_open(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return open(path, O_RDWR | O_CREAT, 0600);
}

static long wait_flock(struct kind *k)
{
	int held = file_open("flock"), fd = file_open("flock");

	if (held < 0 || flock(held, LOCK_EX))
		return -2;
	ready(k);
	return flock(fd, LOCK_EX);
}

static long wait_fcntl(struct kind *k)
{
	struct flock l = { .l_type = F_WRLCK };
	int held = file_open("fcntl"), fd = file_open("fcntl");

	if (held < 0 || fcntl(held, F_OFD_SETLK, &l))
		return -2;
	ready(k);
	return fcntl(fd, F_OFD_SETLKW, &l);
}

/* ---- sockets ---- */

static long wait_unix(struct kind *k)
{
	int s[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, s) ? -2 : read_one(k, s[0]);
}

static long wait_unix_dgram(struct kind *k)
{
	int s[2];

	return socketpair(AF_UNIX, SOCK_DGRAM, 0, s) ? -2 : read_one(k, s[0]);
}

static int inet_socket(int type, struct sockaddr_in *at)
{
	int fd = socket(AF_INET, type, 0);
	socklen_t n = sizeof(*at);

	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 || bind(fd, (struct sockaddr *)at, sizeof(*at)) || getsockname(fd, (struct sockaddr *)at, &n))
		return -1;
	return fd;
}

static long wait_accept(struct kind *k)
{
	struct sockaddr_in at;
	int fd = inet_socket(SOCK_STREAM, &at);

	if (fd < 0 || listen(fd, 1))
		return -2;
	ready(k);
	return accept(fd, NULL, NULL);
}

static long wait_tcp(struct kind *k)
{
	struct sockaddr_in at;
	int l = inet_socket(SOCK_STREAM, &at), fd = socket(AF_INET, SOCK_STREAM, 0);

	return l < 0 || listen(l, 1) || connect(fd, (struct sockaddr *)&at, sizeof(at)) ? -2 : read_one(k, fd);
}

static long wait_udp(struct kind *k)
{
	struct sockaddr_in at;

	return read_one(k, inet_socket(SOCK_DGRAM, &at));
}

static long wait_netlink(struct kind *k)
{
	return read_one(k, socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
}

/* ---- the rest ---- */

static long wait_sleep(struct kind *k)
{
	const struct timespec t = { 1000, 0 };

	ready(k);
	return nanosleep(&t, NULL);
}

static long wait_futex(struct kind *k)
{
	uint32_t word = 1;

	ready(k);
	return syscall(SYS_futex, &word, FUTEX_WAIT, 1, NULL, NULL, 0);
}

static long wait_child(struct kind *k)
{
	k->pid = fork();
	if (!k->pid) {
		signal(SIGUSR1, SIG_DFL);
		for (;;)
			pause();
	}
	ready(k);
	return k->pid < 0 ? -2 : waitpid(k->pid, NULL, 0);
}

/* This one ends by itself: only what kills interrupts it. */
static long wait_vfork(struct kind *k)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	ready(k);
	k->pid = vfork();
	if (!k->pid) {
		syscall(SYS_nanosleep, &t, NULL);
		_exit(0);
	}
	errno = EINTR;
	return k->pid < 0 ? -2 : -1;
}

static long wait_sigwait(struct kind *k)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	ready(k);
	return sigtimedwait(&set, NULL, NULL);
}

static long wait_sigsuspend(struct kind *k)
{
	sigset_t set;

	sigemptyset(&set);
	ready(k);
	return sigsuspend(&set);
}

static long wait_pause(struct kind *k)
{
	ready(k);
	return pause();
}

static long wait_semaphore(struct kind *k)
{
	struct sembuf down = { 0, -1, 0 };
	int id = semget(IPC_PRIVATE, 1, 0600);
	long rc;

	if (id < 0)
		return -2;
	ready(k);
	rc = semop(id, &down, 1);
	k->err = errno;
	semctl(id, 0, IPC_RMID);
	errno = k->err;
	return rc;
}

static long wait_msgrcv(struct kind *k)
{
	struct { long type; char text[8]; } m;
	int id = msgget(IPC_PRIVATE, 0600);
	long rc;

	if (id < 0)
		return -2;
	ready(k);
	rc = msgrcv(id, &m, sizeof(m.text), 0, 0);
	k->err = errno;
	msgctl(id, IPC_RMID, NULL);
	errno = k->err;
	return rc;
}

static long wait_mq(struct kind *k)
{
	struct mq_attr a = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	char name[64], buf[8];
	mqd_t q;

	snprintf(name, sizeof(name), "/kinds.%d", getpid());
	q = mq_open(name, O_RDWR | O_CREAT, 0600, &a);
	if (q < 0)
		return -2;
	mq_unlink(name);
	ready(k);
	return mq_receive(q, buf, sizeof(buf), NULL);
}

static long wait_aio(struct kind *k)
{
	unsigned long ctx = 0;
	char events[64];

	if (syscall(SYS_io_setup, 1, &ctx))
		return -2;
	ready(k);
	return syscall(SYS_io_getevents, ctx, 1, 1, events, NULL);
}

static long wait_io_uring(struct kind *k)
{
	struct io_uring_params p = { 0 };
	int fd = (int)syscall(SYS_io_uring_setup, 1, &p);

	if (fd < 0)
		return -2;
	ready(k);
	return syscall(SYS_io_uring_enter, fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

#define K(kind) { .name = #kind, .wait = wait_##kind }
static struct kind kinds[] = {
	K(pipe_read), K(pipe_write), K(eventfd), K(timerfd), K(signalfd), K(inotify), K(terminal), K(epoll), K(poll), K(select),
	K(flock), K(fcntl), K(unix), K(unix_dgram), K(accept), K(tcp), K(udp), K(netlink), K(sleep), K(futex), K(child), K(vfork),
	K(sigwait), K(sigsuspend), K(pause), K(semaphore), K(msgrcv), K(mq), K(aio), K(io_uring),
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void *kind_run(void *arg)
{
	struct kind *k = arg;
	long rc;

	pthread_setname_np(pthread_self(), k->name);
	errno = 0;
	rc = k->wait(k);
	k->err = errno;
	if (rc != -2 && k->begun && k->err == EINTR)
		__atomic_store_n(&k->ns, now() - k->begun, __ATOMIC_RELEASE);
	else
		fprintf(stderr, "kinds: %s: returned %ld (%s)\n", k->name, rc, strerror(k->err));
	return NULL;
}

int main(int argc, char **argv)
{
	const struct sigaction act = { .sa_handler = on_signal }; /* calls are not begun anew */
	int n = 0;

	if (argc != 2 || !mkdtemp(dir))
		return 2;
	ms = (unsigned int)strtoul(argv[1], NULL, 10);
	sigaction(SIGUSR1, &act, NULL);
	for (int i = 0; i < KINDS; i++)
		if (pthread_create(&kinds[i].thread, NULL, kind_run, &kinds[i]))
			return 1;
	usleep(ms * 1000);
	for (int i = 0; i < KINDS; i++)
		pthread_kill(kinds[i].thread, SIGUSR1);
	for (int i = 0; i < KINDS; i++) {
		pthread_join(kinds[i].thread, NULL);
		if (kinds[i].pid > 0)
			kill(kinds[i].pid, SIGKILL);
	}
	while (wait(NULL) > 0)
		;
	for (int i = 0; i < KINDS; i++)
		if (kinds[i].ns)
			printf("%s\"%s\":%llu", n++ ? "," : "{", kinds[i].name, (unsigned long long)kinds[i].ns);
	printf("%s}\n", n ? "" : "{");
	if (chdir(dir) || unlink("flock") || unlink("fcntl") || rmdir(dir))
		return 1;
	return 0;
}
