# SPDX-License-Identifier: GPL-2.0
"""What the bench does to the machine: processes, a loop device, fio, and what /proc says of them.

Everything made here goes away with the Machine. What could be made so goes away with the process, even when that is
killed: the loop device (it clears itself when its last user closes it), its file (unlinked), the measuring of BPF run
time (a file descriptor) and the children; a killed bench leaves a directory of files in /dev/shm, what a tracer
wrote among them. What a workload starts lives in a PID namespace (helper time), which ends with the bench.
"""
import contextlib
import ctypes
import fcntl
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

SHM = "/dev/shm"
DISK = 512 << 20
LOOP_CLR_FD = 0x4C01
PR_SET_PDEATHSIG = 1
# --thread: as a process of its own, fio's job would outlive a killed fio.
RANDREAD = ["--name=randread", "--rw=randread", "--bs=4k", "--ioengine=libaio", "--iodepth=16", "--direct=1", "--thread"]
# 12 readers of 1,000 a second each and a writer of 250.
PACED = """[global]
filename={dev}
bs=4k
ioengine=psync
thread
time_based
runtime={seconds}
norandommap
[direct]
rw=randread
direct=1
numjobs=6
rate_iops=1000
[buffered]
rw=randread
direct=0
numjobs=6
rate_iops=1000
[writer]
rw=randwrite
direct=1
rate_iops=250
"""
libc = ctypes.CDLL(None)


class Failed(Exception):
    """Ends the bench with this message."""


def read(path, default=""):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return default


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def tool(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin")


def run(*argv):
    r = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, preexec_fn=die_with_parent)
    if r.returncode:
        raise Failed(f"{' '.join(argv)}: {r.stderr.strip() or r.returncode}")
    return r.stdout.strip()


# ---- what is known of a process ----

def on_cpu_ns(pid):
    return sum(int(read(p, "0").split()[0]) for p in glob.glob(f"/proc/{pid}/task/*/schedstat"))


def status_bytes(pid, *keys):
    s = dict(line.split(":", 1) for line in read(f"/proc/{pid}/status").splitlines())
    return [int(s[k].split()[0]) * 1024 for k in keys]


def bpf_times(pid):
    """{program id: (ns, runs)} of the BPF programs that the process holds."""
    found = {}
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        f = dict(line.split(":", 1) for line in read(path).splitlines() if ":" in line)
        if "run_time_ns" in f:
            found[int(f["prog_id"])] = (int(f["run_time_ns"]), int(f["run_cnt"]))
    return found


def bpf_names():
    """{program id: name}; {} without bpftool."""
    bpftool = tool("bpftool")
    try:
        return {p["id"]: p.get("name", "") for p in json.loads(run(bpftool, "-j", "prog", "show"))} if bpftool else {}
    except (Failed, ValueError):
        return {}


def idle_ns():
    """Sum over all cores. Counted from entering to leaving idle, not by the tick like the rest of /proc/stat."""
    f = read("/proc/stat").split("\n", 1)[0].split()
    return (int(f[4]) + int(f[5])) * (10**9 // os.sysconf("SC_CLK_TCK"))


def watch(proc, seconds, look=None):
    """Waits for the process and returns its peak of resident memory, or raises TimeoutExpired. look() is called now and
    then, and says whether it is time to look more often. The peak only grows, so that little of it can be missed."""
    peak, end = 0, time.monotonic() + seconds
    while proc.poll() is None:
        found = re.search(r"^VmHWM:\s*(\d+)", read(f"/proc/{proc.pid}/status"), re.M)
        peak = max(peak, int(found[1]) * 1024 if found else 0)
        if time.monotonic() > end:
            raise subprocess.TimeoutExpired(proc.args, seconds)
        time.sleep(0.1 if look and not look() else 0.005)
    return peak


class Busy:
    """Per cent of the time that a core was not idle, the mean over all cores, since this was made."""
    def __init__(self):
        self.t, self.idle = time.monotonic_ns(), idle_ns()

    def percent(self):
        idle, t = idle_ns(), time.monotonic_ns()
        return 100 * (1 - (idle - self.idle) / (t - self.t) / os.cpu_count())


# ---- a tracer at work ----

class Tracer:
    """A child that traces. ready_ns: from before its fork until it waits for events for the first time."""
    def __init__(self, machine, argv, output=None, helper=False):
        self.machine, self.output, self.peak = machine, output, 0
        self.log = tempfile.TemporaryFile(dir=machine.dir)
        t0 = time.monotonic_ns()
        self.proc = machine.start(argv, stdin=subprocess.PIPE if helper else subprocess.DEVNULL,
                                  stdout=subprocess.PIPE if helper else self.log, stderr=self.log)
        self.pid = self.proc.pid
        if helper:
            if self.proc.stdout.readline() != b"ready\n":
                self.fail()
        else:
            self.wait_ready(t0 + 60 * 10**9)
        self.ready_ns = time.monotonic_ns() - t0

    def wait_ready(self, deadline):
        while not re.search("epoll|ep_poll", read(f"/proc/{self.pid}/wchan")):
            if self.proc.poll() is not None or time.monotonic_ns() > deadline:
                self.fail()
            time.sleep(0.0005)

    def fail(self, what="did not start"):
        self.machine.kill(self.proc)
        raise Failed(f"{' '.join(self.proc.args)} {what}: " + self.text().strip()[-500:])

    def text(self):
        """What it printed."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def stop(self, seconds=60):
        """Ends it as a user would and returns what it wrote (None when nothing was asked of it)."""
        if self.proc.stdin:
            self.proc.stdin.close()
        else:
            self.proc.send_signal(signal.SIGINT)
        try:
            self.peak = watch(self.proc, seconds)
        except subprocess.TimeoutExpired:
            self.fail(f"did not end within {seconds} seconds")
        self.machine.forget(self.proc)
        if self.proc.returncode:
            self.fail(f"ended with status {self.proc.returncode}")
        if not self.output:
            return None
        result = SpoorOutput(self.output)
        os.unlink(self.output)
        return result


class SpoorOutput:
    """A JSON stream of spoor: how many records, and the objects at its end."""
    def __init__(self, path, need=("summary", "lost", "cost")):
        size, mark, carry = os.path.getsize(path), b'{"type":"op"', b""
        self.bytes, self.records, self.last = size, 0, {}
        with open(path, "rb") as f:
            while chunk := f.read(1 << 22):
                self.records += (carry + chunk).count(mark)
                carry = chunk[-len(mark) + 1:]
            f.seek(max(0, size - (4 << 20)))
            for line in f.read().splitlines():
                if line.startswith((b'{"type":"summary"', b'{"type":"lost"', b'{"type":"cost"')):
                    o = json.loads(line)
                    self.last[o["type"]] = o
        if not set(need) <= set(self.last):
            raise Failed(f"spoor's output lacks one of {', '.join(need)} at its end ({size} bytes)")

    @property
    def lost(self):
        return self.last["lost"]["total"]

    @property
    def cost(self):
        return self.last["cost"]

    def requests(self, dev):
        """Requests to this device that the summary counted."""
        return sum(r["count"] for r in self.last["summary"]["rows"] if r["row"] == "device" and r["dev"] == dev)


# ---- the machine ----

class Machine:
    def __init__(self, disk=True):
        """disk: a loop device and fio are wanted."""
        self.with_disk = disk
        self.stack = contextlib.ExitStack()
        self.children = []
        self.dir = self.dev = self.fio_path = self.helper = self.empty_object = None

    def __enter__(self):
        try:
            self.dir = tempfile.mkdtemp(prefix="spoor-bench.", dir=SHM)
            if self.with_disk:
                self.fio_path = tool("fio") or self.missing("fio")
                self.make_disk(tool("losetup") or self.missing("losetup"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        signals_ignore()
        for proc in list(self.children):
            self.kill(proc)
        self.stack.close()
        if self.dir:
            shutil.rmtree(self.dir, ignore_errors=True)

    @staticmethod
    def missing(name):
        raise Failed(f"{name} is missing: run tools/setup bench")

    def make_disk(self, losetup):
        path = f"{self.dir}/disk"
        chunk = bytes(1 << 20)
        with open(path, "wb") as f:
            for _ in range(DISK // len(chunk)): # pages that exist: reading holes would be another path
                f.write(chunk)
        self.stack.callback(self.detach, losetup, path)
        self.dev = run(losetup, "--show", "-f", path)
        fd = os.open(self.dev, os.O_RDONLY)
        self.stack.callback(os.close, fd)
        spare = os.open(self.dev, os.O_RDONLY) # two users: clearing waits for the last one's close
        fcntl.ioctl(spare, LOOP_CLR_FD)
        os.close(spare)
        os.unlink(path)

    @staticmethod
    def detach(losetup, path):
        """When a signal came before we knew the device, or made it clear itself: it is asked for by its file."""
        for dev in run(losetup, "-n", "-O", "NAME", "-j", path).split():
            run(losetup, "-d", dev)

    def start(self, argv, **kw):
        proc = subprocess.Popen(argv, start_new_session=True, preexec_fn=die_with_parent, **kw)
        self.children.append(proc)
        return proc

    def forget(self, proc):
        if proc in self.children:
            self.children.remove(proc)

    def kill(self, proc):
        if proc.poll() is None:
            proc.kill()
            proc.wait()
        self.forget(proc)

    def measure_bpf(self):
        """The kernel measures BPF run time until the returned tracer is stopped."""
        return Tracer(self, [self.helper, "stats"], helper=True)

    def empty(self, *names):
        return Tracer(self, [self.helper, "empty", self.empty_object, *names], helper=True)

    def fio(self, *args):
        """Starts fio; fio_end() waits for it and returns its jobs."""
        out = f"{self.dir}/fio.json"
        return self.start([self.fio_path, *args, "--output-format=json", f"--output={out}"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), out

    def fio_end(self, started):
        proc, out = started
        proc.wait()
        self.forget(proc)
        text = read(out)
        if proc.returncode:
            raise Failed(f"fio failed with status {proc.returncode}: {text.strip()[:300]}")
        return json.loads(text[text.index("{"):])["jobs"]

    def randread(self, seconds):
        """(I/Os a second, I/Os) of the job that goes as fast as it can."""
        jobs = self.fio_end(self.fio(*RANDREAD, f"--filename={self.dev}", f"--runtime={seconds}", "--time_based"))
        return jobs[0]["read"]["iops"], jobs[0]["read"]["total_ios"]

    def paced(self, seconds):
        """(busy per cent a core, I/Os a second) while 12,250 I/Os a second are asked for; the ends are left out."""
        path = f"{self.dir}/paced.fio"
        with open(path, "w", encoding="utf-8") as f:
            f.write(PACED.format(dev=self.dev, seconds=seconds + 2))
        started = self.fio(path)
        time.sleep(1.2)
        busy = Busy()
        time.sleep(seconds)
        percent = busy.percent()
        jobs = self.fio_end(started)
        return percent, sum(j["read"]["iops"] + j["write"]["iops"] for j in jobs)


def signals_ignore():
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, signal.SIG_IGN)


def signals_stop():
    """Any of them ends the bench through its clean-up; a second one does not stop that."""
    def stop(number, frame):
        signals_ignore()
        raise SystemExit(128 + number)
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, stop)
