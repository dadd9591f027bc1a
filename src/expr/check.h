/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* What the files check*.c share: names and types given to a tree. */
#ifndef SPOOR_EXPR_CHECK_H
#define SPOOR_EXPR_CHECK_H

#include "expr/diag.h"
#include "expr/ir.h"

enum value_kind { V_PLAIN, V_COMM, V_KSTACK, V_USTACK, V_FUNC, V_TEXT, V_ADDR, V_STRING /* str(x) */, V_PATH };

/* What an expression means. */
struct value {
	enum value_kind kind;
	struct ir *ir;            /* the value; of a place its address */
	struct type *type;        /* NULL: a number, nothing more is known */
	bool place;               /* it is in memory */
	uint32_t bit_off, bit_size; /* a bit field: within the place */
	bool is_time;
	const struct expr *constant; /* V_TEXT, V_ADDR */
	struct list_walk *list;   /* the value is an element's */
	struct path_walk *path;
	int param;                /* it is this parameter, from 0; -1: not */
	bool packet;              /* a header of a packet */
	bool text_at;             /* Sdata: an index gives the string from there on */
};

struct check {
	const struct probe_ast *ast;
	struct plan *plan;
	struct env *env;
	struct diag *d;
	struct types *types;      /* of the probe's side, NULL: none */
	struct value *args;       /* those checked so far, in order; for names in filters */
	unsigned int nargs;
	bool in_filter;
	unsigned int packet_mark; /* of the packet under way */
};

/* 0 or -errno with the diagnosis. */
int check_target(struct check *c);
int check_expr(struct check *c, const struct expr *e, struct value *out);
int check_call(struct check *c, const struct expr *e, struct value *out);
int check_packet(struct check *c, const struct expr *e, struct value *out);
int check_packet_data(struct check *c, const struct value *packet, const char *name, struct value *out);
int check_param(struct check *c, uint64_t n, struct span at, struct value *out);
int check_retval(struct check *c, struct span at, struct value *out);
int check_name(struct check *c, const char *name, struct span at, bool only_builtin, struct value *out);
int check_path(struct check *c, struct value v, struct span at, struct value *out);
int check_symbol(struct check *c, const struct expr *e, struct value *out);
int check_member(struct check *c, struct value base, const char *name, struct span whole, struct span at, struct value *out);
int check_type(struct check *c, const struct type_name *n, struct type **out);
int check_compare(struct check *c, const struct expr *e, struct value *out);

struct value value_unwrapped(struct check *c, const struct value *v);
/* The value as a number in a register. */
int check_number(struct check *c, const struct value *wrapped, struct span at, struct ir **out);
bool value_is_string(const struct value *v);
/* The address of a string's characters. */
int check_string(struct check *c, const struct value *v, struct span at, struct ir **out);
enum space check_space(const struct check *c, const struct value *v);

/* An argument's or a key's place in the record. */
int check_out(struct check *c, const struct value *wrapped, struct span at, bool key, struct out *o);

/* Nodes; NULL: no memory (check_oom tells). */
struct ir *ir_new(struct check *c, enum ir_op op, struct ir *a, struct ir *b);
struct ir *ir_num(struct check *c, uint64_t n);
struct ir *ir_add(struct check *c, struct ir *a, uint64_t n);
struct ir *ir_load(struct check *c, struct ir *at, uint64_t off, unsigned int bytes, bool is_signed, enum space space);
int check_oom(struct check *c);

struct type *type_of_number(unsigned int bytes, bool is_signed); /* needs no store */
struct type *type_real(struct check *c, struct type *t);         /* a forward declaration's definition */
bool type_is_scalar(const struct type *t);
void check_note_prototype(struct check *c);
int check_fields(struct check *c, const char *name, struct value *out); /* -ENOENT: no such field */
/* Slots of the parameter: its first, and how many; 0: in memory. */
unsigned int param_slot(const struct type *proto, unsigned int n, unsigned int *count);

#endif
