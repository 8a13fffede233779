/*
 * calls - the system calls that a process may make once it is locked in, and
 * why. One table for what all need, one for each kind of process. What is in
 * no row ends the process with SIGSYS.
 *
 * Names are those of all architectures together: what one does not have is
 * passed over there.
 */
#ifndef JAIL_CALLS_H
#define JAIL_CALLS_H

/* How a call may be made. name, what people read */
#define CALL_RULES(R)                                                  \
	R(ANY, "yes")                                                  \
	R(NOT_EXECUTABLE, "unless memory would be executable")         \
	R(NO_LIBRARY, "unless memory would be executable: EPERM")      \
	R(THREAD, "to make a thread, nothing else")                    \
	R(OWN, "of this process only")                                 \
	R(NOT_SIGSYS, "but for SIGSYS")                                \
	R(OPEN_FILE, "of an open descriptor; of a path: EACCES")       \
	R(READ_LIMIT, "its own, to read it")                           \
	R(FCNTL, "duplicates, flags")                                  \
	R(FCNTL_SEAL, "duplicates, flags, seals")                      \
	R(PRCTL, "names of threads and memory")                        \
	R(SOCKET_OPTION, "the TCP and keepalive options that are set") \
	R(UNREAD, "bytes that wait in a socket")                       \
	R(NO_PATH, "answered EACCES")                                  \
	R(NO_RIGHT, "answered EPERM")                                  \
	R(NO_DEVICE, "answered ENOTTY")                                \
	R(UNKNOWN, "answered ENOSYS")

#define CALL_RULE_ENUM(name, text) CALL_##name,
enum call_rule { CALL_RULES(CALL_RULE_ENUM) CALL_RULE_COUNT };
#undef CALL_RULE_ENUM

/* Of every process that is locked in. call, rule, why */
#define CALLS_COMMON(C)                                                  \
	C(read, ANY, "descriptors that it has")                          \
	C(write, ANY, "the same; the log is a pipe to the keeper")       \
	C(pread64, ANY, "the model's file; the crash handler's maps")    \
	C(lseek, ANY, "the same")                                        \
	C(getdents64, ANY, "the crash handler counts the threads")       \
	C(writev, ANY, "what glibc says before it aborts")               \
	C(close, ANY, "gives up what it has")                            \
	C(recvmsg, ANY, "frames and descriptors of the channels")        \
	C(sendmsg, ANY, "frames")                                        \
	C(fcntl, FCNTL, "channels are made non-blocking")                \
	C(fstat, ANY, "size of an open file")                            \
	C(newfstatat, OPEN_FILE, "what fstat() has become")              \
	C(poll, ANY, "waits")                                            \
	C(ppoll, ANY, "the same on arm64")                               \
	C(mmap, NOT_EXECUTABLE, "malloc; the model's file")              \
	C(mprotect, NOT_EXECUTABLE, "malloc's arenas, stacks' guards")   \
	C(munmap, ANY, "free")                                           \
	C(mremap, ANY, "realloc")                                        \
	C(brk, ANY, "malloc")                                            \
	C(madvise, ANY, "gives pages back; how a file is read")          \
	C(futex, ANY, "locks; the barriers of compute threads")          \
	C(clock_gettime, ANY, "where the vDSO has no clock")             \
	C(gettimeofday, ANY, "the same")                                 \
	C(time, ANY, "the same")                                         \
	C(clock_nanosleep, ANY, "the crash handler waits for threads")   \
	C(nanosleep, ANY, "the same, on older systems")                  \
	C(restart_syscall, ANY, "a wait goes on after SIGSTOP")          \
	C(getrandom, ANY, "ids, hash seeds")                             \
	C(getpid, ANY, "logs; raise()")                                  \
	C(gettid, ANY, "raise(); the crash handler")                     \
	C(tgkill, OWN, "abort(); the crash handler stops other threads") \
	C(rt_sigaction, NOT_SIGSYS, "how SIGTERM is taken")              \
	C(rt_sigprocmask, ANY, "around thread starts, raise()")          \
	C(rt_sigreturn, ANY, "a handler ends")                           \
	C(sigaltstack, ANY, "a stack for the crash handler")             \
	C(prctl, PRCTL, "for debuggers")                                 \
	C(prlimit64, READ_LIMIT, "a thread's stack size")                \
	C(getrlimit, ANY, "the same")                                    \
	C(getrusage, ANY, "peak memory, for status")                     \
	C(sysinfo, ANY, "memory: of the KV cache, of a large qsort()")   \
	C(sched_yield, ANY, "spinning threads")                          \
	C(exit, ANY, "a thread ends")                                    \
	C(exit_group, ANY, "the process ends")                           \
	C(open, NO_PATH, "libraries ask and go on without")              \
	C(openat, NO_PATH, "the same")                                   \
	C(openat2, NO_PATH, "the same")                                  \
	C(access, NO_PATH, "the same")                                   \
	C(faccessat, NO_PATH, "the same")                                \
	C(faccessat2, NO_PATH, "the same")                               \
	C(stat, NO_PATH, "the same")                                     \
	C(lstat, NO_PATH, "the same")                                    \
	C(statx, NO_PATH, "the same")                                    \
	C(readlink, NO_PATH, "the same")                                 \
	C(readlinkat, NO_PATH, "the same")                               \
	C(getcwd, NO_PATH, "the same")                                   \
	C(clone3, UNKNOWN, "its flags are out of sight: libc takes clone")

/* Of a worker. */
#define CALLS_WORKER(C)                                                  \
	C(readv, ANY, "reading the model")                               \
	C(fadvise64, ANY, "the model is read from front to back")        \
	C(dup, ANY, "the model's descriptor becomes a FILE")             \
	C(clone, THREAD, "compute threads")                              \
	C(set_robust_list, ANY, "a thread starts")                       \
	C(rseq, ANY, "the same")                                         \
	C(sched_getaffinity, ANY, "how many threads")                    \
	C(sched_setaffinity, NO_RIGHT, "ggml asks, and goes on without") \
	C(sched_setscheduler, NO_RIGHT, "the same")                      \
	C(mlock, NO_RIGHT, "llama.cpp warns and goes on")                \
	C(arch_prctl, NO_RIGHT, "ggml asks for AMX, goes on without")    \
	C(ioctl, NO_DEVICE, "stdio asks whether it is a terminal")

/* Of a worker that computes on a GPU or NPU, beside those above and in their
 * place: the driver is within reach of whoever takes it over. What is in no
 * row is answered EPERM there, for nobody knows all that drivers try. */
#define CALLS_DEVICE(C)                                          \
	C(ioctl, ANY, "how drivers are spoken to")               \
	C(open, ANY, "device files, as far as Landlock lets it") \
	C(openat, ANY, "the same")                               \
	C(access, ANY, "the same")                               \
	C(faccessat, ANY, "the same")                            \
	C(faccessat2, ANY, "the same")                           \
	C(stat, ANY, "the same")                                 \
	C(lstat, ANY, "the same")                                \
	C(statx, ANY, "the same")                                \
	C(newfstatat, ANY, "the same")                           \
	C(statfs, ANY, "the same")                               \
	C(fstatfs, ANY, "the same")                              \
	C(readlink, ANY, "the same")                             \
	C(readlinkat, ANY, "the same")                           \
	C(getcwd, ANY, "the same")                               \
	C(mmap, ANY, "the driver's libraries, loaded late")      \
	C(mprotect, ANY, "the same")                             \
	C(memfd_create, ANY, "memory that the driver shares")    \
	C(ftruncate, ANY, "the same")                            \
	C(fcntl, ANY, "the same")                                \
	C(prctl, ANY, "names of threads")                        \
	C(mlock, ANY, "pinned memory")                           \
	C(munlock, ANY, "the same")                              \
	C(eventfd2, ANY, "the driver's events")                  \
	C(pipe2, ANY, "the same")                                \
	C(epoll_create1, ANY, "the same")                        \
	C(epoll_ctl, ANY, "the same")                            \
	C(epoll_wait, ANY, "the same")                           \
	C(epoll_pwait, ANY, "the same")                          \
	C(timerfd_create, ANY, "the same")                       \
	C(timerfd_settime, ANY, "the same")                      \
	C(uname, ANY, "which kernel")                            \
	C(getuid, ANY, "who asks")                               \
	C(geteuid, ANY, "the same")                              \
	C(getgid, ANY, "the same")                               \
	C(getegid, ANY, "the same")                              \
	C(getppid, ANY, "the same")                              \
	C(sched_getscheduler, ANY, "its threads' priorities")    \
	C(sched_getparam, ANY, "the same")                       \
	C(sched_get_priority_min, ANY, "the same")               \
	C(sched_get_priority_max, ANY, "the same")               \
	C(getcpu, ANY, "which node of memory is near")

/* Of a worker that computes on Rockchip's NPU, beside those of one with a GPU
 * and in their place. */
#define CALLS_NPU(C)                                                        \
	C(sched_setaffinity, ANY, "its library binds its threads to cores") \
	C(dup2, ANY, "what the library prints at init is kept")             \
	C(dup3, ANY, "the same on arm64")

/* Of the front. */
#define CALLS_FRONT(C)                                                   \
	C(epoll_wait, ANY, "the event loop")                             \
	C(epoll_pwait, ANY, "the same on arm64")                         \
	C(epoll_pwait2, ANY, "the same")                                 \
	C(epoll_ctl, ANY, "the same")                                    \
	C(timerfd_settime, ANY, "its timers")                            \
	C(accept4, ANY, "clients, at listeners that the keeper made")    \
	C(recvfrom, ANY, "bytes from clients")                           \
	C(sendto, ANY, "bytes to clients")                               \
	C(readv, ANY, "the same")                                        \
	C(writev, ANY, "the same")                                       \
	C(shutdown, ANY, "says to a client that all is said")            \
	C(setsockopt, SOCKET_OPTION, "vanished peers, no delay")         \
	C(getsockopt, ANY, "who is there, what went wrong")              \
	C(getsockname, ANY, "which address a client came to")            \
	C(getpeername, ANY, "and from where, for quotas")                \
	C(ioctl, UNREAD, "what a peer has not yet taken")                \
	C(fallocate, ANY, "the journal, in memory that the keeper made") \
	C(memfd_create, ANY, "numbers that a client gets as memory")     \
	C(fcntl, FCNTL_SEAL, "channels; that memory is sealed")

/* Of bulkhead-autopsy, in place of those above: it opens files as it comes
 * upon them. Which, Landlock decides; a path is out of a filter's sight. */
#define CALLS_AUTOPSY(C)                                                 \
	C(open, ANY, "ELF and debug files; the obituary's own")          \
	C(openat, ANY, "the same")                                       \
	C(stat, ANY, "whether there is such a debug file")               \
	C(lstat, ANY, "whether a file is one, and no link")              \
	C(newfstatat, ANY, "the same")                                   \
	C(statx, ANY, "the same")                                        \
	C(readlink, ANY, "where a module's own debug file may be")       \
	C(readlinkat, ANY, "the same")                                   \
	C(mmap, NO_LIBRARY, "files; libdw would load a download client") \
	C(pread64, ANY, "ELF headers, sections")                         \
	C(pwrite64, ANY, "what its jail holds, for the keeper")          \
	C(renameat, ANY, "an obituary that is whole gets its name")      \
	C(renameat2, ANY, "the same")                                    \
	C(unlinkat, ANY, "the oldest obituaries go")

#endif
