/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel side of `spoor io` remembers: slots of operations, bios and requests, rows of the summary. */
#ifndef SPOOR_IO_STATE_BPF_H
#define SPOOR_IO_STATE_BPF_H

#include "kernel.h"
#include "compat.bpf.h"
#include "slot.bpf.h"
#include "task.bpf.h"
#include "filter.bpf.h"
#include "hist.bpf.h"
#include "ring.bpf.h"
#include "path/io/io.h"

const volatile bool want_records;        /* --slower, --each, --top, --errors, --json */
const volatile bool want_errors_only;
const volatile bool fault_by_tracepoint; /* page faults are seen by mm_filemap_fault, not by fentry */
/* Which upper bio a stacked device's bio serves: for records, and for filters that the upper one passed. */
const volatile bool want_links;
/* The time when a request was got, to the nanosecond. The summary, and records of --block, take the request's own, which since
 * 6.9 may be as old as the plug (da4c8c3d0975) where the task has not slept since: it is wrong by no more than it took to
 * come from the bio to the request without waiting. */
const volatile bool want_getrq;
const volatile bool bios_unseen;         /* --block summary: requests count by themselves */
const volatile bool block_only;          /* device requests are the operations */
const volatile u64 kinds_want;           /* bits of enum io_kind; 0: all */
const volatile u32 page_shift = 12;
const volatile u64 want_slower;          /* ns; 0: all */
const volatile u32 sync_mask = 0xff, async_mask = 0xff, bio_mask = 0xff, request_mask = 0xff; /* entries - 1 */

u32 ready;                               /* set when everything is attached */
u64 ready_at;                            /* then */
u32 fields_missing;                      /* bits of enum io_field, from io_fields() */
u32 async_used;                          /* asynchronous operations were seen: what is left of them is to be swept */
u64 top_min;                             /* --top: user space raises it to the slowest list's smallest wall */
u64 lost[LOSS_N];                        /* added to without fetch: 5.10 has no atomic fetch */

static __always_inline void lose(u32 what)
{
	__sync_fetch_and_add(&lost[what], 1);
}

#define STACK_LOST LOSS_STACK
#define STACK_PRINTS
#include "stack.bpf.h"

/* By cache lines: what an asynchronous operation's completion touches, on another CPU, is the first one alone; the summary
 * does without the last ones. */
struct io_slot {
	u64 key;                         /* owner; 0: free. Sync: thread id. Async: what names the operation */
	u32 seq;                         /* counts the slot's operations: a stale link does not match */
	u32 flags;
	u8 kind, nitems, matched, done, has_file, pad[3];
	u64 size;
	u64 t;
	u64 submitted_at, done_at;       /* asynchronous */
	s64 res;

	struct task_clock clock;
	u64 file, inode;                 /* kept between operations as a cache */
	u32 dev, file_flags;
	u32 next, batch;                 /* asynchronous; batch: place in the io_submit call */

	u64 ino;
	u64 early;                       /* asynchronous, reaped before its submission returned: when */
	u32 tid, tgid;
	/* synchronous: the asynchronous operation being submitted */
	u32 sub, sub_seq;                /* slot index + 1, 0: none; and its seq */
	u32 sub_first;                   /* chain of a libaio batch */
	u32 nbios;
	s64 sub_left;                    /* bytes of it not yet seen as bios */
	u64 ring;                        /* io_uring_enter: struct io_ring_ctx */
	s64 offset;

	u64 part0[TP_N];                 /* io_uring: the submitter's parts when the submission began */
	u64 dentry, cgroup;

	u32 pages_added, pages_dirtied, items_lost, pad2;
	char comm[16];
	u64 pad3[4];
};
_Static_assert(sizeof(struct io_slot) == 6 * 64 && __builtin_offsetof(struct io_slot, clock) == 64 &&
	       __builtin_offsetof(struct io_slot, ino) == 3 * 64, "io_slot");

/* Nobody maps them into memory, but such a map begins at a page, so that cache lines are as they are laid out. */
#define LINES_KEPT BPF_F_MMAPABLE

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, LINES_KEPT);
	__uint(max_entries, 512);
	__type(key, u32);
	__type(value, struct io_slot);
} slots SEC(".maps");

/* Live synchronous operations by the first way of their thread id, wherever they sit. Nearly every event of the
 * scheduler is for a thread that has none, and this small table, unlike the slots, stays in the cache. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, u32);
} homes SEC(".maps");

/* Processes that use libaio, by the low bits of their number; AIO_ENDED: it has ended, and nobody will reap what it had under
 * way. Of two with the same bits the later one is known. */
enum { AIO_USERS = 1024 };
#define AIO_ENDED (1u << 31)
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, AIO_USERS);
	__type(key, u32);
	__type(value, u32);
} aio_users SEC(".maps");

static __always_inline u32 *aio_user(u32 tgid)
{
	u32 i = tgid & (AIO_USERS - 1);

	return bpf_map_lookup_elem(&aio_users, &i);
}

/* The record under construction of the slot with the same index; not used in summary mode. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct io_rec_op);
} recs SEC(".maps");

/* Which operation a bio or request belongs to. */
struct link {
	u32 slot;                        /* index + 1; 0: none */
	u32 seq;
	u8 item;                         /* index + 1; 0: none */
};

/* The addresses of the bios (requests) in entries 4n to 4n + 3 of their table; 0: free. Together, so that a look-up
 * costs one cache line, also one that finds nothing. */
enum { POINTER_WAYS = 4 };
struct key_set { u64 key[POINTER_WAYS]; };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, LINES_KEPT);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct key_set);
} bio_keys SEC(".maps"), request_keys SEC(".maps");

/* Who submitted a bio, for --block; and of read-ahead, an operation of its own, the file. dev 0: it is none. */
struct origin { u64 ino, path, cgroup, submitter; s64 offset; u32 dev, pad; char comm[16]; };

/* The first cache line is all that most need. */
struct bio_slot {
	u64 t_submit, t_queue, t_getrq;
	u64 sector;
	u32 dev, bytes, index;
	u8 rw, counted, merged, preflush;
	u8 has_origin, pad[3];           /* else the last member says nothing */
	struct link link;
	struct origin origin;
};
_Static_assert(sizeof(struct bio_slot) == 2 * 64, "bio_slot");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, LINES_KEPT);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, struct bio_slot);
} bios SEC(".maps");

enum { LINKS = 64 }; /* operations that share a request, by merging */

/* All that a request's completion, on another CPU, touches, of one that nothing merged into: a cache line. */
struct request_info {
	u64 t_submit, t_queue, t_getrq, t_insert, t_issue;
	u32 dev, bytes;
	u8 rw, flags, nlinks;
	u8 counted : 1, preflush : 1, has_origin : 1;
	struct link first;               /* of the operations */
};
_Static_assert(sizeof(struct request_info) == 64, "request_info");

struct request_slot {
	struct request_info i;
	u64 claimed;
	u64 sector;
	u32 index;                       /* its own in the map */
	struct link link[LINKS - 1];     /* after the first */
	u32 pad[14];
	struct origin origin;
};
_Static_assert(sizeof(struct request_slot) == 15 * 64, "request_slot");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, LINES_KEPT);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, struct request_slot);
} requests SEC(".maps");

/* The latest bio with a given data vector: a stacked device's clone shares it (bio_alloc_clone keeps
 * bi_io_vec; so does direct I/O of the loop driver), which links the clone to what it serves, in whatever
 * task it is submitted. */
struct vec_slot { u64 vec; u32 dev; struct link link; };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, struct vec_slot);
} vecs SEC(".maps");

/* Requests that loop devices work on. The worker reads and writes the backing file through the page cache, where
 * nothing leads from its bios to the request; with one request under way there is no doubt. */
enum { LOOPS = 8, LOOP_MAJOR = 7 };
struct loop_request { u64 rq, t; u32 under_way, pad; struct link link; };
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LOOPS);
	__type(key, u32);
	__type(value, struct loop_request);
} loop_requests SEC(".maps");

struct io_row_slot { struct io_row_key key; u32 used, pad; struct io_row row; };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, IO_ROWS);
	__type(key, u32);
	__type(value, struct io_row_slot);
} rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, IO_WAITS);
	__type(key, u32);
	__type(value, struct io_wait_slot);
} waits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, u64);
	__type(value, u8);
} paths_sent SEC(".maps");

struct scratch {
	u64 path_last;                   /* key of the path that a record named last */
	struct io_rec_path path;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *scratch_get(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&scratches, &zero);
}

/* ---- slots of operations ---- */

static __always_inline struct io_slot *slot_at(u32 i)
{
	return bpf_map_lookup_elem(&slots, &i);
}

static __always_inline u32 *home_of(u32 tid)
{
	u32 home = tid & sync_mask;
	return bpf_map_lookup_elem(&homes, &home);
}

/* Live synchronous operation of a thread. */
static __always_inline struct io_slot *sync_find(u32 tid, u32 *index)
{
	u32 *live = home_of(tid);
	struct io_slot *s;

	if (!tid || !live || !*live)
		return NULL;
	*index = tid & sync_mask;
	s = slot_at(*index);
	if (!s || s->key == tid)
		return s;
	*index = slot_hash(tid) & sync_mask;
	s = slot_at(*index);
	return s && s->key == tid ? s : NULL;
}

static __always_inline struct io_slot *sync_claim(u32 tid, u32 *index)
{
	u32 *live = home_of(tid);
	struct io_slot *s;

	*index = tid & sync_mask;
	s = slot_at(*index);
	if (s && s->key) {
		*index = slot_hash(tid) & sync_mask;
		s = slot_at(*index);
	}
	if (!s || !live || s->key) {
		lose(LOSS_SLOT);
		return NULL;
	}
	__sync_fetch_and_add(live, 1);
	s->seq++;
	s->key = tid;
	if (s->tid != tid) /* the cache of the file is another thread's */
		s->file = 0;
	s->tid = tid;
	return s;
}

static __always_inline void sync_release(struct io_slot *s)
{
	u32 *live = home_of(s->key);

	if (live && s->key)
		__sync_fetch_and_add(live, -1);
	s->key = 0;
}

/* Asynchronous operations follow the synchronous ones in the same array. */
static __always_inline u32 async_index(u64 key, u32 way)
{
	return sync_mask + 1 + ((slot_hash(key) & async_mask) ^ way);
}

static __always_inline struct io_slot *async_find(u64 key, u32 *index)
{
	struct io_slot *s;

	for (u32 way = 0; way < 2; way++) {
		*index = async_index(key, way);
		s = slot_at(*index);
		if (s && s->key == key)
			return s;
	}
	return NULL;
}

static __always_inline struct io_slot *async_claim(u64 key, u32 *index)
{
	struct io_slot *s;

	for (u32 way = 0; way < 2; way++) {
		*index = async_index(key, way);
		s = slot_at(*index);
		if (s && !s->key) {
			s->seq++;
			s->key = key;
			return s;
		}
	}
	/* Nobody will end an operation whose process has gone: the oldest way gives up what is done or an hour old. */
	lose(LOSS_SLOT);
	s = slot_at(async_index(key, 0));
	*index = async_index(key, 0);
	if (!s || (!s->done && bpf_ktime_get_ns() - s->t < 3600000000000ull))
		return NULL;
	s->seq++;
	s->key = key;
	return s;
}

/* The operation a link points to, if it is still the same one. */
static __always_inline struct io_slot *link_slot(const struct link *l)
{
	struct io_slot *s;

	if (!l->slot)
		return NULL;
	s = slot_at(l->slot - 1);
	return s && s->seq == l->seq && s->key ? s : NULL;
}

static __always_inline struct io_item *link_item(const struct link *l)
{
	struct io_rec_op *r;
	u32 i = l->slot - 1;

	if (!want_records || !l->item || !link_slot(l))
		return NULL;
	r = bpf_map_lookup_elem(&recs, &i);
	return r ? &r->item[(l->item - 1) & (IO_ITEMS - 1)] : NULL;
}

/* Eight items are kept for waits, which must not be lost among many requests. */
static __always_inline struct io_item *item_new(struct io_slot *s, u32 index, u32 type)
{
	struct io_rec_op *r;
	struct io_item *it;
	u32 n = s->nitems;

	if (!want_records)
		return NULL;
	r = bpf_map_lookup_elem(&recs, &index);
	if (!r)
		return NULL;
	if (n >= (type == IO_ITEM_WAIT ? IO_ITEMS : IO_ITEMS - 8)) {
		s->items_lost += type != IO_ITEM_WAIT;
		return NULL;
	}
	s->nitems = n + 1;
	it = &r->item[n & (IO_ITEMS - 1)];
	__builtin_memset(it, 0, sizeof(*it));
	it->type = type;
	return it;
}

/* ---- bios and requests ---- */

/* An entry that nobody freed (its bio ended unseen) is taken over after a minute. There is no compare-and-swap before
 * 5.12: that CPUs begin with different ways keeps two of them from claiming one entry at the same instant; what is
 * left of that shows as a completion without a request, and is counted. */
#define DEFINE_POINTER_TABLE(name, map, keys, mask, since)                                     \
static __always_inline u32 name##_set(u64 p)                                                   \
{                                                                                              \
	return slot_hash_pointer(p) & (mask / POINTER_WAYS);                                   \
}                                                                                              \
/* set, k: where its address may be. */                                                        \
static __always_inline struct type_##name *name##_find_in(struct key_set *k, u32 set, u64 p)   \
{                                                                                              \
	for (u32 way = 0; way < POINTER_WAYS; way++) {                                         \
		u32 i = set * POINTER_WAYS + way;                                              \
		if (k->key[way] == p)                                                          \
			return bpf_map_lookup_elem(&map, &i);                                  \
	}                                                                                      \
	return NULL;                                                                           \
}                                                                                              \
/* at: its index, should it be found. */                                                       \
static __always_inline struct type_##name *name##_find_at(u64 p, u32 *at)                      \
{                                                                                              \
	u32 set = name##_set(p);                                                               \
	struct key_set *k = bpf_map_lookup_elem(&keys, &set);                                  \
	for (u32 way = 0; k && way < POINTER_WAYS; way++) {                                    \
		*at = set * POINTER_WAYS + way;                                                \
		if (k->key[way] == p)                                                          \
			return bpf_map_lookup_elem(&map, at);                                  \
	}                                                                                      \
	return NULL;                                                                           \
}                                                                                              \
static __always_inline struct type_##name *name##_find(u64 p)                                  \
{                                                                                              \
	u32 at;                                                                                \
	return name##_find_at(p, &at);                                                         \
}                                                                                              \
/* Index + 1 of an entry of the set that nobody freed for a minute; 0: there is none. */       \
__noinline u32 name##_stale(u32 set, u32 cpu, u64 now)                                         \
{                                                                                              \
	for (u32 n = 0; n < POINTER_WAYS; n++) {                                               \
		u32 i = set * POINTER_WAYS + ((cpu + n) & (POINTER_WAYS - 1));                 \
		struct type_##name *s = bpf_map_lookup_elem(&map, &i);                         \
		if (s && (s64)(now - s->since) > 60000000000ll)                                \
			return i + 1;                                                          \
	}                                                                                      \
	return 0;                                                                              \
}                                                                                              \
/* As it was left, but for who and when. */                                                    \
static __always_inline struct type_##name *name##_grab(struct key_set *k, u32 set, u64 p,      \
						       u64 now, u32 loss)                      \
{                                                                                              \
	u32 cpu = bpf_get_smp_processor_id(), way = 0, n, i;                                   \
	struct type_##name *s;                                                                 \
	for (n = 0; n < POINTER_WAYS; n++) {                                                   \
		way = (cpu + n) & (POINTER_WAYS - 1);                                          \
		if (!k->key[way])                                                              \
			break;                                                                 \
	}                                                                                      \
	if (n == POINTER_WAYS) {                                                               \
		lose(loss);                                                                    \
		i = name##_stale(set, cpu, now);                                                \
		if (!i)                                                                        \
			return NULL;                                                           \
		way = (i - 1) & (POINTER_WAYS - 1);                                            \
	}                                                                                      \
	i = set * POINTER_WAYS + way;                                                          \
	s = bpf_map_lookup_elem(&map, &i);                                                     \
	if (!s)                                                                                \
		return NULL;                                                                   \
	k->key[way] = p;                                                                       \
	s->index = i;                                                                          \
	s->since = now;                                                                        \
	return s;                                                                              \
}                                                                                              \
static __always_inline struct type_##name *name##_claim_in(struct key_set *k, u32 set, u64 p,  \
							   u64 now, u32 loss)                  \
{                                                                                              \
	struct type_##name *s = name##_grab(k, set, p, now, loss);                             \
	u32 index;                                                                             \
	if (!s)                                                                                \
		return NULL;                                                                   \
	index = s->index;                                                                      \
	__builtin_memset(s, 0, __builtin_offsetof(struct type_##name, link));                  \
	s->index = index;                                                                      \
	s->since = now;                                                                        \
	return s;                                                                              \
}                                                                                              \
static __always_inline struct type_##name *name##_claim(u64 p, u64 now, u32 loss)              \
{                                                                                              \
	u32 set = name##_set(p);                                                               \
	struct key_set *k = bpf_map_lookup_elem(&keys, &set);                                  \
	return k ? name##_claim_in(k, set, p, now, loss) : NULL;                               \
}                                                                                              \
static __always_inline void name##_release_at(u32 at)                                          \
{                                                                                              \
	u32 set = at / POINTER_WAYS;                                                           \
	struct key_set *k = bpf_map_lookup_elem(&keys, &set);                                  \
	if (k)                                                                                 \
		k->key[at & (POINTER_WAYS - 1)] = 0;                                           \
}                                                                                              \
static __always_inline void name##_release(const struct type_##name *s)                        \
{                                                                                              \
	name##_release_at(s->index);                                                           \
}

#define type_bio bio_slot
#define type_request request_slot
DEFINE_POINTER_TABLE(bio, bios, bio_keys, bio_mask, t_submit)
DEFINE_POINTER_TABLE(request, requests, request_keys, request_mask, claimed)

static __always_inline struct vec_slot *vec_at(u64 vec)
{
	u32 i = slot_hash_pointer(vec) & bio_mask;
	return bpf_map_lookup_elem(&vecs, &i);
}

/* ---- the summary ---- */

/* Each CPU claims a row for itself, so there is nothing to lock; user space adds up by key. */
static __always_inline struct io_row *row_get(u32 dev, u32 kind, u32 type)
{
	u64 key = (u64)dev | (u64)kind << 32 | (u64)type << 48;
	u32 h = slot_hash(key);

	for (u32 way = 0; way < 4; way++) {
		u32 i = (h & (IO_ROWS - 1)) ^ way;
		struct io_row_slot *r = bpf_map_lookup_elem(&rows, &i);
		if (!r)
			return NULL;
		if (!r->used) {
			r->key.dev = dev;
			r->key.kind = kind;
			r->key.type = type;
			r->row.min = ~0ull;
			r->used = 1;
			return &r->row;
		}
		if (r->key.dev == dev && r->key.kind == kind && r->key.type == type)
			return &r->row;
	}
	lose(LOSS_ROW);
	return NULL;
}

static __always_inline void wait_sum_add(u32 dev, u32 kind, u64 site, u64 ns)
{
	u32 h = slot_hash(site ^ ((u64)dev << 32 | kind));

	for (u32 way = 0; way < 4; way++) {
		u32 i = (h & (IO_WAITS - 1)) ^ way;
		struct io_wait_slot *w = bpf_map_lookup_elem(&waits, &i);
		if (!w)
			return;
		if (!w->sum.count) {
			w->key.dev = dev;
			w->key.kind = kind;
			w->key.site = site;
		} else if (w->key.site != site || w->key.dev != dev || w->key.kind != kind) {
			continue;
		}
		w->sum.ns += ns;
		w->sum.count++;
		return;
	}
	lose(LOSS_ITEM);
}

static __always_inline void row_add(struct io_row *r, u64 wall, u64 bytes, bool error)
{
	u32 b = hist_bucket(wall);

	r->count++;
	r->bytes += bytes;
	r->errors += error;
	r->wall += wall;
	if (wall < r->min)
		r->min = wall;
	if (wall > r->max)
		r->max = wall;
	if (b < IO_HIST_N)
		r->hist[b]++;
}

#endif
