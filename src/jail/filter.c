#include "jail/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#define MAY SCMP_ACT_ALLOW

/* What a thread shares with its process; with any less it is a process. */
#define THREAD_FLAGS \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define NAMESPACE_FLAGS                                              \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | \
	    CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* Bits of a register in which nothing but the value counts: what C passes as
 * an int may have anything above. */
#define INT 0xffffffffull

#define ROW(call, rule, why) { #call, CALL_##rule, why },
static const struct call common[] = { CALLS_COMMON(ROW) };
static const struct call worker[] = { CALLS_WORKER(ROW) };
static const struct call device[] = { CALLS_DEVICE(ROW) };
static const struct call npu[] = { CALLS_NPU(ROW) };
static const struct call front[] = { CALLS_FRONT(ROW) };
static const struct call autopsy[] = { CALLS_AUTOPSY(ROW) };
#undef ROW

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct table {
	const struct call *rows;
	size_t n;
};

static const struct table tables[JAIL_NKINDS + 1] = {
	[JAIL_FRONT] = { front, COUNT(front) },
	[JAIL_WORKER] = { worker, COUNT(worker) },
	[JAIL_DEVICE] = { device, COUNT(device) },
	[JAIL_NPU] = { npu, COUNT(npu) },
	[JAIL_AUTOPSY] = { autopsy, COUNT(autopsy) },
	[JAIL_PROBE] = { NULL, 0 }, /* those of every process do */
	[JAIL_NKINDS] = { common, COUNT(common) },
};

/* The tables of a kind; an earlier row counts. */
static const enum jail_kind parts[JAIL_NKINDS][4] = {
	[JAIL_FRONT] = { JAIL_FRONT, JAIL_NKINDS, JAIL_NKINDS, JAIL_NKINDS },
	[JAIL_WORKER] = { JAIL_WORKER, JAIL_NKINDS, JAIL_NKINDS, JAIL_NKINDS },
	[JAIL_DEVICE] = { JAIL_DEVICE, JAIL_WORKER, JAIL_NKINDS, JAIL_NKINDS },
	[JAIL_NPU] = { JAIL_NPU, JAIL_DEVICE, JAIL_WORKER, JAIL_NKINDS },
	[JAIL_AUTOPSY] = { JAIL_AUTOPSY, JAIL_NKINDS, JAIL_NKINDS,
	    JAIL_NKINDS },
	[JAIL_PROBE] = { JAIL_NKINDS, JAIL_NKINDS, JAIL_NKINDS, JAIL_NKINDS },
};

const struct call *
filter_calls(enum jail_kind kind, size_t *ret_n)
{
	*ret_n = tables[kind].n;
	return tables[kind].rows;
}

const char *
filter_rule_text(enum call_rule rule)
{
#define TEXT(name, text) [CALL_##name] = text,
	static const char *const texts[CALL_RULE_COUNT] = { CALL_RULES(TEXT) };
#undef TEXT

	return texts[rule];
}

static int
add_any(scmp_filter_ctx ctx, int nr)
{
	return seccomp_rule_add(ctx, MAY, nr, 0);
}

static int
add_not_executable(scmp_filter_ctx ctx, int nr)
{
	return seccomp_rule_add(
	    ctx, MAY, nr, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/* Who asks goes on without. */
static int
add_no_library(scmp_filter_ctx ctx, int nr)
{
	int err = add_not_executable(ctx, nr);

	if (err != 0)
		return err;
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
}

static int
add_thread(scmp_filter_ctx ctx, int nr)
{
	return seccomp_rule_add(ctx, MAY, nr, 1,
	    SCMP_A0(SCMP_CMP_MASKED_EQ, THREAD_FLAGS | NAMESPACE_FLAGS,
		THREAD_FLAGS));
}

static int
add_own(scmp_filter_ctx ctx, int nr)
{
	return seccomp_rule_add(ctx, MAY, nr, 1,
	    SCMP_A0(SCMP_CMP_MASKED_EQ, INT, (scmp_datum_t)getpid()));
}

/* Whoever took the process over shall not catch what ends it. */
static int
add_not_sigsys(scmp_filter_ctx ctx, int nr)
{
	return seccomp_rule_add(ctx, MAY, nr, 1, SCMP_A0(SCMP_CMP_NE, SIGSYS));
}

/* With the flag the path is meant to be empty; if it is not, Landlock does not
 * stop it, but an empty root has nothing to be found. */
static int
add_open_file(scmp_filter_ctx ctx, int nr)
{
	int err = seccomp_rule_add(ctx, MAY, nr, 1,
	    SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));

	if (err != 0)
		return err;
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), nr, 1,
	    SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, 0));
}

static int
add_read_limit(scmp_filter_ctx ctx, int nr)
{
	return seccomp_rule_add(ctx, MAY, nr, 2,
	    SCMP_A0(SCMP_CMP_MASKED_EQ, INT, 0), SCMP_A2(SCMP_CMP_EQ, 0));
}

static int
add_fcntl(scmp_filter_ctx ctx, int nr)
{
	static const scmp_datum_t commands[] = { F_DUPFD, F_DUPFD_CLOEXEC,
		F_GETFD, F_SETFD, F_GETFL, F_SETFL };
	int err = 0;

	for (size_t i = 0; i < COUNT(commands) && err == 0; i++)
		err = seccomp_rule_add(ctx, MAY, nr, 1,
		    SCMP_A1(SCMP_CMP_MASKED_EQ, INT, commands[i]));
	return err;
}

static int
add_fcntl_seal(scmp_filter_ctx ctx, int nr)
{
	int err = add_fcntl(ctx, nr);

	return err != 0 ? err
			: seccomp_rule_add(ctx, MAY, nr, 1,
			      SCMP_A1(SCMP_CMP_MASKED_EQ, INT, F_ADD_SEALS));
}

static int
add_prctl(scmp_filter_ctx ctx, int nr)
{
	static const scmp_datum_t options[] = { PR_SET_NAME, PR_GET_NAME,
		PR_SET_VMA };
	int err = 0;

	for (size_t i = 0; i < COUNT(options) && err == 0; i++)
		err = seccomp_rule_add(ctx, MAY, nr, 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, INT, options[i]));
	return err;
}

static int
add_socket_option(scmp_filter_ctx ctx, int nr)
{
	static const struct {
		scmp_datum_t level;
		scmp_datum_t name;
	} options[] = {
		{ SOL_SOCKET, SO_KEEPALIVE },
		{ IPPROTO_TCP, TCP_NODELAY },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT },
		{ IPPROTO_TCP, TCP_NOTSENT_LOWAT },
		{ IPPROTO_TCP, TCP_KEEPIDLE },
		{ IPPROTO_TCP, TCP_KEEPINTVL },
		{ IPPROTO_TCP, TCP_KEEPCNT },
	};
	int err = 0;

	for (size_t i = 0; i < COUNT(options) && err == 0; i++)
		err = seccomp_rule_add(ctx, MAY, nr, 2,
		    SCMP_A1(SCMP_CMP_MASKED_EQ, INT, options[i].level),
		    SCMP_A2(SCMP_CMP_MASKED_EQ, INT, options[i].name));
	return err;
}

static int
add_unread(scmp_filter_ctx ctx, int nr)
{
	int err = seccomp_rule_add(
	    ctx, MAY, nr, 1, SCMP_A1(SCMP_CMP_MASKED_EQ, INT, SIOCOUTQ));

	if (err != 0)
		return err;
	return seccomp_rule_add(
	    ctx, MAY, nr, 1, SCMP_A1(SCMP_CMP_MASKED_EQ, INT, FIONREAD));
}

static int
answer_eacces(scmp_filter_ctx ctx, int nr)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), nr, 0);
}

static int
answer_eperm(scmp_filter_ctx ctx, int nr)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
}

static int
answer_enotty(scmp_filter_ctx ctx, int nr)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOTTY), nr, 0);
}

static int
answer_enosys(scmp_filter_ctx ctx, int nr)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), nr, 0);
}

/* Return 0 or a negative errno, as libseccomp does. */
static int (*const adders[CALL_RULE_COUNT])(scmp_filter_ctx, int) = {
	[CALL_ANY] = add_any,
	[CALL_NOT_EXECUTABLE] = add_not_executable,
	[CALL_NO_LIBRARY] = add_no_library,
	[CALL_THREAD] = add_thread,
	[CALL_OWN] = add_own,
	[CALL_NOT_SIGSYS] = add_not_sigsys,
	[CALL_OPEN_FILE] = add_open_file,
	[CALL_READ_LIMIT] = add_read_limit,
	[CALL_FCNTL] = add_fcntl,
	[CALL_FCNTL_SEAL] = add_fcntl_seal,
	[CALL_PRCTL] = add_prctl,
	[CALL_SOCKET_OPTION] = add_socket_option,
	[CALL_UNREAD] = add_unread,
	[CALL_NO_PATH] = answer_eacces,
	[CALL_NO_RIGHT] = answer_eperm,
	[CALL_NO_DEVICE] = answer_enotty,
	[CALL_UNKNOWN] = answer_enosys,
};

static bool
is_in(const struct table *t, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(t->rows[i].name, name) == 0)
			return true;
	return false;
}

/* Whether a table that counts more has the call. */
static bool
is_settled(enum jail_kind kind, size_t part, const char *name)
{
	for (size_t i = 0; i < part; i++)
		if (is_in(&tables[parts[kind][i]], tables[parts[kind][i]].n,
			name))
			return true;
	return false;
}

static int
add_table(scmp_filter_ctx ctx, enum jail_kind kind, size_t part)
{
	const struct table *t = &tables[parts[kind][part]];
	int err = 0;

	for (size_t i = 0; i < t->n && err == 0; i++) {
		const struct call *c = &t->rows[i];
		int nr = seccomp_syscall_resolve_name(c->name);

		/* A negative number that is known is of a call that this
		 * architecture does not have. */
		if (nr < 0 || is_settled(kind, part, c->name))
			continue;
		err = adders[c->rule](ctx, nr);
		/* The rule is what is done with all that have none. */
		if (err == -EACCES)
			err = 0;
	}
	return err;
}

/* What is in no row: SIGSYS, which the crash handler can tell about. Calls
 * by another architecture's numbers (32-bit, x32) end it without a word. */
static scmp_filter_ctx
new_filter(enum jail_kind kind)
{
	scmp_filter_ctx ctx = seccomp_init(
	    kind == JAIL_DEVICE || kind == JAIL_NPU ? SCMP_ACT_ERRNO(EPERM)
						    : SCMP_ACT_TRAP);

	if (ctx == NULL)
		return NULL;
	if (seccomp_attr_set(
		ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
	    seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
	    seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0)
		return ctx;
	seccomp_release(ctx);
	return NULL;
}

int
filter_enter(enum jail_kind kind)
{
	scmp_filter_ctx ctx = new_filter(kind);
	int err = ctx == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < COUNT(parts[kind]) && err == 0; i++)
		if (i == 0 || parts[kind][i] != parts[kind][i - 1])
			err = add_table(ctx, kind, i);
	if (err == 0)
		err = seccomp_load(ctx);
	if (ctx != NULL)
		seccomp_release(ctx);
	if (err == 0)
		return 0;
	errno = -err;
	return -1;
}
