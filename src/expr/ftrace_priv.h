/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Between the files ftrace*.c. */
#ifndef SPOOR_EXPR_FTRACE_PRIV_H
#define SPOOR_EXPR_FTRACE_PRIV_H

#include "expr/ftrace.h"
#include "expr/gen.h"

enum leaf_kind { LEAF_NUMBER, LEAF_STRING, LEAF_BYTES, LEAF_COMM };
enum {
	FETCH_MAX = 256,         /* characters of an argument */
	ARGS_MOST = 100,         /* the kernel has 128 */
	BYTES_WORDS = 64,        /* elements of an array */
	FUNCS_MOST = 512,        /* events of a pattern */
};

/* Something that ftrace reads, an argument of the event. */
struct leaf {
	enum leaf_kind kind;
	const struct ir *ir;     /* the value; of STRING and BYTES their address; NULL: COMM */
	char name[48], fetch[FETCH_MAX + 16]; /* "len", "+112(%di):u32" */
	uint32_t bytes;          /* of BYTES */
	bool shown;              /* it is a field of the hit as it stands */
	uint32_t off, size;      /* in the event's data, from its format */
	bool data_loc;
};
typedef VEC(struct leaf) leaves_t;

struct event {
	char name[64];           /* "p0", "p0_12"; of a tracepoint its own */
	char system[64];         /* of a tracepoint; else "": the group */
	char *place;             /* "vfs_read+0x10", "/bin/bash:0x1234" */
	uint64_t func;           /* its address where known, else 0 */
	unsigned int id;         /* the kernel's, 0: not yet */
};

struct ftprobe {
	const struct plan *p;
	leaves_t leaves;
	VEC(struct event) events;
	char *filter;            /* in ftrace's words; NULL: none */
	bool filtered_here;      /* the rest of the filter is for us */
	bool computes;           /* a field is */
	bool wants_stack;
};

struct reader;
struct ftrace {
	struct ftprobe *probes;
	unsigned int n;
	char group[32];          /* of the events, and the instance's name */
	int tracefs, instance;   /* descriptors, -1 */
	unsigned int made;       /* events that are in the kernel */
	bool stacks;
	char *pids;              /* for set_event_pid; NULL: all */
	bool children;           /* theirs, too */
	struct reader *reader;   /* NULL: not open */
	uint64_t lost;
	unsigned int stack_id;   /* of ftrace's own event kernel_stack */
	uint32_t stack_off;
};

/* Growing text. */
struct ftext { char *s; size_t n, cap; int err; };
void ftext_add(struct ftext *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- ftrace_fetch.c: what ftrace can read ---- */

/* The value as a fetch argument with its type into s. False: it cannot be one. */
bool fetch_number(const struct plan *p, const struct ir *ir, char s[FETCH_MAX]);
/* What is at the address ir: its bytes as "string", "x64[4]" ... */
bool fetch_at(const struct plan *p, const struct ir *ir, enum space space, const char *type, char s[FETCH_MAX]);
bool ir_same(const struct ir *a, const struct ir *b);
bool ir_in_record(const struct plan *p, const struct ir *ir); /* an address in a tracepoint's own record */
bool ir_here(const struct ir *ir); /* what every event tells */

/* ---- ftrace_plan.c ---- */
int ftprobe_plan(struct ftrace *f, struct ftprobe *fp, unsigned int index, struct diag *d);
struct leaf *leaf_find(const struct ftprobe *fp, enum leaf_kind kind, const struct ir *ir);
/* Adds what the value or condition needs. -EOPNOTSUPP. */
int leaves_need(struct ftprobe *fp, const struct ir *ir, const char *name);

/* ---- ftrace_show.c ---- */

/* "p:GROUP/p0 vfs_read len=%dx:u64": an event's line for kprobe_events or uprobe_events; hidden: with what only we read. */
void event_define(const struct ftprobe *fp, const struct event *e, const char *group, bool hidden, struct ftext *t);
const char *event_system(const struct event *e, const char *group);
static inline const char *events_file(const struct plan *p) { return plan_is_user(p) ? "uprobe_events" : "kprobe_events"; }

/* ---- ftrace_filter.c ---- */
int filter_plan(struct ftprobe *fp, struct diag *d);

/* ---- ftrace_eval.c ---- */

/* One event as it came. */
struct seen {
	const struct ftprobe *fp;
	const uint8_t *data;
	uint32_t size;
	uint64_t t;
	uint32_t tid, tgid, cpu;
	const char *comm;
	uint64_t func;
	bool fault;              /* something that was looked at could not be read */
};
uint64_t eval(struct seen *s, const struct ir *ir);
/* The string at an address, at most max bytes with its NUL. Length with it, negative: it could not be read. */
int eval_string(struct seen *s, const struct ir *ir, char *to, unsigned int max);
int leaf_string(const struct seen *s, const struct leaf *l, char *to, unsigned int max); /* as eval_string() */
/* Fills a record. False: the filter says no. stack: addresses, n of them. */
bool record_fill(struct seen *s, uint8_t *record, const uint64_t *stack, unsigned int n);

/* ---- ftrace_ring.c: pages of the ring buffer ---- */

struct ring_event { const uint8_t *data; uint32_t size; uint64_t t; };
/* Each event of a page as the kernel hands it out; *lost: events missing before it. False: the page is not one. */
bool ring_page(const uint8_t *page, size_t size, bool (*fn)(void *ctx, const struct ring_event *e), void *ctx, uint64_t *lost);

#endif
