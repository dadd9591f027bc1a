/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The life of an I/O, and the wire between the kernel side (io.bpf.c) and user space (io.c).
 *
 *   system call entry, page fault, write-back of an inode, journal commit       an operation begins
 *   (read-ahead is an operation from its bio to its completion)
 *     bio queued              block_bio_queue      key: bio
 *     (split, merged)         block_split; a merge is seen when the request's bio chain is walked
 *     request got             block_getrq          the bio has a request: tag and throttles are behind it
 *     inserted                block_rq_insert      key: request; waits in the I/O scheduler
 *     issued                  block_rq_issue       handed to the driver
 *     (requeued)              block_rq_requeue
 *     completed               block_rq_complete    by an interrupt, a softirq or a thread
 *   system call exit, ...                                                       the operation ends
 *
 * Every live operation has a slot: synchronous ones by thread id (one a thread), asynchronous ones by what
 * names them until they are reaped (libaio: iocb address; io_uring: ring and user_data). A bio points to the
 * slot under whose operation it was queued; a request takes that over from its bios. Slots are direct-mapped
 * with two ways: no hash map, no allocation, and the owner is checked at each use. No free way is a loss,
 * counted.
 *
 * Between sleeping and running the task-state hooks (task.bpf.h) cut the time into parts. Each clock reading
 * ends one part and begins the next, so the parts add up to the wall time by construction.
 *
 * Not visible: what a device does between issue and completion (a stacked device's own bios show as requests
 * that serve the upper one); the page-cache copy itself (it is `cpu`).
 */
#ifndef SPOOR_PATH_IO_IO_H
#define SPOOR_PATH_IO_IO_H

#include <linux/types.h>

#include "wire.h"

/* Kinds of operations; kind_names[] in io_kinds.c names them in this order. */
enum io_kind {
	IO_NONE,
	IO_READ, IO_PREAD64, IO_READV, IO_PREADV, IO_PREADV2,
	IO_WRITE, IO_PWRITE64, IO_WRITEV, IO_PWRITEV, IO_PWRITEV2,
	IO_SENDFILE, IO_SPLICE, IO_COPY_FILE_RANGE,
	IO_FSYNC, IO_FDATASYNC, IO_SYNC_FILE_RANGE, IO_SYNCFS, IO_SYNC, IO_MSYNC,
	IO_FAULT, IO_WRITEBACK, IO_JOURNAL, IO_READAHEAD,
	IO_AIO_READ, IO_AIO_WRITE, IO_AIO_FSYNC, IO_AIO_OTHER,
	IO_URING_READ, IO_URING_WRITE, IO_URING_FSYNC, IO_URING_OTHER,
	IO_DISK_READ, IO_DISK_READAHEAD, IO_DISK_WRITE, IO_DISK_FLUSH, IO_DISK_DISCARD, IO_DISK_OTHER, /* --block, in the order of enum io_dir */
	IO_KIND_N,
	/* Carriers: system calls that submit or reap asynchronous operations; never reported themselves. */
	IO_SUBMIT = IO_KIND_N, IO_GETEVENTS, IO_URING_ENTER,
};

/* What a system call is: which of its arguments is the file, the other file, the length and the offset.
 * SYS_ARG_NONE: none; SYS_ARG_POS: the file's own position. kind IO_NONE: not traced. */
enum { SYS_ARG_NONE = 6, SYS_ARG_POS = 7, SYS_NR_MAX = 512 };
struct sys_desc { __u8 kind, fd, fd2, size, offset; };

/* Kinds of requests on a device. */
enum io_dir { RW_READ, RW_READAHEAD, RW_WRITE, RW_FLUSH, RW_DISCARD, RW_OTHER, RW_N };

/* Stages of a request, in order; each ends at the time stamp of the same index in io_item.at[]. */
enum io_stage { IOS_THROTTLED, IOS_GETRQ, IOS_PLUGGED, IOS_QUEUED, IOS_DEVICE, IOS_N };

enum io_rec_type { IO_REC_OP = 1, IO_REC_PATH };
enum io_item_type { IO_ITEM_WAIT = 1, IO_ITEM_REQUEST };

enum io_item_flags {
	IO_ITEM_DONE     = 1 << 0,
	IO_ITEM_BIO      = 1 << 1, /* bio of a stacked device: never became a request of its own */
	IO_ITEM_MERGED   = 1 << 2, /* its request carries other bios too */
	IO_ITEM_SPLIT    = 1 << 3,
	IO_ITEM_REQUEUED = 1 << 4,
	IO_ITEM_IRQ      = 1 << 5, /* completed in a hardware interrupt */
	IO_ITEM_SOFTIRQ  = 1 << 6, /* completed in a softirq */
};

/* One wait, or one bio with the stages of its request. */
struct io_item {
	__u8 type, flags, rw;
	__u8 parent;               /* item index + 1 of the bio that this one serves; 0: none */
	__u32 dev;                 /* kernel encoding, major << 20 | minor */
	__u64 t;                   /* wait: blocked at. request: submitted at */
	union {
		struct { __u64 ns, runq, site; } wait;  /* site: key into the map of stacks */
		struct { __u64 at[IOS_N]; __u64 sector; } rq; /* at[]: when the stage ended; 0: not seen */
	};
	__u32 bytes;
	__s16 error;               /* request: positive errno of its status */
	__u16 cpu;                 /* request: completed on */
};

enum { IO_ITEMS = 32, IO_NAME = 256, IO_PATH = 1024, IO_DEPTH = 24 };

enum io_op_flags {
	IOF_ASYNC = 1 << 0, IOF_REAP_UNSEEN = 1 << 1, IOF_DIRECT = 1 << 2, IOF_KILLED = 1 << 3,
	IOF_KERNEL = 1 << 4, IOF_END_UNSEEN = 1 << 5, IOF_WORKER = 1 << 6,
};

/* One finished operation. Only item[0..nitems) is sent. sum(part) + inflight + unreaped == wall. */
struct io_rec_op {
	__u16 type;
	__u8 kind, nitems;
	__u32 flags;
	__u64 t, wall;
	__u64 part[TP_N];
	__u64 inflight, unreaped;
	__u64 cgroup, ino, path;   /* path: key of the IO_REC_PATH record that names the file; 0: none */
	__u32 tid, tgid;
	__u32 dev, nbios;
	__s64 offset, ret;
	__u64 size;
	__u32 pages_added, pages_dirtied;
	__u32 items_lost, seq;
	char comm[16];
	struct io_item item[IO_ITEMS];
};

/* Names from the file up to the root of its file system, each NUL-terminated. */
struct io_rec_path {
	__u16 type, depth;
	__u32 len;                 /* bytes used in name[] */
	__u64 path, ino;
	__u32 dev, truncated;
	char name[IO_PATH + IO_NAME];
};

/* One row of the in-kernel summary, per CPU. ROW of requests: part[] holds the stages. */
enum { IO_HIST_N = WIRE_HIST_N, IO_ROWS = 128 };
struct io_row {
	__u64 count, bytes, errors, wall, min, max;
	__u64 part[TP_N];
	__u64 inflight, unreaped;
	__u64 hist[IO_HIST_N];
};
struct io_row_key { __u32 dev; __u16 kind, type; };       /* type: enum row_type */

/* Waits by place, per CPU. count 0: free. */
enum { IO_WAITS = 1024 };
struct io_wait_key { __u32 dev, kind; __u64 site; };
struct io_wait_sum { __u64 ns, count; };
struct io_wait_slot { struct io_wait_key key; struct io_wait_sum sum; };

/* Members of kernel structures that only a detail hangs on, and which this kernel has no more; bits of io_fields_missing. */
enum io_field { IOX_NAMES, IOX_ALIAS, IOX_OFFSET, IOX_DIRECT, IOX_PSEUDO, IOX_CGROUP, IOX_SECTOR, IOX_START, IOX_DATA, IOX_RINGS, IOX_STACK,
		IOX_AHEAD, IOX_FLUSH, IOX_N };

enum io_loss { LOSS_RING, LOSS_SLOT, LOSS_BIO, LOSS_REQUEST, LOSS_ROW, LOSS_ITEM, LOSS_LINK, LOSS_BATCH, LOSS_STACK, LOSS_SUM, LOSS_SWITCH, LOSS_NAME, LOSS_N };

_Static_assert(sizeof(struct io_item) == 72, "io_item");
_Static_assert(sizeof(struct io_rec_op) == 184 + IO_ITEMS * 72, "io_rec_op");
_Static_assert(sizeof(struct io_row) == 14 * 8 + IO_HIST_N * 8, "io_row");

#endif
