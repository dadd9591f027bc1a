/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does each operation that spoor io follows once, on the files DIR/a (1 MiB) and DIR/b, and prints what it did:
 * {"did":[{"op":NAME,"file":NAME,"offset":N,"bytes":N,"ret":N}, ...]}, in the order of their ends. offset -1: it has none.
 *
 * usage: every_op DIR
 */
#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { K4 = 4096, FILE_SIZE = 1 << 20 };

static int a, b, append, pipes[2];
static char *buf, *map;
static struct iovec iov[2];
static const char *comma = "";

static void die(const char *what, int err)
{
	fprintf(stderr, "every_op: %s: %s\n", what, strerror(err));
	exit(1);
}

static void did(const char *op, const char *file, long offset, long bytes, long ret)
{
	if (ret < 0)
		die(op, ret == -1 ? errno : (int)-ret);
	printf("%s{\"op\":\"%s\",\"file\":\"%s\",\"offset\":%ld,\"bytes\":%ld,\"ret\":%ld}", comma, op, file, offset, bytes, ret);
	comma = ",\n";
}

static void writes(void)
{
	did("write", "b", 0, K4, write(b, buf, K4));
	did("write", "b", K4, K4, write(b, buf, K4));
	did("pwrite64", "b", 12288, K4, pwrite(b, buf, K4, 12288));
	did("writev", "b", 2 * K4, 3 * K4, writev(b, iov, 2));
	did("pwritev", "b", 16384, 3 * K4, pwritev(b, iov, 2, 16384));
	did("pwritev2", "b", 65536, 3 * K4, pwritev2(b, iov, 2, 65536, RWF_DSYNC));
	did("pwritev2", "b", 20480, 3 * K4, pwritev2(b, iov, 2, -1, 0)); /* the file's own position */
	did("write", "b", 65536 + 3 * K4, K4, write(append, buf, K4));
	did("pwritev2", "b", 65536 + 4 * K4, 3 * K4, pwritev2(b, iov, 2, 0, RWF_APPEND));
}

static void reads(void)
{
	did("read", "a", 0, K4, read(a, buf, K4));
	did("read", "a", K4, 100, read(a, buf, 100));
	did("pread64", "a", FILE_SIZE - 10, K4, pread(a, buf, K4, FILE_SIZE - 10)); /* 10 */
	did("pread64", "a", FILE_SIZE, K4, pread(a, buf, K4, FILE_SIZE));           /* 0: the end */
	did("readv", "a", K4 + 100, 3 * K4, readv(a, iov, 2));
	did("preadv", "a", 131072, 3 * K4, preadv(a, iov, 2, 131072));
	did("preadv2", "a", 262144, 3 * K4, preadv2(a, iov, 2, 262144, 0));
	did("preadv2", "a", 4 * K4 + 100, 3 * K4, preadv2(a, iov, 2, -1, 0));
}

static void copies(void)
{
	off_t from = 8192, to = 262144;

	did("sendfile", "a", 8192, K4, sendfile(b, a, &from, K4));
	lseek(a, 16384, SEEK_SET);
	did("sendfile", "a", 16384, K4, sendfile(pipes[1], a, NULL, K4));
	did("splice", "b", 262144, K4, splice(pipes[0], NULL, b, &to, K4, 0));
	from = 40960;
	did("splice", "a", 40960, K4, splice(a, &from, pipes[1], NULL, K4, 0));
	if (read(pipes[0], buf, K4) != K4)
		die("pipe", errno);
	from = 65536, to = 524288;
	did("copy_file_range", "a", 65536, 2 * K4, copy_file_range(a, &from, b, &to, 2 * K4, 0));
	lseek(a, 4096, SEEK_SET);
	did("copy_file_range", "a", 4096, 2 * K4, copy_file_range(a, NULL, b, &to, 2 * K4, 0));
}

static void syncs(void)
{
	did("fsync", "b", -1, 0, fsync(b));
	if (pwrite(b, buf, K4, 0) != K4)
		die("pwrite", errno);
	comma = ",\n";
	did("pwrite64", "b", 0, K4, K4);
	did("fdatasync", "b", -1, 0, fdatasync(b));
	did("pwrite64", "b", 8192, K4, pwrite(b, buf, K4, 8192));
	did("sync_file_range", "b", 8192, K4, sync_file_range(b, 8192, K4, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
	did("syncfs", "b", -1, 0, syncfs(b));
	map[5] = 'm'; /* a fault, which notes the page as dirty */
	did("msync", "a", -1, K4, msync(map, K4, MS_SYNC));
	did("msync", "a", -1, K4, msync(map + K4, K4, MS_SYNC)); /* of nothing */
	sync();
	did("sync", "", -1, 0, 0);
}

static void aio_one(io_context_t ctx, const char *op, long offset, long bytes, struct iocb *cb, const char *file)
{
	struct io_event ev;
	int n = io_submit(ctx, 1, &cb);

	if (n == 1)
		n = io_getevents(ctx, 1, 1, &ev, NULL);
	did(op, file, offset, bytes, n == 1 ? (long)ev.res : n);
}

static void libaio(void)
{
	io_context_t ctx = NULL;
	struct iocb cb;
	int err = io_setup(4, &ctx);

	if (err)
		die("io_setup", -err);
	io_prep_pread(&cb, a, buf, K4, 8192);
	aio_one(ctx, "libaio read", 8192, K4, &cb, "a");
	io_prep_preadv(&cb, a, iov, 2, 16384);
	aio_one(ctx, "libaio read", 16384, 3 * K4, &cb, "a");
	io_prep_pwrite(&cb, b, buf, K4, 32768);
	aio_one(ctx, "libaio write", 32768, K4, &cb, "b");
	io_prep_pwritev(&cb, b, iov, 2, 16384);
	aio_one(ctx, "libaio write", 16384, 3 * K4, &cb, "b");
	io_prep_fsync(&cb, b);
	aio_one(ctx, "libaio fsync", -1, 0, &cb, "b");
	io_destroy(ctx);
}

static void uring_one(struct io_uring *ring, const char *op, long offset, long bytes, const char *file)
{
	static unsigned long name = 1;
	struct io_uring_sqe *sqe = &ring->sq.sqes[(ring->sq.sqe_tail - 1) & *ring->sq.kring_mask];
	struct io_uring_cqe *cqe;
	int err;

	sqe->user_data = name++;
	err = io_uring_submit_and_wait(ring, 1);
	if (err < 0)
		die("io_uring_submit_and_wait", -err);
	err = io_uring_wait_cqe(ring, &cqe);
	if (err)
		die("io_uring_wait_cqe", -err);
	did(op, file, offset, bytes, cqe->res);
	io_uring_cqe_seen(ring, cqe);
}

static void uring(void)
{
	struct io_uring ring;
	int err = io_uring_queue_init(8, &ring, 0), files[1] = { a };

	if (err == -ENOSYS || err == -EPERM)
		return;
	if (!err)
		err = io_uring_register_buffers(&ring, iov, 1);
	if (!err)
		err = io_uring_register_files(&ring, files, 1);
	if (err)
		die("io_uring", -err);
	io_uring_prep_read(io_uring_get_sqe(&ring), a, buf, K4, 8192);
	uring_one(&ring, "io_uring read", 8192, K4, "a");
	io_uring_prep_readv(io_uring_get_sqe(&ring), a, iov, 2, 16384);
	uring_one(&ring, "io_uring read", 16384, 3 * K4, "a");
	io_uring_prep_read_fixed(io_uring_get_sqe(&ring), a, iov[0].iov_base, K4, 32768, 0);
	uring_one(&ring, "io_uring read", 32768, K4, "a");
	io_uring_prep_write(io_uring_get_sqe(&ring), b, buf, K4, 8192);
	uring_one(&ring, "io_uring write", 8192, K4, "b");
	io_uring_prep_writev(io_uring_get_sqe(&ring), b, iov, 2, 16384);
	uring_one(&ring, "io_uring write", 16384, 3 * K4, "b");
	io_uring_prep_write_fixed(io_uring_get_sqe(&ring), b, iov[0].iov_base, K4, 32768, 0);
	uring_one(&ring, "io_uring write", 32768, K4, "b");
	io_uring_prep_fsync(io_uring_get_sqe(&ring), b, 0);
	uring_one(&ring, "io_uring fsync", -1, 0, "b");
	io_uring_prep_sync_file_range(io_uring_get_sqe(&ring), b, 0, 0, SYNC_FILE_RANGE_WRITE);
	uring_one(&ring, "io_uring other", -1, 0, "b");
	io_uring_prep_splice(io_uring_get_sqe(&ring), a, 0, pipes[1], -1, K4, 0);
	uring_one(&ring, "io_uring other", -1, 0, "a");
	io_uring_prep_read(io_uring_get_sqe(&ring), 0, buf, K4, 4096); /* the first registered file */
	ring.sq.sqes[(ring.sq.sqe_tail - 1) & *ring.sq.kring_mask].flags |= IOSQE_FIXED_FILE;
	uring_one(&ring, "io_uring read", 4096, K4, "a");
	io_uring_queue_exit(&ring);
}

static int open_in(const char *dir, const char *name, int flags)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags, 0644);
	if (fd < 0)
		die(path, errno);
	return fd;
}

/* One page that is in no cache. */
static void fault(void)
{
	volatile char *page = map + FILE_SIZE / 2;

	if (fsync(a) || madvise(map, FILE_SIZE, MADV_RANDOM) || posix_fadvise(a, 0, 0, POSIX_FADV_DONTNEED))
		die("dropping the cache", errno);
	did("fsync", "a", -1, 0, 0);
	(void)*page;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: every_op DIR\n");
		return 2;
	}
	a = open_in(argv[1], "a", O_RDWR);
	b = open_in(argv[1], "b", O_RDWR | O_CREAT | O_TRUNC);
	append = open_in(argv[1], "b", O_WRONLY | O_APPEND);
	map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, a, 0);
	if (map == MAP_FAILED || pipe(pipes) || posix_memalign((void **)&buf, K4, 4 * K4))
		die("memory", errno);
	memset(buf, 'e', 4 * K4);
	iov[0] = (struct iovec){ buf, K4 };
	iov[1] = (struct iovec){ buf + K4, 2 * K4 };
	printf("{\"did\":[\n");
	fault();
	reads();
	writes();
	copies();
	syncs();
	libaio();
	uring();
	printf("]}\n");
	return 0;
}
