/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * The tables for SQL; docs/recording.md is their contract. What there is much of (operations, waits, requests) is stored with
 * numbers for names, in tables that end in _row, and read through views.
 */
#include "store/tables.h"

#define PARTS_WHY "user INTEGER, kernel INTEGER, irq INTEGER, softirq INTEGER, preempted INTEGER, woken INTEGER," \
	" throttled INTEGER, wait INTEGER, unknown INTEGER"
#define DELAYS "count INTEGER, ns INTEGER, max INTEGER, preempted INTEGER, preempted_ns INTEGER, voluntary INTEGER," \
	" involuntary INTEGER, migrations INTEGER, ran INTEGER"
#define STAGE(layer, name, column, before) \
	" UNION ALL SELECT operation, request, " layer ", '" name "', dev, rw, t + " before ", " column ", sector, bytes, error, parent" \
	" FROM requests WHERE " column " IS NOT NULL"
#define Z(column) "ifnull(" column ", 0)"

const char tables_schema[] =
	"CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT);"
	"CREATE TABLE task(id INTEGER PRIMARY KEY, pid INTEGER, tid INTEGER, comm INTEGER, cgroup_id INTEGER, cgroup INTEGER);"
	"CREATE TABLE file(id INTEGER PRIMARY KEY, path INTEGER, dev INTEGER, ino INTEGER);"
	"CREATE TABLE site(id INTEGER PRIMARY KEY, reason INTEGER, stack INTEGER);"
	"CREATE TABLE route(id INTEGER PRIMARY KEY, dev INTEGER, rw INTEGER, error INTEGER, device_layer INTEGER,"
	" completion_layer INTEGER, unfinished INTEGER);"
	"CREATE TABLE frames(stack INTEGER, depth INTEGER, address INTEGER, symbol TEXT, PRIMARY KEY(stack, depth)) WITHOUT ROWID;"
	"CREATE TABLE operation_row(id INTEGER PRIMARY KEY, t INTEGER, wall INTEGER, kind INTEGER, flags INTEGER, task INTEGER,"
	" file INTEGER, offset INTEGER, size INTEGER, ret INTEGER, irq INTEGER, softirq INTEGER, runq INTEGER,"
	" runq_preempted INTEGER, wait INTEGER, pages_added INTEGER, pages_dirtied INTEGER, requests INTEGER);"
	"CREATE TABLE wait_row(id INTEGER PRIMARY KEY, t INTEGER, ns INTEGER, site INTEGER);"
	"CREATE TABLE request_row(id INTEGER PRIMARY KEY, t INTEGER, route INTEGER, sector INTEGER, bytes INTEGER, throttled INTEGER,"
	" get_request INTEGER, plugged INTEGER, queued INTEGER, device INTEGER, completion INTEGER, run_queue INTEGER, parent INTEGER);"
	"CREATE TABLE delays(id INTEGER PRIMARY KEY, t INTEGER, ns INTEGER, pid INTEGER, tid INTEGER, comm TEXT, cgroup TEXT,"
	" cgroup_id INTEGER, policy TEXT, prio INTEGER, how TEXT, context TEXT, by_pid INTEGER, by_tid INTEGER, by_comm TEXT,"
	" cpu INTEGER, cpu_ran INTEGER, moved INTEGER, stretches INTEGER, rest INTEGER);"
	"CREATE TABLE delay_segments(delay INTEGER, n INTEGER, pid INTEGER, tid INTEGER, comm TEXT, ns INTEGER, stretches INTEGER,"
	" PRIMARY KEY(delay, n)) WITHOUT ROWID;"
	"CREATE TABLE calls(id INTEGER PRIMARY KEY, name TEXT, pid INTEGER, tid INTEGER, comm TEXT, t INTEGER, ns INTEGER, ret INTEGER, "
	PARTS_WHY ");"
	"CREATE TABLE segments(path TEXT, call INTEGER, n INTEGER, depth INTEGER, kind TEXT, t INTEGER, ns INTEGER, count INTEGER,"
	" pid INTEGER, tid INTEGER, comm TEXT, reason TEXT, by_kind TEXT, by_name TEXT, by_pid INTEGER, by_tid INTEGER,"
	" user INTEGER, kernel INTEGER, irq INTEGER, softirq INTEGER, stack INTEGER, before INTEGER,"
	" PRIMARY KEY(path, call, n)) WITHOUT ROWID;"
	"CREATE TABLE hits(id INTEGER PRIMARY KEY, t INTEGER, probe TEXT, probe_index INTEGER, pid INTEGER, tid INTEGER, cpu INTEGER,"
	" comm TEXT, kstack INTEGER, ustack INTEGER);"
	"CREATE TABLE hit_fields(hit INTEGER, n INTEGER, name TEXT, text TEXT, PRIMARY KEY(hit, n)) WITHOUT ROWID;"
	"CREATE TABLE summaries(id INTEGER PRIMARY KEY, t INTEGER, ns INTEGER, interval INTEGER);"
	"CREATE TABLE rows(id INTEGER PRIMARY KEY, summary INTEGER, row TEXT, dev TEXT, kind TEXT, count INTEGER, bytes INTEGER,"
	" errors INTEGER, wall INTEGER, min INTEGER, max INTEGER, cpu INTEGER, irq INTEGER, softirq INTEGER, runq INTEGER,"
	" wait INTEGER, runq_preempted INTEGER);"
	"CREATE TABLE shares(row INTEGER, n INTEGER, name TEXT, ns INTEGER, count INTEGER, PRIMARY KEY(row, n)) WITHOUT ROWID;"
	"CREATE TABLE histograms(owner TEXT, id INTEGER, lower INTEGER, upper INTEGER, count INTEGER, PRIMARY KEY(owner, id, lower))"
	" WITHOUT ROWID;"
	"CREATE TABLE cpus(id INTEGER PRIMARY KEY, summary INTEGER, cpu INTEGER, busy INTEGER, irq INTEGER, softirq INTEGER,"
	" idle INTEGER, unknown INTEGER, " DELAYS ");"
	"CREATE TABLE tasks(id INTEGER PRIMARY KEY, summary INTEGER, pid INTEGER, comm TEXT, cgroup TEXT, cgroup_id INTEGER, policy TEXT,"
	" prio INTEGER, others INTEGER, " DELAYS ");"
	"CREATE TABLE preemptions(summary INTEGER, by_pid INTEGER, by_comm TEXT, pid INTEGER, comm TEXT, count INTEGER, ns INTEGER);"
	"CREATE TABLE locks(summary INTEGER, kind TEXT, function TEXT, count INTEGER, ns INTEGER, max INTEGER, lock INTEGER,"
	" owner_pid INTEGER, owner_tid INTEGER, owner TEXT, lock_name TEXT, stack INTEGER);"
	"CREATE TABLE threads(id INTEGER PRIMARY KEY, summary INTEGER, pid INTEGER, tid INTEGER, comm TEXT, t INTEGER, wall INTEGER,"
	" before INTEGER, ended INTEGER, " PARTS_WHY ");"
	"CREATE TABLE thread_waits(thread INTEGER, reason TEXT, by_kind TEXT, by_name TEXT, by_pid INTEGER, by_tid INTEGER, count INTEGER,"
	" ns INTEGER, max INTEGER, lock INTEGER, owner TEXT, owner_pid INTEGER, owner_tid INTEGER, stack INTEGER,"
	" before INTEGER, lock_name TEXT, owner_stack INTEGER);"
	"CREATE TABLE thread_runq(thread INTEGER, by_kind TEXT, by_name TEXT, by_pid INTEGER, by_tid INTEGER, count INTEGER, ns INTEGER);"
	"CREATE TABLE syscalls(summary INTEGER, name TEXT, pid INTEGER, count INTEGER, ns INTEGER, max INTEGER, cpu INTEGER);"
	"CREATE TABLE aggregates(id INTEGER PRIMARY KEY, summary INTEGER, probe TEXT, probe_index INTEGER, fn TEXT, value TEXT,"
	" keys TEXT, count INTEGER, sum INTEGER, min INTEGER, max INTEGER);"
	"CREATE TABLE losses(what TEXT, why TEXT, n INTEGER);"
	"CREATE TABLE unseen(what TEXT, why TEXT);"
	"CREATE TABLE cost(wall INTEGER, cpu_user INTEGER, cpu_sys INTEGER, bpf_known INTEGER, bpf_ns INTEGER, bpf_runs INTEGER,"
	" operations INTEGER, rss INTEGER, rss_peak INTEGER, map_bytes INTEGER, attach_ns INTEGER);"

	"CREATE VIEW operations AS SELECT o.id AS id, t, wall, k.text AS op, pid, tid, c.text AS comm, g.text AS cgroup, cgroup_id,"
	" p.text AS file, d.text AS dev, ino, offset, size, ifnull(ret, size) AS ret,"
	" wall - irq - softirq - runq - wait AS cpu, irq, softirq, runq, wait, runq_preempted, flags, pages_added, pages_dirtied,"
	" requests FROM operation_row o JOIN name k ON k.id = o.kind JOIN task ON task.id = o.task JOIN name c ON c.id = task.comm"
	" JOIN name g ON g.id = task.cgroup JOIN file ON file.id = o.file JOIN name p ON p.id = file.path"
	" JOIN name d ON d.id = file.dev;"
	"CREATE VIEW parts AS SELECT id AS operation, 'cpu' AS part, cpu AS ns FROM operations"
	" UNION ALL SELECT id, 'irq', irq FROM operation_row UNION ALL SELECT id, 'softirq', softirq FROM operation_row"
	" UNION ALL SELECT id, 'runq', runq FROM operation_row UNION ALL SELECT id, 'wait', wait FROM operation_row;"
	"CREATE VIEW waits AS SELECT w.id >> 10 AS operation, w.id & 1023 AS n, o.t + w.t AS t, ns, r.text AS reason, stack"
	" FROM wait_row w JOIN operation_row o ON o.id = w.id >> 10 JOIN site ON site.id = w.site JOIN name r ON r.id = site.reason;"
	"CREATE VIEW requests AS SELECT q.id >> 10 AS operation, q.id & 1023 AS request, o.t + q.t AS t, d.text AS dev, w.text AS rw,"
	" error, sector, bytes, throttled, get_request, plugged, queued, device, completion, run_queue, parent, unfinished,"
	" l.text AS device_layer, m.text AS completion_layer"
	" FROM request_row q JOIN operation_row o ON o.id = q.id >> 10 JOIN route ON route.id = q.route JOIN name d ON d.id = route.dev"
	" JOIN name w ON w.id = route.rw JOIN name l ON l.id = device_layer JOIN name m ON m.id = completion_layer;"
	"CREATE VIEW stages(operation, request, layer, name, dev, rw, t, ns, sector, bytes, error, parent) AS"
	" SELECT operation, request, 'block', 'throttled', dev, rw, t, throttled, sector, bytes, error, parent FROM requests"
	" WHERE throttled IS NOT NULL"
	STAGE("'block'", "get request", "get_request", Z("throttled"))
	STAGE("'block'", "plugged", "plugged", Z("throttled") " + " Z("get_request"))
	STAGE("'block'", "queued", "queued", Z("throttled") " + " Z("get_request") " + " Z("plugged"))
	STAGE("device_layer", "device", "device", Z("throttled") " + " Z("get_request") " + " Z("plugged") " + " Z("queued"))
	STAGE("completion_layer", "completion", "completion", Z("throttled") " + " Z("get_request") " + " Z("plugged") " + "
	      Z("queued") " + " Z("device"))
	STAGE("'sched'", "run queue", "run_queue", Z("throttled") " + " Z("get_request") " + " Z("plugged") " + " Z("queued") " + "
	      Z("device") " + " Z("completion")) ";"
	"CREATE VIEW stacks AS SELECT stack AS id, group_concat(symbol, ' < ') AS text FROM (SELECT stack, symbol FROM frames"
	" ORDER BY stack, depth) GROUP BY stack;"
	"CREATE VIEW symbols AS SELECT DISTINCT address, symbol FROM frames;"
	"CREATE VIEW edges AS SELECT path, call, n, t, ns, pid, tid, comm, reason, by_pid, by_tid, by_name AS by_comm FROM segments"
	" WHERE kind = 'wait' AND by_kind = 'task';";

#define INSERT(table, n) [T_##table] = "INSERT INTO " #table " VALUES(" n ")"
#define Q4 "?,?,?,?"
#define Q8 Q4 "," Q4
#define Q16 Q8 "," Q8

const char *const tables_insert[T_N] = {
	[T_name] = "INSERT INTO name VALUES(?,?)",
	INSERT(task, Q4 ",?,?"), INSERT(file, Q4), INSERT(site, "?,?,?"), INSERT(route, Q4 ",?,?,?"), INSERT(frames, Q4),
	INSERT(operation_row, Q16 ",?,?"), INSERT(wait_row, Q4), INSERT(request_row, Q8 "," Q4 ",?"),
	INSERT(delays, Q16 "," Q4), INSERT(delay_segments, Q4 ",?,?,?"), INSERT(calls, Q16 ",?"), INSERT(segments, Q16 "," Q4 ",?,?"),
	INSERT(hits, Q8 ",?,?"), INSERT(hit_fields, Q4), INSERT(summaries, Q4), INSERT(rows, Q16 ",?"), INSERT(shares, Q4 ",?"),
	INSERT(histograms, Q4 ",?"), INSERT(cpus, Q16 ",?"), INSERT(tasks, Q16 ",?,?"), INSERT(preemptions, Q4 ",?,?,?"),
	INSERT(locks, Q8 "," Q4), INSERT(threads, Q16 ",?,?"), INSERT(thread_waits, Q16 ",?"), INSERT(thread_runq, Q4 ",?,?,?"),
	INSERT(syscalls, Q4 ",?,?,?"), INSERT(aggregates, Q8 ",?,?,?"), INSERT(losses, "?,?,?"), INSERT(unseen, "?,?"),
	INSERT(cost, Q8 ",?,?,?"),
};
