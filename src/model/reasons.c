/* SPDX-License-Identifier: LGPL-2.1-or-later OR GPL-2.0 */
/*
 * Why a task sleeps, from the functions on its kernel stack: data, one place. From the innermost frame
 * outwards, the first line whose symbol matches and whose `with`, if any, is found further out, decides; lines
 * of the same symbol are tried in order. Names are without compiler suffixes. A trailing * matches any rest, a
 * leading ^ the innermost frame alone.
 *
 * The kernel leaves the functions of .sched.text out of the stack of a sleeping task (stack_trace_save_tsk):
 * schedule, io_schedule, down_write, mutex_lock, wait_for_completion, bit_wait ... are seen only where an
 * architecture unwinds by itself. So a sleeping lock shows as its caller: the innermost frame says which lock.
 */
#include "model/stacks.h"

static const struct { const char *symbol, *with, *reason; } table[] = {
	/* block layer, before the request is issued */
	{ "blk_mq_get_tag", NULL, "request tag" },
	{ "__blk_mq_get_tag", NULL, "request tag" },
	{ "blk_mq_freeze_queue*", NULL, "queue frozen" },
	{ "blk_queue_enter", NULL, "queue frozen" },
	{ "__bio_queue_enter", NULL, "queue frozen" },
	{ "wbt_wait", NULL, "writeback throttle" },
	{ "ioc_rqos_throttle", NULL, "iocost throttle" },
	{ "iocg_*", NULL, "iocost throttle" },
	{ "blkcg_iolatency_throttle", NULL, "iolatency throttle" },
	{ "blkcg_maybe_throttle_current", NULL, "cgroup I/O throttle" },
	{ "rq_qos_wait", NULL, "writeback throttle" },
	{ "mempool_alloc*", NULL, "memory pool" },
	/* dirty pages */
	{ "balance_dirty_pages", NULL, "dirty throttle" },
	{ "folio_wait_writeback", NULL, "page under write-back" },
	{ "wait_on_page_writeback", NULL, "page under write-back" },
	{ "folio_wait_stable", NULL, "page under write-back" },
	{ "wait_for_stable_page", NULL, "page under write-back" },
	{ "__filemap_fdatawait_range", NULL, "page under write-back" },
	{ "file_write_and_wait_range", NULL, "page under write-back" },
	{ "wb_wait_for_completion", NULL, "write-back" },
	{ "sync_inodes_sb", NULL, "write-back" },
	{ "inode_wait_for_writeback", NULL, "write-back of the inode" },
	{ "__inode_wait_for_writeback", NULL, "write-back of the inode" },
	/* journals and transactions */
	{ "jbd2_log_wait_commit", NULL, "journal commit" },
	{ "jbd2_complete_transaction", NULL, "journal commit" },
	{ "jbd2_fc_wait_bufs", NULL, "journal commit" },
	{ "jbd2_journal_commit_transaction", NULL, "journal write" },
	{ "jbd2_fc_begin_commit", NULL, "journal commit" },
	{ "ext4_fc_commit", NULL, "journal commit" },
	{ "wait_transaction_locked", NULL, "journal transaction locked" },
	{ "wait_transaction_switching", NULL, "journal transaction locked" },
	{ "add_transaction_credits", NULL, "journal space" },
	{ "__jbd2_log_wait_for_space", NULL, "journal space" },
	{ "jbd2_log_do_checkpoint", NULL, "journal checkpoint" },
	{ "do_get_write_access", NULL, "journal buffer" },
	{ "start_this_handle", NULL, "journal transaction locked" },
	{ "xlog_wait*", NULL, "journal commit" },
	{ "xfs_log_force*", NULL, "journal commit" },
	{ "xlog_cil_force_seq", NULL, "journal commit" },
	{ "xlog_force_lsn", NULL, "journal commit" },
	{ "xlog_grant_head_wait", NULL, "journal space" },
	{ "xfs_buf_lock", NULL, "metadata buffer lock" },
	{ "xfs_buf_iowait", NULL, "metadata read" },
	{ "xfs_ilock*", NULL, "inode lock" },
	{ "btrfs_commit_transaction", NULL, "transaction commit" },
	{ "btrfs_wait_for_commit", NULL, "transaction commit" },
	{ "wait_current_trans", NULL, "transaction commit" },
	{ "wait_for_commit", NULL, "transaction commit" },
	{ "btrfs_sync_log", NULL, "journal commit" },
	{ "wait_log_commit", NULL, "journal commit" },
	{ "btrfs_wait_tree_log_extents", NULL, "journal commit" },
	{ "btrfs_wait_ordered_range", NULL, "ordered data" },
	{ "btrfs_start_ordered_extent*", NULL, "ordered data" },
	{ "btrfs_wait_ordered_extents", NULL, "ordered data" },
	{ "__reserve_bytes", NULL, "space reservation" },
	{ "btrfs_lock_extent*", NULL, "extent lock" },
	{ "lock_extent*", NULL, "extent lock" },
	{ "wait_extent_bit", NULL, "extent lock" },
	{ "btrfs_tree_read_lock*", NULL, "tree lock" },
	{ "btrfs_tree_lock*", NULL, "tree lock" },
	{ "__btrfs_tree_read_lock", NULL, "tree lock" },
	{ "__btrfs_tree_lock", NULL, "tree lock" },
	/* locks, by their callers: whoever is innermost here sleeps in a lock */
	{ "^*_buffered_write*", NULL, "inode lock" },
	{ "^*_file_write_iter", NULL, "inode lock" },
	{ "^*_file_read_iter", NULL, "inode lock" },
	{ "^*_dio_write_*", NULL, "inode lock" },
	{ "^*_dio_read_*", NULL, "inode lock" },
	{ "^btrfs_direct_write", NULL, "inode lock" },
	{ "^btrfs_inode_lock", NULL, "inode lock" },
	{ "^blkdev_write_iter", NULL, "inode lock" },
	{ "^btrfs_log_inode*", NULL, "journal lock" },
	{ "^start_log_trans", NULL, "journal lock" },
	{ "^ext4_map_blocks", NULL, "block map lock" },
	{ "^ext4_da_*", NULL, "block map lock" },
	{ "^ext4_truncate*", NULL, "block map lock" },
	{ "^vfs_write", NULL, "file system frozen" },
	{ "^do_user_addr_fault", NULL, "mmap lock" },
	{ "^lock_mm_and_find_vma", NULL, "mmap lock" },
	{ "^vm_mmap_pgoff", NULL, "mmap lock" },
	{ "^do_madvise", NULL, "mmap lock" },
	{ "^madvise_do_behavior", NULL, "mmap lock" },
	{ "^__vm_munmap", NULL, "mmap lock" },
	{ "^do_mprotect_pkey", NULL, "mmap lock" },
	{ "^filemap_fault", NULL, "page-cache invalidation lock" },
	/* and where the lock's own functions are shown */
	{ "rwsem_down_*", "filemap_invalidate_lock*", "page-cache invalidation lock" },
	{ "rwsem_down_*", "mmap_*", "mmap lock" },
	{ "rwsem_down_*", "do_user_addr_fault", "mmap lock" },
	{ "rwsem_down_*", "vm_mmap_pgoff", "mmap lock" },
	{ "rwsem_down_*", "*_file_write_iter", "inode lock" },
	{ "rwsem_down_*", "*_file_read_iter", "inode lock" },
	{ "rwsem_down_*", "*_buffered_write*", "inode lock" },
	{ "rwsem_down_*", "*_dio_write*", "inode lock" },
	{ "rwsem_down_*", "btrfs_inode_lock", "inode lock" },
	{ "rwsem_down_*", "blkdev_*", "inode lock" },
	{ "rwsem_down_*", "ext4_map_blocks", "block map lock" },
	{ "rwsem_down_*", "ext4_da_*", "block map lock" },
	{ "percpu_rwsem_wait", "sb_start_write", "file system frozen" },
	{ "inode_dio_wait*", NULL, "direct I/O of the inode" },
	{ "fdget_pos", NULL, "file position lock" },
	{ "__fdget_pos", NULL, "file position lock" },
	{ "__mutex_lock*", "*pipe*", "pipe lock" },
	{ "__mutex_lock*", "fdget_pos", "file position lock" },
	{ "__mutex_lock*", "__fdget_pos", "file position lock" },
	{ "__mutex_lock*", "loop_*", "loop device lock" },
	{ "__mutex_lock*", "jbd2_*", "journal lock" },
	{ "__mutex_lock*", "io_uring_*", "io_uring lock" },
	{ "futex_wait*", NULL, "futex" },
	/* reads and direct I/O */
	{ "page_cache_ra_*", NULL, "read-ahead" },
	{ "filemap_get_pages", NULL, "page-cache read" },
	{ "filemap_update_page", NULL, "page-cache read" },
	{ "filemap_read_folio", NULL, "page-cache read" },
	{ "filemap_read_page", NULL, "page-cache read" },
	{ "filemap_fault", NULL, "page-cache read" },
	{ "filemap_read", NULL, "page-cache read" },
	{ "generic_file_buffered_read", NULL, "page-cache read" },
	{ "generic_file_read_iter", NULL, "direct I/O" },
	{ "do_read_cache_folio", NULL, "page-cache read" },
	{ "__folio_lock_or_retry", "do_swap_page", "swap-in" },
	{ "__lock_page*", "do_swap_page", "swap-in" },
	{ "__folio_lock_killable", NULL, "page lock" },
	{ "__folio_lock_or_retry", NULL, "page lock" },
	{ "__folio_lock", NULL, "page lock" },
	{ "__lock_page*", NULL, "page lock" },
	{ "iomap_dio_complete*", NULL, "direct I/O" },
	{ "__iomap_dio_rw", NULL, "direct I/O" },
	{ "iomap_dio_rw", NULL, "direct I/O" },
	{ "__blkdev_direct_IO*", NULL, "direct I/O" },
	{ "blkdev_direct_IO*", NULL, "direct I/O" },
	{ "btrfs_dio_*", NULL, "direct I/O" },
	{ "do_blockdev_direct_IO", NULL, "direct I/O" },
	{ "ext4_iomap_begin", NULL, "metadata read" },
	{ "iomap_read_folio_sync", NULL, "page-cache read" },
	{ "__wait_on_buffer", "ext4_*", "metadata read" },
	{ "__wait_on_buffer", "jbd2_*", "journal write" },
	{ "__wait_on_buffer", NULL, "buffer read" },
	{ "__lock_buffer", NULL, "buffer lock" },
	{ "ext4_read_bh*", NULL, "metadata read" },
	{ "__ext4_get_inode_loc*", NULL, "metadata read" },
	{ "__ext4_find_entry", NULL, "metadata read" },
	{ "ext4_bread*", NULL, "metadata read" },
	{ "__bread_gfp", NULL, "metadata read" },
	{ "__sync_dirty_buffer", NULL, "metadata write" },
	{ "fsync_buffers_list", NULL, "metadata write" },
	{ "ext4_mb_*", NULL, "block allocator" },
	{ "submit_bio_wait", "blkdev_issue_flush", "device cache flush" },
	{ "blkdev_issue_flush", NULL, "device cache flush" },
	{ "submit_bio_wait", "blkdev_issue_discard", "discard" },
	{ "submit_bio_wait", "*zeroout*", "zeroing of blocks" },
	{ "blkdev_issue_zeroout", NULL, "zeroing of blocks" },
	{ "blkdev_issue_discard", NULL, "discard" },
	{ "submit_bio_wait", NULL, "block I/O" },
	{ "blk_execute_rq*", NULL, "block I/O" },
	{ "bio_wait*", NULL, "block I/O" },
	{ "dm_*", NULL, "device mapper" },
	{ "md_*", NULL, "md" },
	{ "raid*", NULL, "md" },
	/* memory */
	{ "mem_cgroup_handle_over_high", NULL, "memory cgroup throttle" },
	{ "throttle_direct_reclaim", NULL, "memory reclaim" },
	{ "reclaim_throttle", NULL, "memory reclaim" },
	{ "shrink_*", NULL, "memory reclaim" },
	{ "try_to_free_*", NULL, "memory reclaim" },
	{ "__alloc_pages_slowpath*", NULL, "memory reclaim" },
	{ "do_swap_page", NULL, "swap-in" },
	{ "swap_read_folio", NULL, "swap-in" },
	/* others */
	{ "io_cqring_wait", NULL, "io_uring completions" },
	{ "__do_sys_io_uring_enter", NULL, "io_uring completions" }, /* where that is inlined */
	{ "read_events", NULL, "libaio completions" },
	{ "exit_aio", NULL, "end of libaio" },
	{ "__do_sys_io_destroy", NULL, "end of libaio" },
	{ "wait_for_completion*", "loop_*", "loop device" },
	{ "wait_for_completion*", "__flush_work", "work queue" },
	{ "flush_work", NULL, "work queue" },
	{ "__flush_work", NULL, "work queue" },
	{ "pipe_wait*", NULL, "pipe" },
	{ "pipe_read", NULL, "pipe" },
	{ "pipe_write", NULL, "pipe" },
	{ "anon_pipe_*", NULL, "pipe" },
	{ "fuse_*", NULL, "fuse server" },
	{ "request_wait_answer", NULL, "fuse server" },
	{ "nfs_*", NULL, "network file system" },
	{ "rpc_*", NULL, "network file system" },
	{ "p9_*", NULL, "network file system" },
	{ "synchronize_rcu*", NULL, "RCU" },
	{ "synchronize_srcu*", NULL, "RCU" },
	{ "ptrace_stop", NULL, "stopped by a tracer" },
	{ "do_signal_stop", NULL, "stopped" },
	{ "do_nanosleep", NULL, "sleep" },
	{ "msleep*", NULL, "sleep" },
	{ "hrtimer_nanosleep", NULL, "sleep" },
	{ "common_nsleep*", NULL, "sleep" },
	{ "usleep_range*", NULL, "sleep" },
	/* processes and signals */
	{ "affine_move_task", NULL, "move to another CPU" },
	{ "stop_one_cpu", NULL, "move to another CPU" },
	{ "sched_exec", NULL, "move to another CPU" },
	{ "do_wait", NULL, "child" },
	{ "kernel_wait4", NULL, "child" },
	{ "wait_for_vfork_done", NULL, "child until it executes" },
	{ "kernel_clone", NULL, "child until it executes" },
	{ "_do_fork", NULL, "child until it executes" },
	{ "de_thread", NULL, "threads that end" },
	{ "begin_new_exec", NULL, "threads that end" }, /* where that is inlined */
	{ "zap_pid_ns_processes", NULL, "processes that end" },
	{ "get_signal", NULL, "stopped" },
	{ "do_sigtimedwait", NULL, "signal" },
	{ "sigsuspend", NULL, "signal" },
	{ "*_sys_pause", NULL, "signal" },
	{ "signalfd_*", NULL, "signal" },
	{ "ptrace_*", NULL, "stopped by a tracer" },
	/* what is waited for through a file */
	{ "ep_poll", NULL, "epoll" },
	{ "do_epoll_*", NULL, "epoll" },
	{ "do_select", NULL, "select" },
	{ "core_sys_select", NULL, "select" },
	{ "do_poll*", NULL, "poll" },
	{ "do_sys_poll", NULL, "poll" },
	{ "eventfd_*", NULL, "eventfd" },
	{ "timerfd_*", NULL, "timerfd" },
	{ "inotify_read", NULL, "inotify" },
	{ "fanotify_*", NULL, "fanotify" },
	{ "n_tty_*", NULL, "terminal" },
	{ "tty_*", NULL, "terminal" },
	{ "*lock_inode_wait", NULL, "file lock" },
	{ "fcntl_setlk*", NULL, "file lock" },
	/* sockets */
	{ "unix_*", NULL, "unix socket" },
	{ "__skb_wait_for_more_packets", "unix_*", "unix socket" },
	{ "__skb_wait_for_more_packets", "__unix_*", "unix socket" },
	{ "__skb_wait_for_more_packets", "packet_*", "packet socket" },
	{ "__skb_wait_for_more_packets", "udp*", "UDP socket" },
	{ "__skb_wait_for_more_packets", "netlink_*", "netlink socket" },
	{ "sock_alloc_send_pskb", "unix_*", "unix socket" },
	{ "sk_wait_data", NULL, "TCP socket" },
	{ "sk_stream_wait_*", NULL, "TCP socket" },
	{ "tcp_*", NULL, "TCP socket" },
	{ "inet_csk_accept", NULL, "TCP connection" },
	{ "inet_csk_wait_for_connect", NULL, "TCP connection" },
	{ "inet_wait_for_connect", NULL, "TCP connection" },
	{ "__inet_stream_connect", NULL, "TCP connection" },
	{ "udp*_recvmsg", NULL, "UDP socket" },
	{ "netlink_*", NULL, "netlink socket" },
	{ "vsock_*", NULL, "vsock socket" },
	{ "lock_sock_nested", NULL, "socket lock" },
	{ "__lock_sock", NULL, "socket lock" },
	/* System V and POSIX */
	{ "do_semtimedop", NULL, "semaphore" },
	{ "__do_semtimedop", NULL, "semaphore" },
	{ "do_msgrcv", NULL, "message queue" },
	{ "do_msgsnd", NULL, "message queue" },
	{ "wq_sleep", NULL, "message queue" },
	{ "futex_*", NULL, "futex" },
	{ "do_futex", NULL, "futex" },
	/* kernel threads without work */
	{ "worker_thread", NULL, "idle" },
	{ "rescuer_thread", NULL, "idle" },
	{ "kthread_worker_fn", NULL, "idle" },
	{ "kjournald2", NULL, "idle" },
	{ "kswapd*", NULL, "idle" },
	{ "kcompactd*", NULL, "idle" },
	{ "khugepaged*", NULL, "idle" },
	{ "kdamond*", NULL, "idle" },
	{ "ksm_scan_thread", NULL, "idle" },
	{ "rcu_gp_kthread", NULL, "idle" },
	{ "rcu_gp_fqs*", NULL, "idle" },
	{ "rcu_tasks_*", NULL, "idle" },
	{ "rcu_nocb_*", NULL, "idle" },
	{ "smpboot_thread_fn", NULL, "idle" },
	{ "kthreadd", NULL, "idle" },
	{ "kauditd_thread", NULL, "idle" },
	{ "io_wq_worker", NULL, "idle" },
	{ "io_sq_thread", NULL, "idle" },
	{ "loop_thread", NULL, "idle" },
	{ "xfsaild*", NULL, "idle" },
	{ "transaction_kthread", NULL, "idle" },
	{ "cleaner_kthread", NULL, "idle" },
	{ "irq_thread*", NULL, "idle" },
	{ "irq_wait_for_interrupt", NULL, "idle" },
	{ "scsi_error_handler", NULL, "idle" },
	{ "virtio_*_thread", NULL, "idle" },
	{ "__cond_resched", NULL, "gave up the CPU" },
};

/* When no line matches: the frame that sleeps for any caller, where it is shown. */
static const struct { const char *symbol, *reason; } generic[] = {
	{ "rwsem_down_*", "rw semaphore" },
	{ "percpu_rwsem_wait", "rw semaphore" },
	{ "__mutex_lock*", "mutex" },
	{ "rt_mutex_*", "mutex" },
	{ "io_schedule*", "block I/O" },
};

static bool name_matches(const char *pattern, const char *name)
{
	size_t n = strlen(pattern);

	if (*pattern == '*') { /* *suffix or *middle* */
		const char *hit = NULL;
		if (pattern[n - 1] == '*') {
			char middle[64];
			snprintf(middle, sizeof(middle), "%.*s", (int)(n - 2), pattern + 1);
			hit = strstr(name, middle);
			return hit != NULL;
		}
		return strlen(name) >= n - 1 && !strcmp(name + strlen(name) - (n - 1), pattern + 1);
	}
	if (pattern[n - 1] == '*')
		return !strncmp(pattern, name, n - 1);
	return !strcmp(pattern, name);
}

static bool found_outside(const char *pattern, const char *const *names, unsigned int from, unsigned int n)
{
	for (unsigned int i = from; i < n; i++)
		if (name_matches(pattern, names[i]))
			return true;
	return false;
}

/* Functions that sleep for any caller. */
static bool name_is_sleeper(const char *name)
{
	static const char *const sleepers[] = { "schedule*", "__schedule", "io_schedule*", "preempt_schedule*",
		"rwsem_down_*", "down_*", "__down_*", "mutex_lock*", "__mutex_lock*", "rt_mutex_*",
		"wait_for_completion*", "__wait_for_common", "do_wait_for_common", "bit_wait*", "__wait_on_bit*",
		"out_of_line_wait_*", "percpu_rwsem_wait", "__percpu_down_read", "__switch_to", "__cond_resched" };

	for (size_t i = 0; i < sizeof(sleepers) / sizeof(sleepers[0]); i++)
		if (name_matches(sleepers[i], name))
			return true;
	return false;
}

static bool line_matches(size_t line, const char *const *names, unsigned int f, unsigned int n, bool innermost)
{
	const char *symbol = table[line].symbol;

	if (*symbol == '^') {
		if (!innermost)
			return false;
		symbol++;
	}
	return name_matches(symbol, names[f]) &&
	       (!table[line].with || found_outside(table[line].with, names, f + 1, n));
}

const char *reason_of(const char *const *names, unsigned int n)
{
	unsigned int innermost = 0;

	while (innermost < n && name_is_sleeper(names[innermost]))
		innermost++;
	for (unsigned int f = 0; f < n; f++)
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
			if (line_matches(i, names, f, n, f == innermost))
				return table[i].reason;
	for (unsigned int f = 0; f < n; f++)
		for (size_t i = 0; i < sizeof(generic) / sizeof(generic[0]); i++)
			if (name_matches(generic[i].symbol, names[f]))
				return generic[i].reason;
	return NULL;
}
