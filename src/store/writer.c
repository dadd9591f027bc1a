/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* See writer.h. The database is in WAL mode with a sync at each commit: what was committed is there after a loss of power. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zstd.h>

#include "base/clock.h"
#include "base/log.h"
#include "kernel/privilege.h"
#include "store/writer.h"

enum { QUEUE_BYTES = 12 << 20, COMMIT_NS = 500000000, ZSTD_LEVEL = 3 };

struct item { struct item *next; struct chunk_info info; size_t ndict, nbody; unsigned char data[]; };
struct kept { int64_t id; uint64_t bytes, t1, n; };

struct writer {
	pthread_t thread;
	pthread_mutex_t mutex;            /* of these: */
	pthread_cond_t work, room;
	struct item *first, *last;
	size_t queued;
	bool closing, complete;
	int err;

	/* the thread's own */
	sqlite3 *db;
	sqlite3_stmt *insert, *drop;
	ZSTD_CCtx *zstd;
	unsigned char *out;
	size_t out_cap;
	uint64_t commit_at;               /* 0: no transaction is open */
	VEC(struct kept) kept;            /* chunks that may be dropped, from kept_first on */
	size_t kept_first;
	uint64_t bytes, dropped;

	uint64_t max_size, keep;
	bool no_tables;
	int lock;
	char path[4096];
};

/* ---- the database ---- */

static int run_sql(struct writer *w, const char *sql)
{
	return store_errno(w->db, sqlite3_exec(w->db, sql, NULL, NULL, NULL));
}

static const char schema[] =
	"PRAGMA page_size=4096; PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY;"
	"PRAGMA application_id=0x53704f72; PRAGMA user_version=1;"
	"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=8388608;"
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE chunk(id INTEGER PRIMARY KEY, kind INTEGER, t0 INTEGER, t1 INTEGER, n INTEGER, longest INTEGER,"
	" errors INTEGER, dict BLOB, body BLOB);";

static uint64_t realtime_offset(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec - clock_monotonic();
}

static int meta_begin(struct writer *w, const struct store_writer_opts *o)
{
	const struct { const char *key, *text; } texts[] = {
		{ "spoor", SPOOR_VERSION }, { "command", o->command }, { "options", o->options },
	};
	struct utsname u;
	int err = meta_set_number(w->db, "format", STORE_FORMAT);

	for (size_t i = 0; i < 3 && !err; i++)
		err = meta_set(w->db, texts[i].key, texts[i].text);
	if (!err && !uname(&u)) {
		err = meta_set(w->db, "host", u.nodename);
		err = err ? err : meta_set(w->db, "kernel", u.release);
		err = err ? err : meta_set(w->db, "kernel_build", u.version);
		err = err ? err : meta_set(w->db, "machine", u.machine);
	}
	err = err ? err : meta_set_number(w->db, "started", clock_monotonic());
	err = err ? err : meta_set_number(w->db, "realtime_offset", realtime_offset());
	return err ? err : meta_set_number(w->db, "interval", o->interval);
}

static int database_create(struct writer *w, const struct store_writer_opts *o)
{
	int rc = sqlite3_open_v2(w->path, &w->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL), err;

	err = store_errno(w->db, rc);
	if (!err)
		err = run_sql(w, schema);
	if (!err)
		err = run_sql(w, "BEGIN");
	if (!err)
		err = meta_begin(w, o);
	if (!err && !o->no_tables) /* empty, but their description then lies at the beginning: a file without its end can be read */
		err = tables_create(w->db);
	if (!err)
		err = run_sql(w, "COMMIT");
	if (!err)
		err = store_errno(w->db, sqlite3_prepare_v2(w->db, "INSERT INTO chunk(kind, t0, t1, n, longest, errors, dict, body)"
							    " VALUES(?, ?, ?, ?, ?, ?, ?, ?)", -1, &w->insert, NULL));
	if (!err)
		err = store_errno(w->db, sqlite3_prepare_v2(w->db, "DELETE FROM chunk WHERE id = ?", -1, &w->drop, NULL));
	return err;
}

static void database_close(struct writer *w)
{
	sqlite3_finalize(w->insert);
	sqlite3_finalize(w->drop);
	w->insert = w->drop = NULL;
	sqlite3_close(w->db);
	w->db = NULL;
}

static int begin(struct writer *w)
{
	int err = w->commit_at ? 0 : run_sql(w, "BEGIN");

	if (!err && !w->commit_at)
		w->commit_at = clock_monotonic() + COMMIT_NS;
	return err;
}

static int commit(struct writer *w)
{
	int err = w->commit_at ? run_sql(w, "COMMIT") : 0;

	w->commit_at = 0;
	return err;
}

/* ---- chunks ---- */

static int compress(struct writer *w, size_t at, const unsigned char *from, size_t n, size_t *made)
{
	size_t most = ZSTD_compressBound(n), got;

	if (w->out_cap < at + most) {
		unsigned char *p = realloc(w->out, at + most);

		if (!p)
			return -ENOMEM;
		w->out = p;
		w->out_cap = at + most;
	}
	got = ZSTD_compress2(w->zstd, w->out + at, most, from, n);
	*made = got;
	return ZSTD_isError(got) ? -ENOMEM : 0;
}

static int chunk_insert(struct writer *w, const struct item *it)
{
	const uint64_t numbers[] = { (uint64_t)it->info.kind, it->info.t0, it->info.t1, it->info.n, it->info.longest, it->info.errors };
	size_t ndict, nbody;
	int err = compress(w, 0, it->data, it->ndict, &ndict);

	if (!err)
		err = compress(w, ndict, it->data + it->ndict, it->nbody, &nbody);
	if (err)
		return err;
	for (int i = 0; i < 6; i++)
		sqlite3_bind_int64(w->insert, i + 1, (int64_t)(numbers[i] > INT64_MAX ? INT64_MAX : numbers[i]));
	sqlite3_bind_blob64(w->insert, 7, w->out, ndict, SQLITE_STATIC);
	sqlite3_bind_blob64(w->insert, 8, w->out + ndict, nbody, SQLITE_STATIC);
	err = store_errno(w->db, sqlite3_step(w->insert));
	sqlite3_reset(w->insert);
	w->bytes += ndict + nbody + 64;
	if (err || it->info.kind == CHUNK_END)
		return err;
	return vec_push(&w->kept, ((struct kept){ sqlite3_last_insert_rowid(w->db), ndict + nbody + 64, it->info.t1, it->info.n }));
}

/* --max-size, --keep: room for the log and the rest of the file is left. */
static bool is_over(const struct writer *w, const struct kept *oldest)
{
	if (w->max_size && w->bytes > w->max_size / 10 * 9)
		return true;
	return w->keep && oldest->t1 < clock_monotonic() - w->keep && clock_monotonic() > w->keep;
}

static int chunks_drop(struct writer *w)
{
	uint64_t before = w->dropped;
	int err = 0;

	while (!err && w->kept_first < w->kept.n && is_over(w, &w->kept.v[w->kept_first])) {
		const struct kept *k = &w->kept.v[w->kept_first++];

		sqlite3_bind_int64(w->drop, 1, k->id);
		err = store_errno(w->db, sqlite3_step(w->drop));
		sqlite3_reset(w->drop);
		w->bytes -= k->bytes;
		w->dropped += k->n;
	}
	if (w->kept_first > 1024) {
		w->kept.n -= w->kept_first;
		memmove(w->kept.v, w->kept.v + w->kept_first, w->kept.n * sizeof(*w->kept.v));
		w->kept_first = 0;
	}
	return err || before == w->dropped ? err : meta_set_number(w->db, "dropped", w->dropped);
}

static int item_write(struct writer *w, const struct item *it)
{
	int err = begin(w);

	if (!err)
		err = chunk_insert(w, it);
	if (!err)
		err = chunks_drop(w);
	return err;
}

/* ---- the thread ---- */

static struct item *item_take(struct writer *w)
{
	struct item *it = w->first;

	if (!it)
		return NULL;
	w->first = it->next;
	if (!w->first)
		w->last = NULL;
	w->queued -= it->ndict + it->nbody;
	pthread_cond_signal(&w->room);
	return it;
}

/* Until there is work, or the transaction has been open long enough. */
static void work_wait(struct writer *w)
{
	struct timespec until = { .tv_sec = (time_t)(w->commit_at / 1000000000u), .tv_nsec = (long)(w->commit_at % 1000000000u) };

	if (w->commit_at)
		pthread_cond_timedwait(&w->work, &w->mutex, &until);
	else
		pthread_cond_wait(&w->work, &w->mutex);
}

/* They take about three times the room of the chunks: a full ring need not begin with them. */
static bool tables_too_large(const struct writer *w)
{
	if (!w->max_size || w->bytes <= w->max_size / 4)
		return false;
	log_warn("%s: the tables for SQL have no room within --max-size: spoor report --sql makes them later", w->path);
	return true;
}

static int finish(struct writer *w)
{
	struct store s = { .db = w->db, .lock = -1 };
	int err = begin(w);

	snprintf(s.path, sizeof(s.path), "%s", w->path);
	if (!err)
		err = meta_set_number(w->db, "ended", clock_monotonic());
	if (!err)
		err = meta_set_number(w->db, "realtime_offset_end", realtime_offset());
	if (!err && w->complete)
		err = meta_set_number(w->db, "complete", 1);
	if (!err)
		err = commit(w);
	if (!err && !w->no_tables && w->complete && !tables_too_large(w))
		tables_fill(&s, w->max_size); /* it has said why not; the recording is whole */
	/* one file, which can be read where nothing can be written; no statement may be under way */
	sqlite3_finalize(w->insert);
	sqlite3_finalize(w->drop);
	w->insert = w->drop = NULL;
	if (!err)
		err = run_sql(w, "PRAGMA journal_mode=DELETE");
	return err;
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	int err = 0;

	if (privilege_drop_to_files())
		log_warn("cannot drop privileges: %s", strerror(errno));
	pthread_mutex_lock(&w->mutex);
	for (;;) {
		struct item *it = item_take(w);
		bool last = !it && w->closing;

		if (!it && !last && (!w->commit_at || clock_monotonic() < w->commit_at)) {
			work_wait(w);
			continue;
		}
		pthread_mutex_unlock(&w->mutex);
		if (it && !err)
			err = item_write(w, it);
		free(it);
		if (!err && w->commit_at && (last || clock_monotonic() >= w->commit_at))
			err = commit(w);
		if (!err && last)
			err = finish(w);
		pthread_mutex_lock(&w->mutex);
		if (err && !w->err) {
			w->err = err;
			pthread_cond_broadcast(&w->room);
		}
		if (last)
			break;
	}
	pthread_mutex_unlock(&w->mutex);
	database_close(w); /* here, where its log may be removed */
	return NULL;
}

/* Signals are the main thread's: it must wake up from its poll. The clock of waits is that of the commits. */
static int thread_start(struct writer *w)
{
	pthread_condattr_t attr;
	sigset_t all, before;
	int err;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->work, &attr);
	pthread_condattr_destroy(&attr);
	pthread_cond_init(&w->room, NULL);
	pthread_mutex_init(&w->mutex, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&w->thread, NULL, writer_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

/* ---- from the other side ---- */

static void writer_free(struct writer *w)
{
	database_close(w);
	ZSTD_freeCCtx(w->zstd);
	free(w->out);
	vec_free(&w->kept);
	while (w->first)
		free(item_take(w));
	if (w->lock >= 0)
		close(w->lock); /* last: closing it gives up SQLite's own locks, too */
	free(w);
}

struct writer *writer_new(const struct store_writer_opts *o)
{
	struct writer *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return NULL;
	w->max_size = o->max_size;
	w->keep = o->keep;
	w->no_tables = o->no_tables;
	w->lock = -1;
	snprintf(w->path, sizeof(w->path), "%s", o->path);
	err = recording_create(w->path, &w->lock);
	if (err)
		goto fail;
	w->zstd = ZSTD_createCCtx();
	err = w->zstd ? 0 : -ENOMEM;
	if (!err) {
		ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
		ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1);
		err = database_create(w, o);
	}
	if (!err)
		err = thread_start(w);
	if (!err)
		return w;
	log_error("%s: %s", w->path, err == -EIO && w->db ? sqlite3_errmsg(w->db) : strerror(-err));
fail:
	writer_free(w);
	return NULL;
}

int writer_put(struct writer *w, const struct chunk_info *info, const struct codec *c)
{
	const void *dict, *body;
	size_t ndict, nbody;
	struct item *it;
	int err;

	codec_chunk(c, &dict, &ndict, &body, &nbody);
	it = malloc(sizeof(*it) + ndict + nbody);
	if (!it)
		return -ENOMEM;
	*it = (struct item){ .info = *info, .ndict = ndict, .nbody = nbody };
	if (ndict)
		memcpy(it->data, dict, ndict);
	memcpy(it->data + ndict, body, nbody);
	pthread_mutex_lock(&w->mutex);
	while (!w->err && w->queued && w->queued + ndict + nbody > QUEUE_BYTES)
		pthread_cond_wait(&w->room, &w->mutex);
	err = w->err;
	if (!err) {
		if (w->last)
			w->last->next = it;
		else
			w->first = it;
		w->last = it;
		w->queued += ndict + nbody;
		pthread_cond_signal(&w->work);
	}
	pthread_mutex_unlock(&w->mutex);
	if (err)
		free(it);
	return err;
}

int writer_error(struct writer *w)
{
	int err;

	pthread_mutex_lock(&w->mutex);
	err = w->err;
	pthread_mutex_unlock(&w->mutex);
	return err;
}

int writer_complete(struct writer *w)
{
	pthread_mutex_lock(&w->mutex);
	w->complete = true;
	pthread_mutex_unlock(&w->mutex);
	return writer_error(w);
}

int writer_close(struct writer *w)
{
	int err;

	pthread_mutex_lock(&w->mutex);
	w->closing = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->mutex);
	pthread_join(w->thread, NULL);
	err = w->err;
	writer_free(w);
	return err;
}
