/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What the parts of the store share. */
#ifndef SPOOR_STORE_STORE_PRIV_H
#define SPOOR_STORE_STORE_PRIV_H

#include <sqlite3.h>

#include "base/vec.h"
#include "store/codec.h"
#include "store/store.h"

enum { STORE_APPLICATION = 0x53704f72 }; /* PRAGMA application_id */

enum chunk_kind { CHUNK_RECORDS = 1, CHUNK_INTERVAL, CHUNK_END }; /* the last: summary, losses, cost; one message each */

/* What is known of a chunk without reading it. */
struct chunk_info {
	int64_t id;
	int kind;
	uint64_t t0, t1;                  /* earliest begin, latest end */
	uint64_t n;                       /* messages */
	uint64_t longest;                 /* wall of operations, delays, calls */
	uint64_t errors;                  /* operations that failed */
};

struct store {
	sqlite3 *db;
	struct store_about about;
	char path[4096];
	int lock;                         /* -1: none */
	struct codec *codec;
	unsigned char *raw[2];            /* dictionary and body, decompressed */
	size_t raw_cap[2];
	void *zstd;                       /* ZSTD_DCtx */
	unsigned int damaged;             /* chunks that could not be read */
	const void *bytes;                /* store_open_bytes */
};

typedef VEC(struct chunk_info) chunks_t;
/* Appends chunks of these kinds (bits 1 << kind), in order. 0 or -errno. */
int chunks_list(struct store *s, unsigned int kinds, chunks_t *list);
/* Reads it; codec_next gives its messages. 0, -EBADMSG (damaged: counted and logged), -ENOMEM. */
int chunk_load(struct store *s, int64_t id);
/* The same in two steps: after the first it is known whether the second is worth it. */
int chunk_dict(struct store *s, int64_t id);
int chunk_body(struct store *s, int64_t id);

/* What reading chunks takes, for a struct store that has the database alone. */
int store_reader(struct store *s); /* 0 or -ENOMEM */
void store_reader_free(struct store *s);

int meta_set(sqlite3 *db, const char *key, const char *text);
int meta_set_number(sqlite3 *db, const char *key, uint64_t v);

/* What the file says must not run, nor cost without bound. */
void store_harden(sqlite3 *db);

/* What SQLite says as -errno. */
int store_errno(sqlite3 *db, int rc);

/* As the kernel side sees it. */
static inline bool op_failed(const struct op *op)
{
	return op->ret < 0 && op->ret >= -4095;
}

bool filter_op(const struct store_filter *f, const struct op *op);
bool filter_task(const struct store_filter *f, uint32_t pid, uint32_t tid, const char *comm, const char *cgroup);
/* May there be anything in the chunk that is open in c that passes? ops: it holds operations. */
bool filter_chunk(const struct store_filter *f, const struct codec *c, bool ops);

/* A summary of operations, made of them. */
struct sums;
struct sums *sums_new(void);
void sums_free(struct sums *s);
int sums_add(struct sums *s, const struct op *op); /* 0 or -ENOMEM */
/* Valid until the next call of any of these; what came since the last one when it is reset. */
int sums_read(struct sums *s, struct summary *out);
void sums_reset(struct sums *s);

/* Empty ones, if there are none. */
int tables_create(sqlite3 *db);
/* Fills the tables, all or none, within max_size (0: any). 0 or -errno, logged. */
int tables_fill(struct store *s, uint64_t max_size);

#endif
