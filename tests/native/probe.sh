#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does spoor probe see what was passed? tests/progs/probed calls functions with known arguments; of the kernel's functions,
# which only VMs let us probe, the arguments are those of system calls that the test makes. Root.
#	O=DIR tests/native/probe.sh [NAME]...
# and in a VM, where it tolerates no loss:
#	tests/vm/run-vm --fast -t 300 KERNEL -- tests/native/probe.sh
#
# Prints "ok|not ok|skip NAME DETAIL" a line. TRUTH_KEEP=DIR: where the traces are kept.
# shellcheck disable=SC2034 # variables of tests/lib/truth.sh

here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo "# probe.sh: needs root" >&2; exit 97; }
[ -n "${SPOOR_VM:-}" ] || export SPOOR_NATIVE=1 # nothing_lost() in lib/truth.py
T=$(mktemp -d /dev/shm/probe.XXXXXX)
trap 'rc=$?; rm -rf "$T"; exit $rc' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
tracer=probe
. "$here/../lib/truth.sh"
progs_ready
p=$progs/probed
[ -z "${SPOOR_VM:-}" ] || mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing

# traced NAME PROBE... -- CMD...: fails when the command does
traced() {
	trace "$@"
	[ $trace_rc = 0 ] || { fail "$1" "exit status $trace_rc: $(tail -c 600 "$T/$1.err" | tr '\n' ' ')"; return 1; }
}
# functions NAME: can the kernel's functions be probed?
functions() {
	[ -z "${SPOOR_VM:-}" ] || return 0
	"$spoor" probe -q -D 10ms 'p vfs_read f:pid==0' 2>/dev/null || { skip "$1" "this kernel does not permit probes on its functions"; return 1; }
}
# refused NAME PATTERN PROBE...: it must fail, and say so
refused() {
	local name=$1 says=$2
	shift 2
	if timeout 60 "$spoor" probe -q -D 10ms "$@" >"$T/$name.out" 2>"$T/$name.err"; then
		fail "$name" "'$*' is accepted"
	elif grep -qE -- "$says" "$T/$name.err"; then
		said "ok $name '$*' is refused: $(head -n 1 "$T/$name.err")"
	else
		fail "$name" "'$*' is refused otherwise: $(tr '\n' ' ' <"$T/$name.err")"
	fi
}

# Arguments of a program's function, by its DWARF: numbers, strings, members, bit fields, enumerators, arrays, structures.
scenario_user() {
	traced user "P $p:func v=%0 a=%1->number b=%1->text" "P $p:func" "P $p:func s=*%1 n=t->next->name low=%1->in.low high=%1->in.high c=t->in.colour" \
		"P $p:func x=X%1->number u=U%1->number p1=%1->ports[1] sum=v*10+2 neg=-v shift=big>>40 both=(v+1)&3 div=%1->number/2" \
		"R $p:func" "R $p:func v number=t->number" -- "$p" 3 || return
	verify user <<-'E'
		note(same(t.fields(0, "v", "a", "b"), [[i, -7 - i, 'a "text"'] for i in range(3)], "v a b"))
		first = t.fields(1, "v", "s", "big")
		note(same(first, [[i, "str", 1 << 40] for i in range(3)], "all parameters"))
		holds(all(f.startswith("0x") for f in t.fields(1, "t")), "a pointer is hexadecimal")
		s = t.fields(2, "s")[2]
		holds({k: s[k] for k in ("number", "in", "real", "name", "ports", "whole", "part")} == {"number": -9, "in": {"low": 5, "high": 17, "colour": "GREEN"},
		      "real": 2.5, "name": "thing", "ports": [80, 443, 65535], "whole": 0x64636261, "part": "abcd"}, f"the structure is {s}")
		note(same(t.fields(2, "n", "low", "high", "c"), [["two", 5, 17, "GREEN"]] * 3, "members"))
		note(same(t.fields(3, "x", "u", "p1", "sum", "neg", "shift", "both", "div"),
		          [[hex((-7 - i) & 0xffffffff), (-7 - i) & 0xffffffff, 443, 10 * i + 2, -i, 1, (i + 1) & 3, int((-7 - i) / 2)] for i in range(3)], "computed"))
		note(same(t.fields(4, "retval"), [2 * i - 7 - i + 2 for i in range(3)], "returned"))
		note(same(t.fields(5, "v", "number"), [[i, -7 - i] for i in range(3)], "at entry"), nothing_lost(t))
	E
}

# Filters: each must let through exactly what it says.
scenario_filters() {
	local filters=('v>2' 'v>2&&v<=5' 'v<2||v==7' '!(v>2)' 'a<-9' 'a>=-9' 'b=="a \"text\""' 'b!="a \"text\""' 'b~"a*t?"' 'b!~"*x*"' 'c==GREEN' 'c!=GREEN' 'v%2==1' 'comm=="probed"' 'comm~"prob*"'
		'common_pid==0' '(v==1||v==2)&&!(v==2)' 'b~"[a-c] ?text?"' '%1->next->name=="two"' 's=="st"' 'big==1099511627776' '5<v')
	local f probes=()
	for f in "${filters[@]}"; do probes+=("P $p:func v=%0 a=%1->number b=%1->text c=%1->in.colour f:$f"); done
	traced filters "${probes[@]}" -- "$p" 8 || return
	verify filters <<-'E'
		every = list(range(8))
		wanted = [every[3:], every[3:6], [0, 1, 7], every[:3], every[3:], every[:3], every, [], every, [], every, [], [1, 3, 5, 7], every, every, [], [1], every, every, [], every, every[6:]]
		for i, w in enumerate(wanted):
		    found = t.fields(i, "v")
		    holds(found == w, f"filter {i} lets {found} through, not {w}")
		note(f"{len(wanted)} filters", nothing_lost(t))
	E
}

# Aggregations of known values.
scenario_added() {
	traced added "P $p:func | count" "P $p:func | count by v%3" "P $p:func | sum v by comm" "P $p:func | avg v" "P $p:func | min %1->number" "P $p:func | max v by %1->in.colour, %1->text" \
		"P $p:func | hist v" "P $p:func | linear(v, 10, 50, 10)" "P $p:func | stats v-50" "P $p:func f:v>=90 | count by v top 3" "P $p:func | quantize %1->number" -- "$p" 100 || return
	verify added <<-'E'
		rows = [t.added(i) for i in range(11)]
		note(same(rows[0][0]["count"], 100, "count"))
		note(same({r["keys"]["v%3"]: r["count"] for r in rows[1]}, {0: 34, 1: 33, 2: 33}, "by v%3"))
		note(same([(r["keys"], r["sum"]) for r in rows[2]], [({"comm": "probed"}, 4950)], "sum"))
		note(same((rows[3][0]["sum"], rows[3][0]["count"]), (4950, 100), "avg"), same(rows[4][0]["min"], -106, "min"))
		note(same([(list(r["keys"].values()), r["max"]) for r in rows[5]], [(["GREEN", 'a "text"'], 99)], "max"))
		bounds = {a["index"]: a["bounds"] for a in t.summaries[-1]["aggregates"] if "bounds" in a}
		note(same((bounds[6], rows[6][0]["buckets"]), ([0, 1, 2, 4, 8, 16, 32, 64, 128], [1, 1, 2, 4, 8, 16, 32, 36]), "hist"))
		note(same((bounds[7][1:-1], rows[7][0]["buckets"]), ([10, 20, 30, 40, 50], [10, 10, 10, 10, 10, 50]), "linear"))
		note(same([rows[8][0][k] for k in ("count", "sum", "min", "max")], [100, -50, -50, 49], "stats"))
		note(same((len(rows[9]), [r["count"] for r in rows[9]]), (3, [1, 1, 1]), "top"))
		n = rows[10][0]["buckets"] # -7 to -106
		note(same((bounds[10], n), ([-127, -63, -31, -15, -7, -3], [43, 32, 16, 8, 1]), "hist below 0"), nothing_lost(t))
	E
}

# Sums by interval are those of the whole.
scenario_intervals() {
	traced intervals -i 100ms "P $p:slow | count by comm" "P $p:slow | hist n" -- "$p" slow 150 || return
	verify intervals <<-'E'
		parts = [s for s in t.summaries if s["interval"]]
		count = lambda s, i: sum(r["count"] for a in s["aggregates"] if a["index"] == i for r in a["rows"])
		holds(len(parts) >= 2, f"{len(parts)} intervals")
		for i in (0, 1):
		    note(same(count(t.summaries[-1], i), 150, "of the whole"))
		    holds(sum(count(s, i) for s in parts) <= 150 and count(parts[0], i) < 150, f"by interval: {[count(s, i) for s in parts]}")
		note(nothing_lost(t))
	E
}

# A call's length, and each call's own in a recursion.
scenario_lat() {
	traced lat "R $p:slow lat n=%0 retval" "R $p:slow f:lat<2ms" "R $p:recursion n=%0 retval lat" "P $p:recursion n=%0" -- sh -c "'$p' slow 20; '$p' recurse 5" || return
	verify lat <<-'E'
		note(same(t.fields(0, "n", "retval"), [[i, i] for i in range(20)], "slow"))
		lats = t.fields(0, "lat")
		holds(all(2e6 <= l < 1e9 for l in lats), f"of at least 2 ms each: {lats}")
		holds(not t.fields(1, "retval"), "shorter than it slept")
		calls = t.fields(2, "n", "retval", "lat")
		note(same([c[:2] for c in calls], [[i, i] for i in range(6)] * 2, "recursion"))
		holds(all(a[2] < b[2] for a, b in zip(calls, calls[1:]) if b[0]), f"who calls takes longer than who is called: {calls}")
		note(same(t.fields(3, "n"), list(range(5, -1, -1)) * 2, "entries"), nothing_lost(t))
	E
}

scenario_usdt() {
	traced usdt "P $p:spoor:mark" "P $p:spoor:mark i=%0 f:%1==20" -- "$p" usdt 4 || return
	verify usdt <<-'E'
		note(same(t.fields(0, "arg0", "arg1"), [[-i, 10 * i] for i in range(4)], "arguments"), same(t.fields(1, "i"), [-2], "filtered"), nothing_lost(t))
	E
}

# Tracepoints by their fields, and with typed arguments.
scenario_tracepoints() {
	traced tracepoints 'e sched/sched_process_exec filename pid f:filename~"*/true"' 't sched_process_exec file=%2->filename comm=%0->comm same=p->comm f:%2->filename~"*/true"' \
		'e sched/sched_process_fork child_comm parent_pid | count by parent_comm' 'e sched/sched_process_exec' 't sched_process_exec path=path(%0->mm->exe_file) f:comm=="true"' \
		-- sh -c '/bin/true; /bin/true; :' || return
	verify tracepoints <<-'E'
		note(same(t.fields(0, "filename"), ["/bin/true"] * 2, "e"), same(t.fields(1, "file", "comm", "same"), [["/bin/true", "true", "true"]] * 2, "t"))
		pids = [h["pid"] for h in t.hits if h["index"] == 0]
		note(same(t.fields(0, "pid"), pids, "pid"))
		note(same(sum(r["count"] for r in t.added(2)), 2, "forks"))
		holds(all({"filename", "pid", "old_pid"} <= set(h["fields"]) for h in t.hits if h["index"] == 3), "all fields")
		note(same({f.rsplit("/", 1)[1] for f in t.fields(4, "path")}, {"true"}, "path"), nothing_lost(t))
	E
}

scenario_samples() {
	traced samples 's 199hz | count by comm' 's 5ms f:comm=="probed" | count by ustack' -- "$p" rate 300000000 || return
	verify samples <<-'E'
		ran = int(text("samples.out"))
		rows = {r["keys"]["comm"]: r["count"] for r in t.added(0)}
		holds(rows.get("probed", 0) >= 10, f"samples: {rows}, it ran {ms(ran)}")
		stacks = t.added(1)
		holds(stacks and sum(r["count"] for r in stacks) >= 10, f"stacks: {stacks}")
		note(f"{rows} in {ms(ran)}")
	E
}

# A program's stack has names while its maps are there.
scenario_stacks() {
	traced stacks -u -s "P $p:slow n=%0" -- "$p" slow 10 || return
	verify stacks <<-'E'
		stacks = [h["ustack"] for h in t.hits]
		holds(len(stacks) == 10 and all(s[0] == "slow" for s in stacks), f"stacks: {stacks}")
		note(nothing_lost(t))
	E
}

# Whose events.
scenario_whose() {
	traced whose -n probed "e sched/sched_process_exit | count by comm" -- sh -c "'$p' 1; /bin/true" || return
	verify whose <<-'E'
		note(same([(r["keys"]["comm"], r["count"]) for r in t.added(0)], [("probed", 1)], "by name"))
	E
	traced whose2 "P $p:func v | count by pid" -- sh -c "'$p' 5; '$p' 7" || return
	verify whose2 <<-'E'
		note(same(sorted(r["count"] for r in t.added(0)), [5, 7], "children"))
	E
}

scenario_refused() {
	refused member "has no member 'numbr'; did you mean 'number'" "P $p:func x=%1->numbr"
	refused pointer "'int' has no members" "P $p:func x=%0->number"
	refused parameter "'func' has 4 parameters" "P $p:func x=%4"
	refused function "has no function 'fun'; did you mean 'func'" "P $p:fun"
	refused name "nothing here is called 'cmm'; did you mean 'comm'" "e sched/sched_process_exec f:cmm==1"
	refused event "has no tracepoint 'sched/sched_swich'; did you mean 'sched/sched_switch'" 'e sched/sched_swich'
	refused comparison "is compared with a string" "P $p:func f:v==\"x\""
	refused string "a string is no number" "P $p:func f:%1->text>5 && comm>5"
	refused retval "known at its return" "P $p:func x=\$retval"
	refused syntax "^spoor: " "P $p:func x="
}

# ---- functions of the kernel ----

scenario_locked() {
	if functions locked; then said "ok locked functions can be probed here"; return; fi
	results=()
	refused locked "does not permit probes on its functions" 'p wake_up_new_task comm=%0->comm'
	grep -q "e task/task_newtask" "$T/locked.err" && grep -q "e sched/sched_wakeup_new" "$T/locked.err" ||
		fail locked "no hint of tracepoints: $(tr '\n' ' ' <"$T/locked.err")"
}

# do_filp_open(int dfd, struct filename *pathname, const struct open_flags *op)
scenario_open() {
	functions open || return
	echo text >"$T/known.txt"
	local off
	for off in 4 5 9; do # where an instruction begins depends on the kernel
		"$spoor" probe -q -D 10ms "p vfs_read+$off | count" >/dev/null 2>&1 && break
	done
	traced open 'p do_filp_open dfd=X%0 path=%1->name f:path~"*known.txt"' 'r do_filp_open path=pathname->name lat file=path($retval) pos=$retval->f_pos f:path~"*known.txt"' \
		'p do_filp_open dfd=X%di f:%1->name~"*known.txt"' 'r do_filp_open func path=%1->name lat f:path~"*known.txt"' \
		'p vfs_read buf=X%1 count=%2 file=path(%0) f:comm=="dd"&&count==77' 'r vfs_read n=$retval f:n==5&&comm=="dd"' 'r vfs_read f:comm=="dd"&&$retval==5 | hist lat' \
		"p vfs_read+$off f:comm==\"dd\" | count" -- dd if="$T/known.txt" of=/dev/null bs=77 || return
	verify open <<-'E'
		name = f"{os.path.join(dir, 'known.txt')}"
		note(same(t.fields(0, "dfd", "path"), [["0xffffff9c", name]], "entry"))
		(path, lat, file, pos), = t.fields(1, "path", "lat", "file", "pos")
		note(same((path, file, pos), (name, name, 0), "return"))
		holds(0 < lat < 10e9, f"lat {lat}")
		note(same([int(d, 16) & 0xffffffff for d in t.fields(2, "dfd")], [0xffffff9c], "register"))
		note(same(t.fields(3, "path"), [name], "kretprobe"))
		holds(t.fields(3, "lat")[0] > 0, "kretprobe's lat")
		holds(any(f == name for f in t.fields(4, "file")), f"path: {t.fields(4, 'file')}")
		note(same(t.fields(5, "n"), [5], "bytes read"), same(t.added(6)[0]["count"], 1, "hist"))
		holds(t.added(7)[0]["count"] >= 2, "inside a function")
		note(nothing_lost(t))
	E
}

# The examples that must work as they stand.
scenario_examples() {
	functions examples || return
	traced examples 'p wake_up_new_task comm=%0->comm' 'p wake_up_new_task uesrs=S%0->mm->mm_users' 'p wake_up_new_task node=%0->se.run_node.rb_left' 'p wake_up_new_task comm=%0->comm f:comm=="python3"' \
		'r do_filp_open filp=$retval' 'r do_filp_open pos=$retval->f_pos' 'p do_filp_open dfd=X%0' \
		'p wake_up_new_task name=!(struct kmem_cache*)@task_group_cache->name size=!(struct kmem_cache*)@task_group_cache->size' -- sh -c '/bin/true; /bin/true; :' || return
	verify examples <<-'E'
		note(same(t.fields(0, "comm"), ["sh", "sh"], "comm"))
		holds(all(1 <= u <= 10 for u in t.fields(1, "uesrs")), f"users {t.fields(1, 'uesrs')}")
		holds(len(t.fields(2, "node")) == 2 and not t.fields(3, "comm"), "node, filter")
		holds(any(f.startswith("0xffff") for f in t.fields(4, "filp")) and 0 in t.fields(5, "pos"), "filp, pos")
		holds("0xffffff9c" in t.fields(6, "dfd"), "dfd")
		note(same([n for n, s in t.fields(7, "name", "size") if s > 64], ["task_group"] * 2, "a global's name and size"))
	E
	refused skb "a .struct sk_buff \*\*., not|__netif_receive_skb_core.constprop" 'p __netif_receive_skb_core proto=@(struct iphdr *)l3%0->protocol ip_src=@(struct iphdr *)%0->saddr ip_dst=@(struct iphdr *)l3%0->daddr data=X@(struct iphdr *)l3%0->sdata[1] f:proto==1&&ip_src==127.0.0.1'
	refused isra "the kernel has no function 'wake_up_new_tsk'; did you mean 'wake_up_new_task'" 'p wake_up_new_tsk'
}

# Many functions by one pattern.
scenario_wildcards() {
	functions wildcards || return
	echo text >"$T/wild.txt"
	traced wildcards 'p vfs_rea* f:comm=="dd" | count by func' 'r vfs_rea* lat n=$retval f:comm=="dd"' -- dd if="$T/wild.txt" of=/dev/null bs=77 || return
	verify wildcards <<-'E'
		rows = {r["keys"]["func"]: r["count"] for r in t.added(0)}
		holds(rows.get("vfs_read", 0) >= 2, f"functions: {rows}")
		returns = [h["fields"] for h in t.hits if h["index"] == 1]
		holds(any(f["n"] == 5 and f["lat"] > 0 for f in returns), f"returns: {returns}")
		note(str(rows), nothing_lost(t))
	E
}

# Packets over loopback, with known headers.
scenario_packets() {
	functions packets || return
	ip link set lo up
	cat >"$T/packets.prog" <<-'E'
		import socket
		r = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		r.bind(("127.0.0.1", 7171))
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("127.0.0.1", 7272))
		for i in range(3):
		    s.sendto(b"spoor%d" % i, ("127.0.0.1", 7171))
		    r.recv(100)
		six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		six.bind(("::1", 7373))
		six.sendto(b"six", ("::1", 7373))
		six.recv(10)
	E
	traced packets 'p ip_rcv proto=@(struct iphdr *)l3%0->protocol ip_src=@(struct iphdr *)%0->saddr ip_dst=@(struct iphdr *)l3%0->daddr b16_to=@(struct udphdr *)l3%0->dest B16_from=@(struct udphdr *)l3%0->source text=@(struct udphdr *)l3%0->Sdata[0] one=@(struct udphdr *)l3%0->cdata[5] f:proto==17&&ip_src==127.0.0.1&&b16_to==7171' \
		'p ipv6_rcv ip_src=@(struct ipv6hdr *)%0->saddr next=@(struct ipv6hdr *)%0->nexthdr b16_to=@(struct udphdr *)%0->dest f:ip_src==::1&&next==17' 'p ip_rcv ip=@(struct iphdr *)l3%0->saddr f:ip==10.1.2.3' \
		-- python3 "$T/packets.prog" || return
	verify packets <<-'E'
		note(same(t.fields(0, "proto", "ip_src", "ip_dst", "b16_to", "B16_from"), [[17, "127.0.0.1", "127.0.0.1", 7171, hex(7272)]] * 3, "headers"))
		holds([x[:6] for x in t.fields(0, "text")] == [f"spoor{i}" for i in range(3)], f"data: {t.fields(0, 'text')}")
		note(same(t.fields(0, "one"), [48, 49, 50], "a byte"), same(t.fields(1, "ip_src", "b16_to"), [["::1", 7373]], "IPv6"), same(t.fields(2, "ip"), [], "another address"), nothing_lost(t))
	E
}

# A list is walked, a structure is shown whole.
scenario_walks() {
	functions walks || return
	traced walks 'p vfs_read kids=list(task->real_parent->children, struct task_struct, sibling)->comm path=*%0->f_path op=%0->f_op->read_iter cred=*%0->f_cred f:comm=="cat"' -- sh -c "cat /etc/hostname; :" || return
	verify walks <<-'E'
		f = t.hits[-1]["fields"]
		holds("cat" in f["kids"], f"children: {f['kids']}")
		note(same(f["path"], "/etc/hostname", "path"), same(f["cred"]["uid"], 0, "uid"))
		note(str(f["op"]), nothing_lost(t))
	E
}

scenarios=(user filters added intervals lat usdt tracepoints samples stacks whose refused locked open examples wildcards packets walks)
after=:

[ -z "${TRUTH_KEEP:-}" ] || mkdir -p "$TRUTH_KEEP"
truth_run "$@"
