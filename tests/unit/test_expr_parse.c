/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/* The probe language: what a text means, and what is said of one that means nothing. */
#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "expr/ast.h"
#include "expr/diag.h"

/* Text, and the tree of it in full parentheses. */
static const struct { const char *text, *tree; } good[] = {
	/* the examples that surftrace's users have */
	{ "p wake_up_new_task comm=%0->comm", "p wake_up_new_task comm=(%0->comm)" },
	{ "p wake_up_new_task uesrs=S%0->mm->mm_users", "p wake_up_new_task uesrs=S((%0->mm)->mm_users)" },
	{ "p wake_up_new_task node=%0->se.run_node.rb_left", "p wake_up_new_task node=(((%0->se).run_node).rb_left)" },
	{ "p wake_up_new_task comm=%0->comm f:comm==\"python3\"", "p wake_up_new_task comm=(%0->comm) f:(comm == \"python3\")" },
	{ "r do_filp_open filp=$retval", "r do_filp_open filp=$retval" },
	{ "r do_filp_open pos=$retval->f_pos", "r do_filp_open pos=($retval->f_pos)" },
	{ "p do_filp_open dfd=X%0", "p do_filp_open dfd=X%0" },
	{ "p do_filp_open+121 filp=X!(u64)%ax", "p do_filp_open+0x79 filp=X(!(u64)%ax)" },
	{ "p do_filp_open+121 pos=X!(struct file*)%ax->f_pos", "p do_filp_open+0x79 pos=X((!(struct file *)%ax)->f_pos)" },
	{ "p __netif_receive_skb_core proto=@(struct iphdr *)l3%0->protocol ip_src=@(struct iphdr *)%0->saddr "
	  "ip_dst=@(struct iphdr *)l3%0->daddr data=X@(struct iphdr *)l3%0->sdata[1] f:proto==1&&ip_src==127.0.0.1",
	  "p __netif_receive_skb_core proto=((@(struct iphdr *)l3%0)->protocol) ip_src=((@(struct iphdr *)%0)->saddr) "
	  "ip_dst=((@(struct iphdr *)l3%0)->daddr) data=X(((@(struct iphdr *)l3%0)->sdata)[1]) "
	  "f:((proto == 1) && (ip_src == 127.0.0.1))" },
	{ "e sched/sched_stat_wait f:delay>1000000", "e sched/sched_stat_wait f:(delay > 1000000)" },
	{ "p wake_up_new_task name=!(struct kmem_cache*)@task_group_cache->name size=!(struct kmem_cache*)@task_group_cache->size",
	  "p wake_up_new_task name=((!(struct kmem_cache *)@task_group_cache)->name) "
	  "size=((!(struct kmem_cache *)@task_group_cache)->size)" },
	{ "P bash:readline", "P bash:readline" },
	{ "R bash:readline cmd=!(char *)$retval", "R bash:readline cmd=(!(char *)$retval)" },
	{ "P libc:sleep t=%0", "P libc:sleep t=%0" },
	{ "R libc:fopen file=$retval f:file==0", "R libc:fopen file=$retval f:(file == 0)" },
	{ "P tuprobe:func v=%0 a=%1->a b=%1->b", "P tuprobe:func v=%0 a=(%1->a) b=(%1->b)" },

	/* targets */
	{ "p vfs_read", "p vfs_read" }, { "  p \t vfs_read  ", "p vfs_read" }, { "p tcp_*", "p tcp_*" }, { "p x+0x10", "p x+0x10" },
	{ "p __sys_[a-c]?o.isra.0", "p __sys_[a-c]?o.isra.0" }, { "p vfs_read|count", "p vfs_read | count" },
	{ "e sched:sched_switch", "e sched/sched_switch" }, { "e sched_switch", "e sched_switch" }, { "e */*_enter", "e */*_enter" },
	{ "t sched_switch", "t sched_switch" },
	{ "P /usr/lib/libc.so.6:fopen+8", "P /usr/lib/libc.so.6:fopen+0x8" }, { "P 123:main", "P 123:main" },
	{ "P libpthread:libpthread:mutex_entry", "P libpthread:libpthread:mutex_entry" },
	{ "P /a/b:prov:name a=%1", "P /a/b:prov:name a=%1" },
	{ "s 99hz", "s 99hz" }, { "s 49Hz pid", "s 49hz pid" }, { "s 1ms", "s 1000000ns" }, { "s 1.5s", "s 1500000000ns" },

	/* values */
	{ "p f a=1 b=0x1F c=0644 d='a' e='\\n'", "p f a=1 b=31 c=420 d=97 e=10" },
	{ "p f a=1ms b=2us c=3s d=1.5ms e=7ns g=2min", "p f a=1000000 b=2000 c=3000000000 d=1500000 e=7 g=120000000000" },
	{ "p f a=4k b=1M c=2G d=1.5k e=1KiB", "p f a=4096 b=1048576 c=2147483648 d=1536 e=1024" },
	{ "p f a=1UL b=0x10ull c=18446744073709551615", "p f a=1 b=16 c=18446744073709551615" },
	{ "p f f:a==fe80::1||b==::||c==::ffff:1.2.3.4||d==dead:beef::7",
	  "p f f:((((a == fe80::1) || (b == ::)) || (c == ::ffff:1.2.3.4)) || (d == dead:beef::7))" },
	{ "p f f:a==\"x\\\"y\\\\z\\n\\x7f\"", "p f f:(a == \"x\\\"y\\\\z\\x0a\\x7f\")" },
	{ "p f f:c==\"\xc3\xa4\"", "p f f:(c == \"\\xc3\\xa4\")" },
	{ "p f a=@jiffies b=@0xffffffff81000000 c=$comm d=%r8 e=%15 g=pid", "p f a=@jiffies b=@0xffffffff81000000 c=$comm d=%r8 e=%15 g=pid" },
	{ "p f size %0->comm kstack $pid", "p f size (%0->comm) kstack $pid" },
	{ "p f x = %0->a y = 3", "p f x=(%0->a) y=3" },

	/* operators */
	{ "p f a=1+2*3-4 b=(1+2)*3 c=-1 d=~%0 e=!%0 g=&%0->x h=*%0->x",
	  "p f a=((1 + (2 * 3)) - 4) b=((1 + 2) * 3) c=(-1) d=(~%0) e=(!%0) g=(&(%0->x)) h=(*(%0->x))" },
	{ "p f a=%0%10 b=%0%%1 c=a%b", "p f a=(%0 % 10) b=(%0 % %1) c=(a % b)" },
	{ "p f a=1<<2>>1 b=7&3 c=7^3 d=(7|3) e=1<=2 g=5/2", "p f a=((1 << 2) >> 1) b=(7 & 3) c=(7 ^ 3) d=(7 | 3) e=(1 <= 2) g=(5 / 2)" },
	{ "p f a=b - c d -e *g", "p f a=(b - c) d (-(e)) (*(g))" },
	{ "p f f:a==1||b==2&&c==3", "p f f:((a == 1) || ((b == 2) && (c == 3)))" },
	{ "p f f: a & 4 == 4 && ! ( b < 3 ) ", "p f f:((a & (4 == 4)) && (!(b < 3)))" },
	{ "p f f:comm ~ \"py*\" && path !~ \"/proc/*\"", "p f f:((comm ~ \"py*\") && (path !~ \"/proc/*\"))" },
	{ "p f f:!~a", "p f f:(!(~(a)))" }, { "p f f:!(pid) && !(pid==1)", "p f f:((!(pid)) && (!(pid == 1)))" },

	/* members, casts, calls */
	{ "p f a=b.c->d[e+1][2].g", "p f a=(((((b.c)->d)[(e + 1)])[2]).g)" },
	{ "p f a=(u32)%0 b=(struct file *)a->b c=(unsigned long int)%1 d=!(foo)%1 e=!(u8 [16])%0->x g=(const char *)x",
	  "p f a=(!(u32)%0) b=(!(struct file *)(a->b)) c=(!(unsigned long int)%1) d=(!(foo)%1) e=((!(u8 [16])%0)->x) "
	  "g=(!(char *)(x))" },
	{ "p f a=!(struct a *)!(struct b *)%0->c", "p f a=((!(struct a *)(!(struct b *)%0))->c)" },
	{ "p f a=!(struct a *)(%0->b)->c b=!(u64)*%0->x", "p f a=((!(struct a *)(%0->b))->c) b=((!(u64)(*%0))->x)" },
	{ "p f a=(size_t)-1 b=(size) c=(size)-1", "p f a=(!(size_t)(-1)) b=size c=(size - 1)" },
	{ "p f a=@(struct tcphdr *)l4%0->source b=@(struct ethhdr *)l2 skb->h_proto c=@(struct udphdr)l4(skb)->len",
	  "p f a=((@(struct tcphdr *)l4%0)->source) b=((@(struct ethhdr *)l2(skb))->h_proto) c=((@(struct udphdr)l4(skb))->len)" },
	{ "p f a=@(struct udphdr*)l3%2->dest b=@(struct tcphdr *)%0->Sdata[0]",
	  "p f a=((@(struct udphdr *)l3%2)->dest) b=(((@(struct tcphdr *)%0)->Sdata)[0])" },
	{ "p f a=@(struct iphdr *)l3skb->x b=@(struct vlan_hdr *)l2%0->y", "p f a=((@(struct iphdr *)(l3skb))->x) b=((@(struct vlan_hdr *)l2%0)->y)" },
	{ "p f a=list(%0->children, struct task_struct, sibling)->comm b=str(%0) c=path()",
	  "p f a=(list((%0->children), struct task_struct, sibling)->comm) b=str(%0) c=path()" },
	{ "p f X%0 S$retval U(a + b) XX=X(a)", "p f X%0 S$retval U(a + b) XX=X(a)" },

	/* filter and aggregation */
	{ "r vfs_read lat f:lat>1ms | hist lat by comm", "r vfs_read lat f:(lat > 1000000) | hist lat by comm" },
	{ "p f | count by kstack top 10", "p f | count by kstack top 10" }, { "p f|count", "p f | count" },
	{ "p f a=%0 | sum a*2 by pid, %0->x", "p f a=%0 | sum (a * 2) by pid, (%0->x)" },
	{ "p f | quantize lat", "p f | hist lat" }, { "p f | stats %2 top 3", "p f | stats %2 top 3" },
	{ "p f | linear(lat, 0, 1ms, 100us) by comm", "p f | linear(lat, 0, 1000000, 100000) by comm" },
	{ "p f | avg (a|b)", "p f | avg (a | b)" }, { "p f |max -a", "p f | max (-(a))" },
};

static void test_trees(void **state)
{
	char tree[2048], again[2048];
	struct diag d;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct probe_ast *p, *q;
		size_t n;

		memset(&d, 0, sizeof(d));
		p = probe_parse(good[i].text, &d);
		if (!p)
			fail_msg("%s: %s", good[i].text, d.message);
		n = probe_ast_print(p, tree, sizeof(tree));
		assert_int_equal(n, strlen(tree));
		assert_string_equal(tree, good[i].tree);
		q = probe_parse(tree, &d);
		if (!q)
			fail_msg("%s: %s", tree, d.message);
		probe_ast_print(q, again, sizeof(again));
		assert_string_equal(again, tree);
		assert_int_equal(probe_ast_print(q, again, 5), n); /* too little room: cut, its length told */
		assert_int_equal(strlen(again), 4);
		assert_int_equal(d.err, 0);
		probe_ast_free(p);
		probe_ast_free(q);
	}
	probe_ast_free(NULL);
}

/* Text with the place marked by { } around what the caret is to be under, and words of the message. */
static const struct { const char *text, *says; } bad[] = {
	{ "{}", "empty probe" }, { "  {}", "empty probe" },
	{ "{k} vfs_read", "no kind of probe has the letter 'k'" }, { "{kprobe} vfs_read", "did you mean 'p'" },
	{ "{kretprobe:vfs_read}", "did you mean 'r'" }, { "{tracepont:sched:sched_switch}", "did you mean 'e'" },
	{ "{usdt:x}", "did you mean 'P'" }, { "{vfs_read} a=%0", "did you mean 'p vfs_read'" },
	{ "p{}", "name of a function was expected" }, { "p vfs_read{+}", "offset" }, { "p vfs_read{+x}", "offset" },
	{ "r vfs_read{+4}", "a return probe has no offset" }, { "p {tcp_*}+4", "not to a pattern" },
	{ "p vfs{=}x", "cannot be part of the name of a function; the arguments follow" }, { "p a{(}b", "cannot be part" },
	{ "p {libc:fopen}", "P libc:fopen" }, { "e {}/x", "subsystem" }, { "e sched/{}", "name of a tracepoint" },
	{ "P {bash}", "P bash:FUNCTION" }, { "P {}:x", "program, library or pid" }, { "P bash:{}", "name of a function" },
	{ "P prog:ns{::}fn", "C++" }, { "R libc:{libc}:setjmp", "no return" },
	{ "s{}", "how often" }, { "s {fast}", "how often" }, { "s {0hz}", "from 1hz" }, { "s {1ns}", "at least 10us" }, { "s {99}", "how often" },

	{ "p f a={}", "a value was expected" }, { "p f a=%0 b={ }c=%1", "a value was expected" },
	{ "p f a{:}%0", "followed by =" }, { "p f {size>1k}", "a condition is a filter: f:size>1k" },
	{ "p f a=%0 {a}=%1", "two arguments have the name 'a'" },
	{ "p f a={(}%0->x", "this parenthesis is not closed" }, { "p f a=%0->x{)}", "closes none" }, { "p f a=%0{]}", "bracket closes none" },
	{ "p f a=%0{[}1", "this bracket is not closed" }, { "p f a=(%0[1{)}", "another kind of bracket" }, { "p f a=(%0{]}", "another kind" },
	{ "p f a=!{(}struct file *%ax", "not closed" }, { "p f a=list{(}%0, struct x, y", "not closed" },
	{ "p f a=%0->{}", "name of a member" }, { "p f a=%0->{[}1]", "name of a member" }, { "p f a=%0.{1}", "name of a member" },
	{ "p f a={%}", "parameter (%0 is the first)" }, { "p f a={%99}", "that many parameters" }, { "p f a={%123}", "parameter" },
	{ "p f a={@}", "after @" }, { "p f a=@{09}", "octal" }, { "p f a={$}", "a value was expected, not '$'" },
	{ "p f a=1{parsec}", "unknown unit 'parsec'" }, { "p f a={1.5}", "a fraction needs a unit" }, { "p f a={089}", "octal" },
	{ "p f a={99999999999999999999}", "too large" }, { "p f a={0x}", "hexadecimal" }, { "p f f:a=={1.2.3.400}", "not an IPv4" },
	{ "p f f:a=={1:2:3}", "not an IPv6" }, { "p f f:a=={\"}x", "this quote is not closed" }, { "p f f:a==\"{\\q}\"", "unknown escape" },
	{ "p f f:a=={'ab'}", "one character" },
	{ "p f a=@(struct iphdr *){l4}%0->ttl", "struct iphdr is of layer 3, but l4 says that skb->data is past it; write l3" },
	{ "p f a=@({struct ethhdr *})%0->h_proto", "struct ethhdr is of layer 2, and without a mark l3 says that" },
	{ "p f a=@(struct ethhdr *){l3}%0->h_proto", "write l2" },
	{ "p f a=@(struct iphdr *){l7}%0->ttl", "a layer's mark is l2, l3 or l4" },
	{ "p f a=@({int})%0", "a packet's header is a structure" }, { "p f a=@(struct {})%0", "name of a type" },
	{ "p f a=@(struct iphdr *)l3{}", "a value" },

	{ "p f {f:}", "the filter is empty" }, { "p f {f:} | count", "the filter is empty" }, { "p f f:a{=}1", "'=' names an argument; == compares" },
	{ "p f f:a==1 {b}=%0", "arguments stand before f:" }, { "p f f:a==1 {f:}b==2", "one filter" }, { "p f f:a==1 {and} b==2", "written &&" },
	{ "p f f:a==1 &&{}", "a value" }, { "p f f:(a==1||{)}", "a value was expected before" }, { "p f f:a==1{\xc3\xa4}", "not '\xc3\xa4'" },
	{ "p f f:a==1{\xff}", "was expected" }, { "p f a=%0 {,} b=%1", "a value was expected, not ','" },

	{ "p f |{}", "an aggregation was expected" }, { "p f | {cuont} by comm", "did you mean 'count'" }, { "p f | {frobnicate}", "no aggregation 'frobnicate'" },
	{ "p f | count {x}", "count takes no value" }, { "p f | {sum} by comm", "sum of what?" }, { "p f | {hist}", "hist of what?" },
	{ "p f | {linear} x", "linear(X, LOW, HIGH, STEP)" }, { "p f | linear(x, 1, 2{)}", "comma and a number" },
	{ "p f | linear{(x, 5, 5, 1)}", "LOW must be below HIGH" }, { "p f | linear{(x, 0, 9, 0)}", "LOW" }, { "p f | linear{(x, 0, 1M, 1)}", "at most 1000" },
	{ "p f | count by{}", "a value" }, { "p f | count by comm top {0}", "top how many" }, { "p f | count top{}", "top how many" },
	{ "p f | count by comm {pid}", "a comma, 'top' or the end" }, { "p f | count {|} hist x", "one aggregation" }, { "p f |{|} count", "||" },
};

static void test_errors(void **state)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[128];
		const char *s = bad[i].text;
		size_t n = 0, from = SIZE_MAX, to = 0;
		struct diag d = { 0 };
		struct probe_ast *p;

		for (; *s; s++) {
			if (*s == '{')
				from = n;
			else if (*s == '}')
				to = n;
			else
				text[n++] = *s;
		}
		text[n] = '\0';
		p = probe_parse(text, &d);
		if (p)
			fail_msg("%s: no error", text);
		assert_int_equal(errno, EINVAL);
		if (!strstr(d.message, bad[i].says) || !d.message[0])
			fail_msg("%s: \"%s\" lacks \"%s\"", text, d.message, bad[i].says);
		if (d.at.at != from || d.at.len != (to > from ? to - from : 1))
			fail_msg("%s: \"%s\" at %u+%u, not %zu+%zu", text, d.message, d.at.at, d.at.len, from, to - from);
		assert_int_equal(d.err, -EINVAL);
		assert_null(probe_parse(text, NULL)); /* nobody asks why */
	}
}

/* ---- spans ---- */

static void test_spans(void **state)
{
	static const char text[] = "p f  ab=%0->x.y | hist ab";
	struct probe_ast *p = probe_parse(text, NULL);
	const struct expr *e;

	assert_non_null(p);
	assert_string_equal(p->text, text);
	assert_ptr_not_equal(p->text, text);
	e = p->args->expr;
	assert_int_equal(p->target_span.at, 2);
	assert_int_equal(p->target_span.len, 1);
	assert_int_equal(p->args->span.at, 5);
	assert_int_equal(p->args->span.len, 10);
	assert_int_equal(e->span.at, 8);
	assert_int_equal(e->span.len, 7);
	assert_int_equal(e->name_span.at, 14);
	assert_int_equal(e->name_span.len, 1);
	assert_int_equal(e->a->name_span.at, 12);
	assert_int_equal(e->a->a->span.len, 2);
	assert_int_equal(p->agg.span.at, 18);
	assert_int_equal(p->agg.span.len, 7);
	probe_ast_free(p);
}

static void test_shows(void **state)
{
	struct probe_ast *p = probe_parse("p f ip_a=%0 B16_a=%0 b64_a=%0 b=S%0 ip_b=X%0 ip_c", NULL);
	static const struct { enum show show; unsigned int bits; bool named; } want[] = {
		{ SHOW_IP, 0, true }, { SHOW_SWAP_HEX, 16, true }, { SHOW_SWAP_DEC, 64, true }, { SHOW_SIGNED, 0, true },
		{ SHOW_HEX, 0, true }, { SHOW_AUTO, 0, false },
	};
	size_t n = 0;

	assert_non_null(p);
	for (const struct arg *a = p->args; a; a = a->next, n++) {
		assert_int_equal(a->show, want[n].show);
		assert_int_equal(a->bits, want[n].bits);
		assert_int_equal(a->named, want[n].named);
	}
	assert_int_equal(n, 6);
	probe_ast_free(p);
}

/* ---- type names ---- */

static void test_types(void **state)
{
	static const struct { const char *text, *name; int tag; unsigned int stars, count; } t[] = {
		{ "struct sk_buff", "sk_buff", TYPE_NAME_STRUCT, 0, 0 }, { " const struct sk_buff * const * ", "sk_buff", TYPE_NAME_STRUCT, 2, 0 },
		{ "unsigned  long\tint", "unsigned long int", TYPE_NAME_PLAIN, 0, 0 }, { "u8 [16]", "u8", TYPE_NAME_PLAIN, 0, 16 },
		{ "char const*", "char", TYPE_NAME_PLAIN, 1, 0 }, { "enum hrtimer_mode", "hrtimer_mode", TYPE_NAME_ENUM, 0, 0 },
		{ "union x*[0x10]", "x", TYPE_NAME_UNION, 1, 16 }, { "task_struct", "task_struct", TYPE_NAME_PLAIN, 0, 0 },
	};
	static const char *const wrong[] = { "", " ", "struct", "struct 1", "12", "int x", "struct a b", "u8[", "u8[]", "u8[0]", "u8[99999999999]",
					     "int *********", "task_struct long", "u8 [4]x", "*", "const", "\xff" };
	struct type_name n;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(type_name_parse(t[i].text, &n, NULL), 0);
		assert_string_equal(n.name, t[i].name);
		assert_int_equal(n.tag, t[i].tag);
		assert_int_equal(n.stars, t[i].stars);
		assert_int_equal(n.count, t[i].count);
		free((char *)n.name);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct diag d = { 0 };

		assert_int_equal(type_name_parse(wrong[i], &n, &d), -EINVAL);
		assert_true(d.message[0] && d.at.len);
	}
}

/* ---- hostile texts ---- */

/* n times `unit` between begin and end. */
static char *repeated(const char *begin, const char *unit, size_t n, const char *end)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	fputs(begin, f);
	while (n--)
		fputs(unit, f);
	fputs(end, f);
	fclose(f);
	return text;
}

static void test_limits(void **state)
{
	static const struct { const char *begin, *unit; size_t most, n; const char *end, *says; } t[] = {
		{ "p f a=", "(", 63, 64, "1", "nested too deeply" }, { "p f a=", "!(u64)", 63, 64, "%0", "nested too deeply" },
		{ "p f a=", "-", 511, 512, "1", "too long" }, { "p f a=%0", "->x", 511, 512, "", "too long" },
		{ "p f a=1", "+1", 255, 256, "", "too long" }, { "p f f:1", "||1", 255, 5000, "", "too long" },
		{ "p f", " 1", 64, 65, "", "at most 64 arguments" }, { "p f | count by 1", ",1", 7, 8, "", "at most 8 keys" },
		{ "p f a=", "@(struct iphdr*)", 63, 64, "%0", "nested too deeply" }, { "p f a=", "(u64)", 511, 512, "1", "too long" },
		{ "p ", "f", 16382, 16383, "", "at most 16384 characters" }, { "p f a=", "x[", 63, 64, "", "" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		bool opens = strchr(t[i].unit, '(') && !strchr(t[i].unit, ')');
		struct diag d = { 0 };
		char *text = repeated(t[i].begin, t[i].unit, t[i].n, t[i].end);

		assert_null(probe_parse(text, &d));
		assert_true(strstr(d.message, t[i].says) && d.message[0]);
		free(text);
		if (opens || strchr(t[i].unit, '['))
			continue; /* closed nowhere */
		text = repeated(t[i].begin, t[i].unit, t[i].most, t[i].end);
		memset(&d, 0, sizeof(d));
		struct probe_ast *p = probe_parse(text, &d);
		if (!p)
			fail_msg("%zu of '%s': %s", t[i].most, t[i].unit, d.message);
		probe_ast_free(p);
		free(text);
	}
}

/* ---- what is printed of an error ---- */

static char *printed(const char *text, unsigned int width, const char *note)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	struct diag d = { 0 };

	assert_null(probe_parse(text, &d));
	if (note)
		diag_note(&d, "%s", note);
	diag_print(&d, text, "# ", width, f);
	fclose(f);
	return out;
}

static void test_print(void **state)
{
	static const struct { const char *text, *note, *out; unsigned int width; } t[] = {
		{ "p f a=%0-> b=%1", NULL, "# the name of a member was expected behind ->\n#   p f a=%0-> b=%1\n#             ^\n", 0 },
		{ "p f a=@(struct ethhdr *)%0", "one\ntwo", "# struct ethhdr is of layer 2, and without a mark l3 says that skb->data is past "
		  "it; write l2 behind the type\n#   p f a=@(struct ethhdr *)%0\n#           ^~~~~~~~~~~~~~~\n#   one\n#   two\n", 0 },
		/* wide, combining and control characters, and bytes that are none */
		{ "p f f:c==\"\xe6\xbc\xa2\xe5\xad\x97\" && x=1", NULL,
		  "# '=' names an argument; == compares\n#   p f f:c==\"\xe6\xbc\xa2\xe5\xad\x97\" && x=1\n#                       ^\n", 0 },
		{ "p\tf\xff", NULL, "# this cannot be part of the name of a function\n#   p\\tf\\xff\n#       ^~~~\n", 0 },
		/* cut around the place */
		{ "p f aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1 b=$ c=1", NULL,
		  "# a value was expected, not '$'\n#   \xe2\x80\xa6" "aaaaaaaaaaaaaaa=1 b=$ c=1\n#                        ^\n", 30 },
		{ "p f b=$ c=1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL,
		  "# a value was expected, not '$'\n#   p f b=$ c=1 aaaaaaaaaaaa\xe2\x80\xa6\n#         ^\n", 30 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char *out = printed(t[i].text, t[i].width, t[i].note);

		assert_string_equal(out, t[i].out);
		free(out);
	}
}

static void test_first_counts(void **state)
{
	struct diag d = { 0 };

	assert_int_equal(diag_set(&d, -ENOENT, (struct span){ 3, 4 }, "first %d", 1), -ENOENT);
	diag_note(&d, "a");
	assert_int_equal(diag_set(&d, -EINVAL, (struct span){ 5, 6 }, "second"), -EINVAL);
	assert_int_equal(d.err, -ENOENT);
	assert_int_equal(d.at.at, 3);
	assert_string_equal(d.message, "first 1");
	for (int i = 0; i < 3000; i++)
		diag_note(&d, "b");
	assert_true(strlen(d.note) < DIAG_NOTE);
	diag_note(NULL, "nobody asks");
	assert_int_equal(diag_set(NULL, -EPERM, (struct span){ 0, 0 }, "nobody asks"), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trees),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_shows),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_first_counts),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
