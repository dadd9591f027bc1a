/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* `spoor report --sql`: one query on a recording that may be anybody's. It reads tables and nothing else. */
#include <errno.h>

#include "base/log.h"
#include "store/store_priv.h"

/* Where the file cannot be written, a copy of it can, for as long as it is open. */
static int copy_open(struct store *s)
{
	sqlite3_backup *b;
	sqlite3 *copy;
	int rc = sqlite3_open_v2("", &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), err;

	if (!rc) {
		b = sqlite3_backup_init(copy, "main", s->db, "main");
		rc = b ? sqlite3_backup_step(b, -1) : sqlite3_errcode(copy);
		sqlite3_backup_finish(b);
	}
	err = store_errno(copy, rc);
	if (err) {
		log_error("%s: cannot be copied, to make the tables for SQL: %s", s->path, sqlite3_errmsg(copy));
		sqlite3_close(copy);
		return err;
	}
	sqlite3_close(s->db);
	s->db = copy;
	store_harden(copy);
	return 0;
}

int store_fill(struct store *s)
{
	int err = 0;

	if (s->about.tables)
		return 0;
	if (sqlite3_db_readonly(s->db, "main"))
		err = copy_open(s);
	if (!err)
		err = tables_fill(s, 0);
	s->about.tables = !err;
	return err;
}

static int only_reading(void *ctx, int action, const char *a, const char *b, const char *db, const char *trigger)
{
	(void)ctx, (void)a, (void)db, (void)trigger;
	switch (action) {
	case SQLITE_SELECT: case SQLITE_READ: case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION: /* what allocates, loads or reads files is none that a query needs */
		return b && (!sqlite3_stricmp(b, "load_extension") || !sqlite3_stricmp(b, "readfile") ||
			     !sqlite3_stricmp(b, "writefile") || !sqlite3_stricmp(b, "edit") ||
			     !sqlite3_stricmp(b, "fts3_tokenizer")) ? SQLITE_DENY : SQLITE_OK;
	default:
		return SQLITE_DENY;
	}
}

/* A value may hold anything: what would break the line, or the terminal, is escaped. */
static void value_print(FILE *out, const unsigned char *s)
{
	for (; s && *s; s++) {
		if (*s == '\t' || *s == '\n' || *s == '\\')
			fprintf(out, "\\%c", *s == '\t' ? 't' : *s == '\n' ? 'n' : '\\');
		else if (*s < 0x20 || *s == 0x7f)
			fprintf(out, "\\x%02x", *s);
		else
			fputc(*s, out);
	}
}

static int rows_print(sqlite3_stmt *st, FILE *out)
{
	int n = sqlite3_column_count(st), rc;

	for (int i = 0; i < n; i++) {
		fputs(i ? "\t" : "", out);
		value_print(out, (const unsigned char *)sqlite3_column_name(st, i));
	}
	fputc('\n', out);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		for (int i = 0; i < n; i++) {
			fputs(i ? "\t" : "", out);
			value_print(out, sqlite3_column_text(st, i));
		}
		if (fputc('\n', out) == EOF)
			return errno == EPIPE ? SQLITE_INTERRUPT : SQLITE_IOERR;
	}
	return rc;
}

int store_sql(struct store *s, const char *sql, FILE *out)
{
	sqlite3_stmt *st = NULL;
	const char *tail = "";
	int rc;

	sqlite3_exec(s->db, "PRAGMA query_only=1", NULL, NULL, NULL);
	sqlite3_set_authorizer(s->db, only_reading, NULL);
	sqlite3_limit(s->db, SQLITE_LIMIT_SQL_LENGTH, 1 << 20);
	sqlite3_limit(s->db, SQLITE_LIMIT_EXPR_DEPTH, 200);
	rc = sqlite3_prepare_v2(s->db, sql, -1, &st, &tail);
	if (rc == SQLITE_OK && !st) {
		log_error("--sql: there is no query in it");
		return -EINVAL;
	}
	if (rc == SQLITE_OK && tail[strspn(tail, " \t\n;")]) {
		log_error("--sql: one query at a time; what follows it is '%.40s'", tail);
		sqlite3_finalize(st);
		return -EINVAL;
	}
	if (rc == SQLITE_OK)
		rc = rows_print(st, out);
	if (rc != SQLITE_DONE && rc != SQLITE_INTERRUPT)
		log_error("--sql: %s", rc == SQLITE_AUTH ? "a query may only read the recording's tables" : sqlite3_errmsg(s->db));
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : rc == SQLITE_INTERRUPT ? -EPIPE : -EINVAL;
}
