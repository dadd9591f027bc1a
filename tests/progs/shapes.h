/* SPDX-License-Identifier: GPL-2.0 */
/* Types of every kind, for the tests of spoor's type readers. */
#ifndef SHAPES_H
#define SHAPES_H

enum color { RED, GREEN = 5, BLUE = 200, BIG = 1000000 };
enum sign { NEG = -5, POS = 3 };

struct node;
struct unknown;                       /* never defined */
typedef unsigned int devno;
typedef unsigned char byte;
typedef signed char tiny;
typedef char text;
typedef int (*callback)(struct node *n, const char *s, ...);
typedef struct { short a; long b; } nameless;

struct bits {
	unsigned int a : 3;
	unsigned int b : 7;
	int c : 5;
	long d : 40;
	unsigned char e : 1;
};

union any { int i; float f; double d; char c[16]; };

struct node {
	struct node *next, *prev;
	char name[16];
	const volatile int *cv;
	union {
		long l;
		struct { short s1, s2; };
	};
	struct bits bits;
	enum color color;
	enum sign sign;
	union any any;
	int m[3][4];
	callback call;
	int (*plain)(int, const char *);
	struct unknown *unknown;
	byte by;
	_Bool ok;
	devno dev;
	tiny ti;
	text te;
	unsigned char uc;
	nameless less;
	struct { int x, y; } at, more[2];
	struct { unsigned int low : 12; unsigned int : 9; unsigned int high : 3; } gap;
	char flex[];
};

struct packed { char c; int i; short s; } __attribute__((packed));
struct empty { };
struct line { char a; char b __attribute__((aligned(64))); long c; };

#endif
