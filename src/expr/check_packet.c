/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* Headers of packets: @(struct iphdr *)l3 X, X a struct sk_buff *. */
#include <errno.h>
#include <string.h>

#include "expr/check.h"

static const struct { const char *name; unsigned int layer; } headers[] = {
	{ "ethhdr", 2 }, { "iphdr", 3 }, { "ipv6hdr", 3 }, { "tcphdr", 4 }, { "udphdr", 4 }, { "icmphdr", 4 }, { "icmp6hdr", 4 },
};

/* Of the header that the type names; of other types the mark's. The parser has seen to it that it is not below the mark. */
static unsigned int layer_of(const struct expr *e)
{
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (!strcmp(headers[i].name, e->type.name))
			return headers[i].layer;
	return e->layer ? e->layer : 3;
}

/* A member of the sk_buff as a number. */
static struct ir *skb_member(struct check *c, struct value skb, const char *name, struct span at)
{
	struct value v;
	struct ir *ir = NULL;

	return check_member(c, skb, name, at, at, &v) || check_number(c, &v, at, &ir) ? NULL : ir;
}

static struct ir *ir_two(struct check *c, enum ir_op op, struct ir *a, struct ir *b)
{
	return a && b ? ir_new(c, op, a, b) : NULL;
}

static struct ir *ir_cond(struct check *c, struct ir *is, struct ir *then, struct ir *otherwise)
{
	struct ir *ir = is && then && otherwise ? ir_new(c, IR_COND, is, then) : NULL;

	if (ir)
		ir->c = otherwise;
	return ir;
}

/* A driver's packet has no network header until the stack takes it: then its data tell, which begin at the marked layer. */
static struct ir *layer3(struct check *c, struct value skb, struct span at, struct ir *head, struct ir *net)
{
	struct ir *data = ir_add(c, skb_member(c, skb, "data", at), c->packet_mark == 2 ? 14 : 0);

	return ir_cond(c, ir_two(c, IR_NE, net, ir_num(c, 0)), ir_two(c, IR_ADD, head, net), data);
}

/* The transport header is set late, too, and until then unset or that of layer 3: then by the IP header's length. */
static struct ir *layer4(struct check *c, struct value skb, struct span at, struct ir *head, struct ir *net)
{
	struct ir *l3 = layer3(c, skb, at, head, net), *tp = skb_member(c, skb, "transport_header", at), *first, *len, *is;

	first = ir_load(c, l3, 0, 1, false, SPACE_KERNEL);
	is = ir_two(c, IR_EQ, ir_two(c, IR_SHR, first, ir_num(c, 4)), ir_num(c, 4));
	len = ir_two(c, IR_SHL, ir_two(c, IR_BAND, first, ir_num(c, 15)), ir_num(c, 2));
	len = ir_two(c, IR_ADD, l3, ir_cond(c, is, len, ir_num(c, 40)));
	is = ir_two(c, IR_AND, ir_two(c, IR_NE, tp, ir_num(c, 0xffff)), ir_two(c, IR_NE, tp, net));
	return ir_cond(c, is, ir_two(c, IR_ADD, head, tp), len);
}

static int packet_base(struct check *c, const struct expr *e, struct value *skb)
{
	const struct type *t;
	char text[128];
	int err = check_expr(c, e->a, skb);

	if (err)
		return err;
	t = skb->type;
	if (t && t->kind == TYPE_PTR && !strcmp(t->to->name, "sk_buff"))
		return 0;
	if (t && t->kind == TYPE_PTR && t->to->kind == TYPE_PTR && !strcmp(t->to->to->name, "sk_buff")) {
		diag_set(c->d, -EINVAL, e->a->span, "in this kernel it is a 'struct sk_buff **', not a 'struct sk_buff *'");
		check_note_prototype(c);
		return -EINVAL;
	}
	diag_set(c->d, -EINVAL, e->a->span, "a packet is a 'struct sk_buff *', this is %s%s%s", t ? "'" : "", t ?
		 type_print(t, text, sizeof(text)) : "a number", t ? "'" : "");
	check_note_prototype(c);
	return -EINVAL;
}

/* With skb->data at the mark's layer: behind the headers between it and this one, as long as they are without options. */
static struct ir *flat_header(struct check *c, const struct expr *e, struct value skb, unsigned int layer)
{
	unsigned int mark = e->layer ? e->layer : 3, off = 0;

	if (mark == 2 && layer > 2)
		off += 14;
	if (mark <= 3 && layer == 4)
		off += strcmp(e->type.name, "icmp6hdr") ? 20 : 40;
	return ir_add(c, skb_member(c, skb, "data", e->a->span), off);
}

int check_packet(struct check *c, const struct expr *e, struct value *out)
{
	unsigned int layer = layer_of(e);
	bool any = !strcmp(e->type.name, "xdata");
	struct value skb;
	struct ir *head, *net, *at;
	struct type *to = NULL;
	int err = 0;

	if (!any)
		err = check_type(c, &(struct type_name){ .span = e->type.span, .tag = e->type.tag, .name = e->type.name }, &to);
	if (!err)
		err = packet_base(c, e, &skb);
	if (err)
		return err;
	c->packet_mark = e->layer ? e->layer : 3;
	head = skb_member(c, skb, "head", e->a->span);
	net = skb_member(c, skb, "network_header", e->a->span);
	if (layer == 2)
		at = ir_two(c, IR_ADD, head, skb_member(c, skb, "mac_header", e->a->span));
	else
		at = layer == 3 ? layer3(c, skb, e->a->span, head, net) : layer4(c, skb, e->a->span, head, net);
	if (at)
		at->flat = flat_header(c, e, skb, layer);
	if (!at || !at->flat)
		return c->d->err ? c->d->err : check_oom(c);
	*out = (struct value){ .ir = at, .type = to ? types_pointer(c->types, to) : NULL, .param = -1, .packet = true };
	return to && !out->type ? check_oom(c) : 0;
}

/* Where what the header carries begins. */
static struct ir *packet_payload(struct check *c, const struct value *packet)
{
	const struct type *t = packet->type ? packet->type->to : NULL;
	struct ir *len, *data;

	if (t && !strcmp(t->name, "iphdr")) { /* its length in words is in the first byte, TCP's in the 13th */
		len = ir_load(c, packet->ir, 0, 1, false, SPACE_KERNEL);
		len = ir_two(c, IR_BAND, len, ir_num(c, 15));
	} else if (t && !strcmp(t->name, "tcphdr")) {
		len = ir_load(c, packet->ir, 12, 1, false, SPACE_KERNEL);
		len = ir_two(c, IR_SHR, len, ir_num(c, 4));
	} else {
		return ir_add(c, packet->ir, t ? t->size : 0);
	}
	data = ir_two(c, IR_ADD, packet->ir, ir_two(c, IR_SHL, len, ir_num(c, 2)));
	if (data && packet->ir->flat)
		data->flat = ir_add(c, packet->ir->flat, t->size);
	return data;
}

/* cdata[i] and its like: what follows the header. -ENOENT: no such name. */
int check_packet_data(struct check *c, const struct value *packet, const char *name, struct value *out)
{
	static const struct { const char *name; unsigned int bytes; } kinds[] = {
		{ "cdata", 1 }, { "sdata", 2 }, { "ldata", 4 }, { "qdata", 8 }, { "Sdata", 0 },
	};
	struct type *of = NULL;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, name))
			continue;
		of = kinds[i].bytes ? type_of_number(kinds[i].bytes, false) : types_find(c->types, TYPE_VOID, "char");
		of = of ? types_array(c->types, of, 0) : NULL;
		*out = (struct value){ .ir = packet_payload(c, packet), .type = of, .place = true, .param = -1, .text_at = !kinds[i].bytes };
		return of && out->ir ? 0 : check_oom(c);
	}
	return -ENOENT;
}
