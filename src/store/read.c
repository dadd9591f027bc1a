/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Opening a recording, and its chunks. Nothing in the file is trusted. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/log.h"
#include "store/store_priv.h"

int store_errno(sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK: case SQLITE_ROW: case SQLITE_DONE: return 0;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_BUSY: case SQLITE_LOCKED: return -EBUSY;
	case SQLITE_READONLY: return -EROFS;
	case SQLITE_PERM: case SQLITE_AUTH: return -EACCES;
	case SQLITE_CORRUPT: case SQLITE_NOTADB: case SQLITE_ERROR: case SQLITE_MISMATCH: return -EBADMSG;
	case SQLITE_CANTOPEN: return db && sqlite3_system_errno(db) ? -sqlite3_system_errno(db) : -ENOENT;
	case SQLITE_IOERR: return db && sqlite3_system_errno(db) ? -sqlite3_system_errno(db) : -EIO;
	default: return -EIO;
	}
}

/* ---- what is known of it ---- */

static int meta_put(sqlite3 *db, const char *key, const char *text, uint64_t v)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO meta VALUES(?, ?)", -1, &st, NULL);

	if (rc)
		return store_errno(db, rc);
	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	if (text)
		sqlite3_bind_text(st, 2, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_int64(st, 2, (int64_t)v);
	sqlite3_step(st);
	return store_errno(db, sqlite3_finalize(st));
}

int meta_set(sqlite3 *db, const char *key, const char *text)
{
	return meta_put(db, key, text ? text : "", 0);
}

int meta_set_number(sqlite3 *db, const char *key, uint64_t v)
{
	return meta_put(db, key, NULL, v);
}

static void meta_take(struct store_about *a, const char *key, const char *text, int64_t number)
{
	const struct { const char *key; char *to; size_t size; } texts[] = {
		{ "command", a->command, sizeof(a->command) }, { "options", a->options, sizeof(a->options) },
		{ "host", a->host, sizeof(a->host) }, { "kernel", a->kernel, sizeof(a->kernel) },
		{ "spoor", a->version, sizeof(a->version) },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!strcmp(key, texts[i].key))
			snprintf(texts[i].to, texts[i].size, "%s", text);
	if (!strcmp(key, "interval"))
		a->interval = (uint64_t)number;
	else if (!strcmp(key, "complete"))
		a->complete = number == 1;
	else if (!strcmp(key, "dropped"))
		a->dropped = (uint64_t)number;
	else if (!strcmp(key, "tables"))
		a->tables = number == STORE_FORMAT;
}

/* Its format; -errno. */
static int64_t about_read(struct store *s)
{
	sqlite3_stmt *st;
	int64_t format = 0;
	int rc = sqlite3_prepare_v2(s->db, "SELECT key, value FROM meta", -1, &st, NULL);

	while (!rc && sqlite3_step(st) == SQLITE_ROW) {
		const char *key = (const char *)sqlite3_column_text(st, 0), *text = (const char *)sqlite3_column_text(st, 1);

		if (!key || !text)
			continue;
		if (!strcmp(key, "format"))
			format = sqlite3_column_int64(st, 1);
		meta_take(&s->about, key, text, sqlite3_column_int64(st, 1));
	}
	sqlite3_finalize(st);
	return rc ? store_errno(s->db, rc) : format;
}

/* ---- opening ---- */

/* What the file says must not run, nor cost without bound. */
void store_harden(sqlite3 *db)
{
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 256 << 20);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_busy_timeout(db, 2000);
}

static int refuse(const struct store *s, int err, const char *why)
{
	log_error("%s: %s", s->path, why);
	return err;
}

/* A file that is shorter than it says is refused by SQLite unless its schema may be written, which stands for trying to save
 * what can be saved. */
static void truncated_check(struct store *s)
{
	int rc = sqlite3_exec(s->db, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);

	if ((rc & 0xff) != SQLITE_CORRUPT)
		return;
	log_warn("%s: its end is missing, or it is damaged: what can be read is read", s->path);
	s->damaged++;
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
	sqlite3_exec(s->db, "PRAGMA query_only=1", NULL, NULL, NULL);
}

/* Is it one, and one that we can read? */
static int recording_check(struct store *s)
{
	int64_t format, id = 0;
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(s->db, "PRAGMA application_id", -1, &st, NULL);

	if (!rc && sqlite3_step(st) == SQLITE_ROW)
		id = sqlite3_column_int64(st, 0);
	rc = sqlite3_finalize(st);
	if (rc && (rc & 0xff) != SQLITE_NOTADB && (rc & 0xff) != SQLITE_CORRUPT) {
		int err = store_errno(s->db, rc);

		return refuse(s, err, err == -EBUSY ? "it is still being recorded" : sqlite3_errmsg(s->db));
	}
	if (id != STORE_APPLICATION)
		return refuse(s, -EBADMSG, "not a recording of spoor, or its beginning is damaged");
	format = about_read(s);
	if (format < 0)
		return refuse(s, (int)format, "damaged: what was recorded cannot be told");
	if (format > STORE_FORMAT) {
		log_error("%s: made by a newer spoor (%s, format %lld): this one reads formats up to %d", s->path,
			  s->about.version, (long long)format, STORE_FORMAT);
		return -EPROTONOSUPPORT;
	}
	return format == STORE_FORMAT ? 0 : refuse(s, -EBADMSG, "damaged: it names no format");
}

int store_reader(struct store *s)
{
	s->codec = codec_new();
	s->zstd = ZSTD_createDCtx();
	return s->codec && s->zstd ? 0 : -ENOMEM;
}

void store_reader_free(struct store *s)
{
	codec_free(s->codec);
	ZSTD_freeDCtx(s->zstd);
	free(s->raw[0]);
	free(s->raw[1]);
	s->codec = NULL;
	s->zstd = NULL;
	s->raw[0] = s->raw[1] = NULL;
}

static int store_ready(struct store *s)
{
	int err;

	store_harden(s->db);
	truncated_check(s);
	err = recording_check(s);
	if (err)
		return err;
	return store_reader(s);
}

/* A lock that a recorder's excludes, not that of other readers. */
static int lock_take(struct store *s)
{
	struct stat st;

	s->lock = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (s->lock < 0)
		return refuse(s, -errno, strerror(errno));
	if (fstat(s->lock, &st) || !S_ISREG(st.st_mode))
		return refuse(s, -EINVAL, "not a regular file");
	if (flock(s->lock, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK)
		return refuse(s, -EBUSY, "it is still being recorded");
	return 0;
}

/* Of a recording that was cut off, part is still in its log. Where no file can be made beside it, or the disk is full,
 * SQLite reads the log without (exclusive mode, no locks: ours is the flock). */
static int database_open(struct store *s, bool writable)
{
	int rc = sqlite3_open_v2(s->path, &s->db, writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, NULL);

	if (!rc)
		rc = sqlite3_exec(s->db, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
	rc &= 0xff;
	if (rc != SQLITE_CANTOPEN && rc != SQLITE_READONLY && rc != SQLITE_IOERR && rc != SQLITE_FULL && rc != SQLITE_PERM)
		return 0; /* what else is wrong, recording_check says */
	sqlite3_close(s->db);
	s->db = NULL;
	rc = sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READONLY, "unix-none");
	if (!rc)
		rc = sqlite3_exec(s->db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL);
	return rc ? refuse(s, store_errno(s->db, rc), sqlite3_errmsg(s->db)) : 0;
}

static struct store *store_new(const char *path)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->lock = -1;
	snprintf(s->path, sizeof(s->path), "%s", path);
	return s;
}

int store_open(struct store **to, const char *path, bool writable)
{
	struct store *s = store_new(path);
	int err = s ? lock_take(s) : -ENOMEM;

	if (!err)
		err = database_open(s, writable);
	if (!err)
		err = store_ready(s);
	if (err) {
		store_close(s);
		return err;
	}
	*to = s;
	return 0;
}

int store_open_bytes(struct store **to, const void *data, size_t n)
{
	struct store *s = store_new("(bytes)");
	unsigned char *copy = sqlite3_malloc64(n ? n : 1);
	int err = s && copy ? 0 : -ENOMEM;

	if (!err)
		err = store_errno(NULL, sqlite3_open_v2(":memory:", &s->db, SQLITE_OPEN_READWRITE, NULL));
	if (err) {
		sqlite3_free(copy);
	} else {
		memcpy(copy, data, n);
		err = store_errno(s->db, sqlite3_deserialize(s->db, "main", copy, (sqlite3_int64)n, (sqlite3_int64)n,
							     SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE));
	}
	if (!err)
		err = store_ready(s);
	if (err) {
		store_close(s);
		return err;
	}
	*to = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	sqlite3_close(s->db);
	store_reader_free(s);
	if (s->lock >= 0)
		close(s->lock); /* after SQLite's: closing it gives up the locks of all its descriptors */
	free(s);
}

const struct store_about *store_about(const struct store *s)
{
	return &s->about;
}

/* ---- chunks ---- */

static int damaged(struct store *s, int64_t id, const char *why)
{
	if (!s->damaged++)
		log_warn("%s: chunk %lld is damaged (%s): what is in it is left out", s->path, (long long)id, why);
	return -EBADMSG;
}

static void info_take(sqlite3_stmt *st, struct chunk_info *info)
{
	uint64_t *const to[] = { &info->t0, &info->t1, &info->n, &info->longest, &info->errors };

	info->id = sqlite3_column_int64(st, 0);
	info->kind = sqlite3_column_int(st, 1);
	for (int i = 0; i < 5; i++)
		*to[i] = (uint64_t)sqlite3_column_int64(st, i + 2);
}

/* Beyond a page that cannot be read, there may be others that can: on from ever farther behind it. */
int chunks_list(struct store *s, unsigned int kinds, chunks_t *list)
{
	int64_t from = 0, skip = 1;
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(s->db, "SELECT id, kind, t0, t1, n, longest, errors FROM chunk WHERE id >= ? ORDER BY id", -1,
				    &st, NULL), err = 0;

	if (rc)
		return store_errno(s->db, rc);
	while (!err && skip < INT64_C(1) << 40) {
		sqlite3_bind_int64(st, 1, from);
		while (!err && (rc = sqlite3_step(st)) == SQLITE_ROW) {
			struct chunk_info info;

			info_take(st, &info);
			from = info.id < INT64_MAX ? info.id + 1 : info.id;
			skip = 1;
			if (info.kind > 0 && info.kind < 32 && kinds & 1u << info.kind)
				err = vec_push(list, info);
		}
		sqlite3_reset(st);
		if (rc == SQLITE_DONE || err || from > INT64_MAX - skip)
			break;
		damaged(s, from, sqlite3_errmsg(s->db));
		from += skip;
		skip *= 2;
	}
	sqlite3_finalize(st);
	return err;
}

/* One of its two strings of bytes. */
static int unpack(struct store *s, int which, const void *from, size_t n, size_t *made)
{
	unsigned long long size = ZSTD_getFrameContentSize(from, n);
	size_t got;

	if (size > CODEC_MAX) /* so are the two values that stand for "not known" */
		return -EBADMSG;
	if (s->raw_cap[which] < size || !s->raw[which]) {
		unsigned char *p = realloc(s->raw[which], size + 1);

		if (!p)
			return -ENOMEM;
		s->raw[which] = p;
		s->raw_cap[which] = size;
	}
	got = ZSTD_decompressDCtx(s->zstd, s->raw[which], size, from, n);
	*made = got;
	return ZSTD_isError(got) || got != size ? -EBADMSG : 0;
}

/* The dictionary (which 0) or the body. */
static int half_load(struct store *s, int64_t id, int which, size_t *made)
{
	static const char *const sql[] = { "SELECT dict FROM chunk WHERE id = ?", "SELECT body FROM chunk WHERE id = ?" };
	const void *p;
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(s->db, sql[which], -1, &st, NULL), err = 0;

	if (rc)
		return damaged(s, id, sqlite3_errmsg(s->db));
	sqlite3_bind_int64(st, 1, id);
	if (sqlite3_step(st) != SQLITE_ROW) {
		err = damaged(s, id, sqlite3_errmsg(s->db));
	} else {
		p = sqlite3_column_blob(st, 0);
		err = p ? unpack(s, which, p, (size_t)sqlite3_column_bytes(st, 0), made) : -EBADMSG;
		if (err == -EBADMSG)
			damaged(s, id, "its bytes are not those that were written");
	}
	sqlite3_finalize(st);
	return err;
}

int chunk_dict(struct store *s, int64_t id)
{
	size_t n;
	int err = half_load(s, id, 0, &n);

	if (err)
		return err;
	err = codec_open(s->codec, s->raw[0], n, NULL, 0);
	return err == -EBADMSG ? damaged(s, id, "its dictionary") : err;
}

int chunk_body(struct store *s, int64_t id)
{
	size_t n;
	int err = half_load(s, id, 1, &n);

	return err ? err : codec_body(s->codec, s->raw[1], n);
}

int chunk_load(struct store *s, int64_t id)
{
	int err = chunk_dict(s, id);

	return err ? err : chunk_body(s, id);
}
