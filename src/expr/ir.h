/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * What a probe does, after its names and types are known: check.c makes it, emit*.c turn it into instructions. A tree of
 * operations on 64-bit values; memory is read by IR_LOAD alone, which cannot fault. Offsets and sizes are the running
 * kernel's. Everything lives in the plan's arena.
 */
#ifndef SPOOR_EXPR_IR_H
#define SPOOR_EXPR_IR_H

#include "base/vec.h"
#include "expr/ast.h"
#include "expr/types.h"
#include "kernel/targets.h"

/* Where an address points to. AUTO: its upper half tells, which holds where kernel and user share one address space. */
enum space { SPACE_AUTO, SPACE_KERNEL, SPACE_USER };

enum ir_op {
	IR_NUM,               /* number */
	IR_CTX,               /* size bytes at number of the context, read directly */
	IR_CTX_AT,            /* the address of byte number of the context */
	IR_ARG,               /* the function's or tracepoint's argument in slot number; pointer tells the verifier's view of it */
	IR_RET,               /* what it returns */
	IR_REG,               /* register at byte number of struct pt_regs */
	IR_LAT,               /* ns since the entry */
	IR_IDS,               /* thread group and thread: number 1: pid, 0: tid */
	IR_UID, IR_GID, IR_CPU, IR_CGROUP, IR_NS, IR_TASK, IR_FUNC, IR_KSTACK, IR_USTACK,
	IR_LOAD,              /* size bytes at a + number */
	IR_EXT,               /* a cut to size bytes and extended by its sign or by zeros */
	IR_BITS,              /* bits number... of a, bits of them */
	IR_SWAP,              /* the lower size bytes of a, the other way round */
	IR_NEG, IR_INV,
	IR_MUL, IR_DIV, IR_MOD, IR_ADD, IR_SUB, IR_SHL, IR_SHR, IR_BAND, IR_XOR, IR_BOR,
	/* true or false */
	IR_NOT, IR_LT, IR_LE, IR_GT, IR_GE, IR_EQ, IR_NE, IR_AND, IR_OR,
	IR_STREQ,             /* the string at a, or comm where a is IR_COMM, is text */
	IR_GLOB,              /* it matches the pattern text; number: which of the plan's globs */
	IR_BYTESEQ,           /* the number bytes at a are those of text */
	IR_COMM,              /* only below IR_STREQ and IR_GLOB */
	IR_COND,              /* a ? b : c */
};

struct ir {
	enum ir_op op;
	uint8_t size, bits;
	bool is_signed;       /* of the value; of the operation: comparison, division, shift */
	bool pointer;
	enum space space;     /* of IR_LOAD and what reads at a */
	uint64_t number;
	const char *text;
	struct ir *a, *b, *c;
	/* Of a packet's header: its address if skb->data points at the layer that the mark names and no header has options: for
	 * a back end that only follows pointers. */
	struct ir *flat;
};

/* How a value stands in a record, or in a key. */
enum out_kind {
	OUT_NUMBER,           /* 8 bytes */
	OUT_STRING,           /* 2 bytes: length with its NUL, or negative; then the text, at most size - 2 */
	OUT_BYTES,            /* as in memory: structures, arrays, 16-byte addresses */
	OUT_COMM,             /* 16 bytes */
	OUT_STACK,            /* OUT_STACK_HEAD bytes: length in bytes or negative; then addresses. In a key: 8 bytes, an id */
	OUT_PATH,             /* components, innermost first: see PATH_PARTS */
	OUT_LIST,             /* 8 bytes: how many; then the elements */
};

enum { STACK_DEPTH = 64, STACK_HEAD = 8, STRING_MAX = 256, STRING_KEY = 64, BYTES_MAX = 2048, LIST_MAX = 32,
       PATH_PARTS = 16, PATH_PART = 64 };

struct list_walk {
	struct ir *head;      /* address of the list_head */
	struct ir *elem;      /* what is shown of an element; its IR_ARG of slot LIST_SLOT is the element's address */
	uint64_t link_off;    /* of the list_head within the element */
	struct type *type;    /* of elem */
	enum out_kind kind;   /* of an element: NUMBER or STRING */
	uint32_t size;        /* of one */
};
enum { LIST_SLOT = 63 };

struct path_walk {        /* offsets for walking up from a dentry on a mount */
	struct ir *dentry, *mnt; /* mnt NULL: names up to the root of the file system */
	uint32_t d_parent, d_name, mnt_root, mnt_parent, mnt_mountpoint, mount_mnt;
};

struct out {
	enum out_kind kind;
	const char *name;
	struct ir *ir;        /* the value; of STRING and BYTES the address */
	struct type *type;    /* NULL: a number of which nothing is known */
	enum show show;
	uint8_t bits;
	enum space space;
	bool user_stack;
	bool is_time, is_func, is_stack;
	uint32_t off, size;   /* in the record or the key */
	struct list_walk *list;
	struct path_walk *path;
};
typedef VEC(struct out) outs_t;

enum point { POINT_FUNC, POINT_RETURN, POINT_TRACEPOINT, POINT_RAW, POINT_USER, POINT_USER_RETURN, POINT_USDT, POINT_SAMPLE };

enum { PLAN_SLOTS = 12 };

struct plan {
	const struct probe_ast *ast;
	unsigned int index;       /* among the plans of a run: in its records */
	unsigned int number;      /* of the expression among those given */
	enum point point;
	char *title;              /* "p vfs_read" */
	struct type *proto;       /* TYPE_FUNC; NULL: not known */
	unsigned int slots;       /* argument slots of proto */
	struct types *types;      /* the store that proto came from; not owned */
	struct tp_event event;    /* POINT_TRACEPOINT */
	char *path;               /* user space: the file */
	ufuncs_t ufuncs;
	usdts_t usdts;
	unsigned int usdt_place;  /* the one under way: each place has arguments of its own */

	outs_t outs, keys;        /* of a hit; of an aggregation */
	struct ir *filter;        /* NULL: none */
	struct ir *value;         /* of the aggregation; NULL: count */
	bool value_signed, value_time;
	VEC(const char *) globs;

	bool needs_regs;          /* %ax, FUNC+OFF: only a kprobe has them */
	bool needs_lat;
	bool needs_func;          /* func, of one function: a kprobe tells it everywhere */
	uint32_t entry_slots;     /* a return probe shows these arguments: bit by slot */
	uint32_t pointer_slots;   /* those arguments that are pointers, or structures */
	bool pointer_ret;
	VEC(void *) arena;
};

static inline bool plan_is_return(const struct plan *p) { return p->point == POINT_RETURN || p->point == POINT_USER_RETURN; }
static inline bool plan_is_user(const struct plan *p) { return p->point >= POINT_USER && p->point <= POINT_USDT; }

void *plan_alloc(struct plan *p, size_t size); /* zeroed, ends with the plan; NULL: no memory */
char *plan_text(struct plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void plan_free(struct plan *p);

/* What checking needs of the machine; opened when asked for. */
struct env {
	const char *btf_path;     /* --btf */
	const char *const *more;  /* --types, NULL-terminated; NULL: none */
	struct types *kernel;
	int tracefs;              /* -1: not open */
	VEC(struct env_binary { char *path; struct types *types; }) binaries;
	bool kstack, ustack;      /* -s, -u: with every hit */
	bool ftrace;              /* for the ftrace back end: records have their common fields */
	unsigned int string_max;  /* bytes of a string; 0: STRING_MAX / 2 */
	unsigned int usdt_place;  /* for which the next plan is made */
};
struct types *env_kernel(struct env *e);                     /* NULL with errno set */
struct types *env_binary(struct env *e, const char *path);   /* NULL: it has no types */
int env_tracefs(struct env *e);                              /* descriptor or -errno */
void env_free(struct env *e);

struct diag;
/* The probe's plan, or NULL with errno set and d filled in. The tree must outlive it. */
struct plan *plan_make(const struct probe_ast *ast, struct env *env, struct diag *d);

#endif
