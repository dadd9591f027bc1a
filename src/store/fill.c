/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Tables from chunks: rows, numbers of names, and the run over all chunks. What a row holds is fill_rows.c. */
#include <errno.h>
#include <stdarg.h>

#include "base/log.h"
#include "store/tables.h"

struct idmap_entry { uint32_t hash, len; int64_t id; uint8_t *key; };

void fill_row(struct fill *f, enum table table, const char *types, ...)
{
	sqlite3_stmt *st = f->stmt[table];
	va_list ap;
	int i = 1;

	if (f->err)
		return;
	va_start(ap, types);
	for (; *types; types++, i++) {
		if (*types == 't') {
			sqlite3_bind_text(st, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
		} else {
			int64_t v = va_arg(ap, int64_t);

			if (*types == '0' || (*types == 'k' && !v))
				sqlite3_bind_null(st, i);
			else
				sqlite3_bind_int64(st, i, v);
		}
	}
	va_end(ap);
	f->err = store_errno(f->s->db, sqlite3_step(st));
	sqlite3_reset(st);
}

/* ---- numbers of what comes again ---- */

static uint32_t bytes_hash(const uint8_t *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return (uint32_t)(h >> 32 ^ h);
}

static int idmap_grow(struct idmap *m)
{
	struct idmap old = *m;

	if (m->n < m->cap / 2)
		return 0;
	m->cap = old.cap ? old.cap * 2 : 1024;
	m->v = calloc(m->cap, sizeof(*m->v));
	if (!m->v) {
		*m = old;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.cap; i++) {
		size_t at = old.v[i].hash & (m->cap - 1);

		if (!old.v[i].id)
			continue;
		while (m->v[at].id)
			at = (at + 1) & (m->cap - 1);
		m->v[at] = old.v[i];
	}
	free(old.v);
	return 0;
}

/* Its number; *fresh: it had none until now. 0: no memory. */
static int64_t idmap_id(struct idmap *m, const void *key, size_t len, bool *fresh)
{
	uint32_t h = bytes_hash(key, len);
	struct idmap_entry *e;
	size_t at;

	*fresh = false;
	if (idmap_grow(m))
		return 0;
	for (at = h & (m->cap - 1); m->v[at].id; at = (at + 1) & (m->cap - 1))
		if (m->v[at].hash == h && m->v[at].len == len && !memcmp(m->v[at].key, key, len))
			return m->v[at].id;
	e = &m->v[at];
	e->key = malloc(len ? len : 1);
	if (!e->key)
		return 0;
	memcpy(e->key, key, len);
	*fresh = true;
	e->hash = h;
	e->len = (uint32_t)len;
	e->id = (int64_t)++m->n;
	return e->id;
}

static void idmap_free(struct idmap *m)
{
	for (size_t i = 0; i < m->cap; i++)
		free(m->v[i].key);
	free(m->v);
}

static struct cached *cached_at(struct cached cache[CACHE], const void *p)
{
	return &cache[((uintptr_t)p * 0x9e3779b97f4a7c15ull) >> 52];
}

int64_t fill_name(struct fill *f, const char *s)
{
	struct cached *c = cached_at(f->names, s);
	bool fresh;

	if (c->p == s)
		return c->id;
	c->p = s;
	c->id = idmap_id(&f->name, s, strlen(s), &fresh);
	if (!c->id)
		f->err = -ENOMEM;
	else if (fresh)
		fill_row(f, T_name, "it", c->id, s);
	return c->id;
}

int64_t fill_tuple(struct fill *f, struct idmap *map, enum table table, const int64_t *v, unsigned int n)
{
	sqlite3_stmt *st = f->stmt[table];
	bool fresh;
	int64_t id = idmap_id(map, v, n * sizeof(*v), &fresh);

	if (!id)
		f->err = -ENOMEM;
	if (!fresh || f->err)
		return id;
	sqlite3_bind_int64(st, 1, id);
	for (unsigned int i = 0; i < n; i++)
		sqlite3_bind_int64(st, (int)i + 2, v[i]);
	f->err = store_errno(f->s->db, sqlite3_step(st));
	sqlite3_reset(st);
	return id;
}

/* Told apart by their names and addresses. */
static int stack_key(struct fill *f, const struct stack *s)
{
	f->key.n = 0;
	for (unsigned int i = 0; i < s->n; i++) {
		const char *name = s->name[i] ? s->name[i] : "?";
		size_t len = strlen(name) + 1;

		if (vec_reserve(&f->key, len + sizeof(*s->addr)))
			return -ENOMEM;
		memcpy(f->key.v + f->key.n, name, len);
		f->key.n += len;
		if (s->addr) {
			memcpy(f->key.v + f->key.n, &s->addr[i], sizeof(*s->addr));
			f->key.n += sizeof(*s->addr);
		}
	}
	return 0;
}

int64_t fill_stack(struct fill *f, const struct stack *s)
{
	struct cached *c = cached_at(f->stacks, s);
	bool fresh = false;

	if (!s || c->p == s)
		return s ? c->id : 0;
	c->p = s;
	c->id = stack_key(f, s) ? 0 : idmap_id(&f->stack, f->key.v ? (const void *)f->key.v : "", f->key.n, &fresh);
	if (!c->id)
		f->err = -ENOMEM;
	for (unsigned int i = 0; i < s->n && fresh; i++)
		fill_row(f, T_frames, s->addr ? "iiit" : "ii0t", c->id, (int64_t)i, s->addr ? (int64_t)s->addr[i] : 0,
			 s->name[i] ? s->name[i] : "?");
	return c->id;
}

void fill_hist(struct fill *f, const char *owner, int64_t id, const uint64_t hist[HIST_N])
{
	for (unsigned int i = 0; i < HIST_N; i++)
		if (hist[i])
			fill_row(f, T_histograms, "tiiii", owner, id, (int64_t)hist_lower(i), (int64_t)hist_lower(i + 1),
				 (int64_t)hist[i]);
}

/* ---- the run ---- */

static void fill_losses(struct fill *f, const struct losses *l)
{
	for (unsigned int i = 0; i < l->n; i++)
		fill_row(f, T_losses, "tti", l->v[i].what, l->v[i].why, (int64_t)l->v[i].n);
}

static void fill_cost(struct fill *f, const struct cost *c)
{
	fill_row(f, T_cost, "iiiiiiiiiii", (int64_t)c->wall, (int64_t)c->cpu_user, (int64_t)c->cpu_sys, (int64_t)c->bpf_known,
		 (int64_t)c->bpf_ns, (int64_t)c->bpf_runs, (int64_t)c->ops, (int64_t)c->rss, (int64_t)c->rss_peak,
		 (int64_t)c->map_bytes, (int64_t)c->attach_ns);
	for (unsigned int i = 0; i < c->nunseen; i++)
		fill_row(f, T_unseen, "tt", c->unseen[i].what, c->unseen[i].why);
}

static void fill_message(struct fill *f, const struct message *m)
{
	switch (m->type) {
	case MSG_OP: fill_op(f, &m->op); break;
	case MSG_DELAY: fill_delay(f, &m->delay); break;
	case MSG_CALL: fill_call(f, &m->call); break;
	case MSG_HIT: fill_hit(f, &m->hit); break;
	case MSG_SUMMARY: fill_summary(f, &m->summary); break;
	case MSG_LOST: fill_losses(f, &m->lost); break;
	case MSG_COST: fill_cost(f, &m->cost); break;
	default: break;
	}
}

static int fill_chunk(struct fill *f, const struct chunk_info *info)
{
	struct message m;
	int err = chunk_load(f->s, info->id), got = 1;

	memset(f->names, 0, sizeof(f->names)); /* addresses in the chunk before */
	memset(f->stacks, 0, sizeof(f->stacks));
	if (err)
		return err == -EBADMSG ? 0 : err;
	while (!f->err && (got = codec_next(f->s->codec, &m)) > 0)
		fill_message(f, &m);
	if (!f->err && got == -EBADMSG && !f->s->damaged++)
		log_warn("%s: chunk %lld is damaged: the rest of it is left out", f->s->path, (long long)info->id);
	return f->err ? f->err : got == -ENOMEM ? got : 0;
}

int tables_create(sqlite3 *db)
{
	if (sqlite3_table_column_metadata(db, "main", "operation_row", NULL, NULL, NULL, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return store_errno(db, sqlite3_exec(db, tables_schema, NULL, NULL, NULL));
}

static int fill_all(struct fill *f)
{
	chunks_t chunks = { 0 };
	int err = tables_create(f->s->db);

	for (int i = 0; i < T_N && !err; i++)
		err = store_errno(f->s->db, sqlite3_prepare_v2(f->s->db, tables_insert[i], -1, &f->stmt[i], NULL));
	if (!err)
		err = chunks_list(f->s, ~0u, &chunks);
	for (size_t i = 0; i < chunks.n && !err; i++)
		err = fill_chunk(f, &chunks.v[i]);
	vec_free(&chunks);
	return err ? err : meta_set_number(f->s->db, "tables", STORE_FORMAT);
}

static void fill_free(struct fill *f)
{
	for (int i = 0; i < T_N; i++)
		sqlite3_finalize(f->stmt[i]);
	idmap_free(&f->name);
	idmap_free(&f->task);
	idmap_free(&f->file);
	idmap_free(&f->site);
	idmap_free(&f->route);
	idmap_free(&f->stack);
	vec_free(&f->key);
	free(f);
}

/* All of it or nothing. */
static int fill_transaction(struct fill *f)
{
	sqlite3 *db = f->s->db;
	int err = store_errno(db, sqlite3_exec(db, "BEGIN", NULL, NULL, NULL));

	if (err)
		return err;
	err = fill_all(f);
	for (int i = 0; i < T_N; i++) {
		sqlite3_finalize(f->stmt[i]);
		f->stmt[i] = NULL;
	}
	if (!err)
		err = store_errno(db, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
	if (err && !sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

static int max_pages(sqlite3 *db, uint64_t bytes)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%llu", (unsigned long long)(bytes / 4096));
	return store_errno(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

int tables_fill(struct store *s, uint64_t max_size)
{
	struct fill *f = calloc(1, sizeof(*f));
	bool own = !s->codec; /* the recorder's, which has read nothing so far */
	int err = f ? 0 : -ENOMEM;

	if (!err)
		f->s = s;
	if (!err && own)
		err = store_reader(s);
	if (!err && max_size)
		err = max_pages(s->db, max_size);
	if (!err)
		err = fill_transaction(f);
	if (err == -ENOSPC && max_size)
		log_warn("the tables for SQL have no room within --max-size: spoor report --sql makes them later");
	else if (err)
		log_warn("the tables for SQL could not be made: %s", strerror(-err));
	if (f)
		fill_free(f);
	if (own)
		store_reader_free(s);
	return err;
}
