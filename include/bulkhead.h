/*
 * bulkhead - for programs that embed the launcher.
 *
 * `bulkhead serve` is one call of this function. A program that makes the call
 * becomes the keeper: it starts bulkhead-front and bulkhead-worker (beside its
 * own executable, or where --libexec says), watches them, and returns when it
 * was told to stop by SIGTERM or SIGINT.
 */
#ifndef BULKHEAD_H
#define BULKHEAD_H

#ifdef __cplusplus
extern "C" {
#endif

/* argv: the program's name (it helps to find bulkhead-front where there is no
 * /proc) and the options of `bulkhead serve --help`. envp: what to read LLAMA_ARG_*, RKLLM_* and
 * BULKHEAD_* from, as main's third argument; nothing else of the environment is
 * read or passed on to the children, but options of sanitizers.
 *
 * NULL for argv or envp, NULL entries among the first argc, and an argc of 0
 * are served, each with a warning: what is missing is left out. Neither array
 * is written to.
 *
 * Returns an exit status: 0 after a stop that was asked for; else why it could
 * not start, in the numbers that `bulkhead serve --help-all` lists and a line on
 * standard error. A line "Server started successfully" comes on
 * standard output once models and listeners are ready.
 *
 * While it runs it has the process's SIGTERM, SIGINT, SIGHUP, SIGIO, SIGPIPE and
 * SIGCHLD; SIGPIPE is given back. Those that mean nothing to it (SIGUSR1 and its
 * like, docs/OPERATE.md) are ignored where they are at their default, and at
 * their default again when it returns; a handler of the program's own stays.
 * SIGTERM, SIGINT and SIGHUP are blocked when it returns, so that a late one
 * does not kill the process on its way out. Its children die with the thread
 * that called it. Call it from one thread at a time.
 *
 * Children of the program's own are left alone, unless it is process 1: then
 * whoever dies and is not ours is buried, as an orphan would have to be. */
int bulkhead_serve(int argc, char *const argv[], char *const envp[]);

#ifdef __cplusplus
}
#endif

#endif
