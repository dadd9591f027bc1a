/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * What a probe's text says, before anything is known of types: docs/probe-language.md has the grammar.
 *	p tcp_sendmsg size len=%2 f:size>1k | hist len by comm
 *	^ ^           ^    ^      ^           ^
 *	| target      arguments   filter      aggregation
 *	letter
 * Nodes, strings and lists live in the tree's arena and end with it. Each node knows where in the text it stands.
 */
#ifndef SPOOR_EXPR_AST_H
#define SPOOR_EXPR_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;

struct span { uint32_t at, len; };   /* bytes of the probe's text */

enum expr_kind {
	EXPR_NUMBER,   /* number; with a unit it is ns or bytes: 1ms, 4k */
	EXPR_STRING,   /* text, without quotes, escapes resolved */
	EXPR_ADDR,     /* 127.0.0.1, ::1: addr, naddr bytes in network order */
	EXPR_PARAM,    /* %0, %1: number */
	EXPR_REG,      /* %ax: text */
	EXPR_VAR,      /* $retval, $comm: text without the $ */
	EXPR_NAME,     /* a bare word: parameter, field, builtin (pid), or in a filter an argument's name */
	EXPR_SYMBOL,   /* @name: the kernel's variable of that name, its value; text */
	EXPR_AT,       /* @0xffff...: what is at that address; number */
	EXPR_MEMBER,   /* a->text or a.text (arrow tells which was typed) */
	EXPR_INDEX,    /* a[b] */
	EXPR_CAST,     /* !(struct file *)a, (struct file *)a: type, a */
	EXPR_PACKET,   /* @(struct iphdr *)l3 a: type, layer, a is the struct sk_buff * */
	EXPR_UNARY,    /* op a: - ! ~ * & */
	EXPR_BINARY,   /* a op b */
	EXPR_CALL,     /* text(args): list(...), str(...) */
};

enum expr_op {
	OP_NONE, OP_NEG, OP_NOT, OP_INV, OP_DEREF, OP_ADDRESS,
	OP_MUL, OP_DIV, OP_MOD, OP_ADD, OP_SUB, OP_SHL, OP_SHR,
	OP_LT, OP_LE, OP_GT, OP_GE, OP_EQ, OP_NE, OP_GLOB /* ~ */, OP_NGLOB /* !~ */,
	OP_BAND, OP_XOR, OP_BOR, OP_AND, OP_OR,
};

/* A type as written in a cast: "struct sk_buff *", "unsigned int", "u8 [16]" (list(...) has one as an argument, too). */
struct type_name {
	struct span span;
	enum { TYPE_NAME_PLAIN, TYPE_NAME_STRUCT, TYPE_NAME_UNION, TYPE_NAME_ENUM } tag;
	const char *name;        /* "sk_buff", "unsigned int" (words joined by one space) */
	unsigned int stars;
	uint32_t count;          /* of an array, 0: none */
};

struct expr {
	enum expr_kind kind;
	enum expr_op op;
	struct span span;        /* of all of it; EXPR_MEMBER's name: name_span */
	struct span name_span;   /* of EXPR_BINARY the operator */
	uint64_t number;
	const char *text;
	uint8_t addr[16];
	uint8_t naddr;           /* 4 or 16 */
	/* Of EXPR_PACKET: the layer that skb->data points at where the probe is: 2, 3, 4; 0: not given, which means 3. The header
	 * read is the one that type names, of that layer or above (struct udphdr with l3 is behind the IP header); members
	 * cdata, sdata, ldata, qdata, Sdata are what follows that header. So it is in surftrace. */
	uint8_t layer;
	bool arrow;
	struct type_name type;
	struct expr *a, *b;
	struct expr *args, *next; /* of a call; next: the argument after this one. An argument that is a type is EXPR_CAST with a NULL */
};

/* How a value is shown: the prefix of an argument, or what its name begins with. */
enum show {
	SHOW_AUTO, SHOW_SIGNED, SHOW_UNSIGNED, SHOW_HEX,       /* S U X */
	SHOW_IP,                                               /* ip_ */
	SHOW_SWAP_HEX, SHOW_SWAP_DEC,                          /* B16_, B32_, B64_ and b16_, b32_, b64_: bits says how many */
};

struct arg {
	struct arg *next;
	struct span span;
	const char *name;        /* before the =; of a bare expression the text of it: "size", "%0->comm" */
	bool named;              /* there was a = */
	enum show show;
	uint8_t bits;
	struct expr *expr;
};

enum agg_fn { AGG_NONE, AGG_COUNT, AGG_SUM, AGG_AVG, AGG_MIN, AGG_MAX, AGG_HIST /* log2, quantize */, AGG_LINEAR, AGG_STATS };

struct agg {
	enum agg_fn fn;
	struct span span;
	struct expr *value;      /* NULL: of count */
	struct expr *by;         /* keys, linked by next; NULL: one row for all */
	uint64_t low, high, step; /* of linear(value, low, high, step) */
	uint64_t top;            /* rows shown; 0: all */
};

struct probe_ast {
	const char *text;        /* the whole probe, as typed; spans point into it */
	char letter;             /* p r: kernel function; e: tracepoint's fields; t: its typed arguments; P R: user space; s: samples */
	struct span target_span;
	const char *bin;         /* of P and R, before the colon: path, name on PATH, library ("libc"), or pid */
	const char *provider;    /* USDT; e: the system ("sched") */
	const char *func;        /* function, event or USDT probe; may hold * ? [ ] */
	struct span func_span;
	uint64_t off;            /* FUNC+OFF */
	uint64_t hz;             /* of s, "99hz"; or period, ns: "1ms" */
	uint64_t period;
	bool glob;               /* func is a pattern */
	struct arg *args;        /* NULL: none given: all parameters */
	struct expr *filter;     /* NULL: none */
	struct agg agg;
	void *arena;
};

/* A tree, or NULL with errno set (EINVAL: d says what is wrong). text is copied. */
struct probe_ast *probe_parse(const char *text, struct diag *d);
void probe_ast_free(struct probe_ast *p); /* NULL is fine */

/* A type name alone, as in `spoor types 'struct sk_buff'`. name is freed by the caller. 0, -EINVAL or -ENOMEM. */
int type_name_parse(const char *text, struct type_name *to, struct diag *d);

/* Writes the tree in one canonical line, fully parenthesised: what tests compare, and what -v shows. Length as snprintf. */
size_t probe_ast_print(const struct probe_ast *p, char *buf, size_t cap);

#endif
