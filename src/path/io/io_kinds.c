/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Names of operations and the system calls behind them. */
#include <sys/syscall.h>

#include "path/io/io_priv.h"

static const char *const kind_names[IO_KIND_N] = {
	[IO_READ] = "read", [IO_PREAD64] = "pread64", [IO_READV] = "readv", [IO_PREADV] = "preadv",
	[IO_PREADV2] = "preadv2", [IO_WRITE] = "write", [IO_PWRITE64] = "pwrite64", [IO_WRITEV] = "writev",
	[IO_PWRITEV] = "pwritev", [IO_PWRITEV2] = "pwritev2", [IO_SENDFILE] = "sendfile",
	[IO_SPLICE] = "splice", [IO_COPY_FILE_RANGE] = "copy_file_range", [IO_FSYNC] = "fsync",
	[IO_FDATASYNC] = "fdatasync", [IO_SYNC_FILE_RANGE] = "sync_file_range", [IO_SYNCFS] = "syncfs",
	[IO_SYNC] = "sync", [IO_MSYNC] = "msync", [IO_FAULT] = "page fault", [IO_WRITEBACK] = "writeback",
	[IO_JOURNAL] = "journal commit", [IO_READAHEAD] = "read-ahead", [IO_AIO_READ] = "libaio read",
	[IO_AIO_WRITE] = "libaio write",
	[IO_AIO_FSYNC] = "libaio fsync", [IO_AIO_OTHER] = "libaio other", [IO_URING_READ] = "io_uring read",
	[IO_URING_WRITE] = "io_uring write", [IO_URING_FSYNC] = "io_uring fsync",
	[IO_URING_OTHER] = "io_uring other", [IO_DISK_READ] = "disk read",
	[IO_DISK_READAHEAD] = "disk read-ahead", [IO_DISK_WRITE] = "disk write", [IO_DISK_FLUSH] = "disk flush",
	[IO_DISK_DISCARD] = "disk discard", [IO_DISK_OTHER] = "disk other",
};

static const char *const dir_names[RW_N] = { "read", "read-ahead", "write", "flush", "discard", "other" };

#define RANGE(a, b) ((1ull << ((b) + 1)) - (1ull << (a)))

static const struct { const char *name; uint64_t kinds; } groups[] = {
	{ "reads", RANGE(IO_READ, IO_PREADV2) | 1ull << IO_AIO_READ | 1ull << IO_URING_READ },
	{ "writes", RANGE(IO_WRITE, IO_PWRITEV2) | 1ull << IO_AIO_WRITE | 1ull << IO_URING_WRITE },
	{ "copies", RANGE(IO_SENDFILE, IO_COPY_FILE_RANGE) },
	{ "syncs", RANGE(IO_FSYNC, IO_MSYNC) | 1ull << IO_AIO_FSYNC | 1ull << IO_URING_FSYNC },
	{ "faults", 1ull << IO_FAULT },
	{ "kernel", RANGE(IO_WRITEBACK, IO_READAHEAD) },
	{ "libaio", RANGE(IO_AIO_READ, IO_AIO_OTHER) },
	{ "io_uring", RANGE(IO_URING_READ, IO_URING_OTHER) },
};

/* Arguments: file, other file, length, offset (man 2 of each). */
static const struct { int nr; struct sys_desc d; } calls[] = {
	{ SYS_read, { IO_READ, 0, 6, 2, SYS_ARG_POS } },
	{ SYS_pread64, { IO_PREAD64, 0, 6, 2, 3 } },
	{ SYS_readv, { IO_READV, 0, 6, 6, SYS_ARG_POS } },
	{ SYS_preadv, { IO_PREADV, 0, 6, 6, 3 } },
	{ SYS_preadv2, { IO_PREADV2, 0, 6, 6, 3 } },
	{ SYS_write, { IO_WRITE, 0, 6, 2, SYS_ARG_POS } },
	{ SYS_pwrite64, { IO_PWRITE64, 0, 6, 2, 3 } },
	{ SYS_writev, { IO_WRITEV, 0, 6, 6, SYS_ARG_POS } },
	{ SYS_pwritev, { IO_PWRITEV, 0, 6, 6, 3 } },
	{ SYS_pwritev2, { IO_PWRITEV2, 0, 6, 6, 3 } },
	{ SYS_sendfile, { IO_SENDFILE, 1, 0, 3, 6 } },
	{ SYS_splice, { IO_SPLICE, 0, 2, 4, 6 } },
	{ SYS_copy_file_range, { IO_COPY_FILE_RANGE, 0, 2, 4, 6 } },
	{ SYS_fsync, { IO_FSYNC, 0, 6, 6, 6 } },
	{ SYS_fdatasync, { IO_FDATASYNC, 0, 6, 6, 6 } },
	{ SYS_sync_file_range, { IO_SYNC_FILE_RANGE, 0, 6, 2, 1 } },
	{ SYS_syncfs, { IO_SYNCFS, 0, 6, 6, 6 } },
	{ SYS_sync, { IO_SYNC, 6, 6, 6, 6 } },
	{ SYS_msync, { IO_MSYNC, 6, 6, 1, 6 } },
	{ SYS_io_submit, { IO_SUBMIT, 6, 6, 6, 6 } },
	{ SYS_io_getevents, { IO_GETEVENTS, 6, 6, 6, 6 } },
	{ SYS_io_pgetevents, { IO_GETEVENTS, 6, 6, 6, 6 } },
	{ SYS_io_uring_enter, { IO_URING_ENTER, 6, 6, 6, 6 } },
};

const char *io_kind_name(unsigned int kind)
{
	return kind < IO_KIND_N && kind_names[kind] ? kind_names[kind] : NULL;
}

const char *io_dir_name(unsigned int dir)
{
	return dir < RW_N ? dir_names[dir] : "other";
}

uint64_t io_kinds_parse(const char *word)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (!strcmp(groups[i].name, word))
			return groups[i].kinds;
	for (unsigned int k = 1; k < IO_KIND_N; k++)
		if (kind_names[k] && !strcmp(kind_names[k], word))
			return 1ull << k;
	return 0;
}

static bool call_wanted(unsigned int kind, uint64_t kinds)
{
	if (!kinds)
		return true;
	if (kind == IO_SUBMIT || kind == IO_GETEVENTS)
		return kinds & RANGE(IO_AIO_READ, IO_AIO_OTHER);
	if (kind == IO_URING_ENTER)
		return kinds & RANGE(IO_URING_READ, IO_URING_OTHER);
	return kinds >> kind & 1;
}

void io_calls_fill(struct sys_desc *descs, uint64_t kinds)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].nr < SYS_NR_MAX && call_wanted(calls[i].d.kind, kinds))
			descs[calls[i].nr] = calls[i].d;
}
