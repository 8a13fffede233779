#include "jail/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Over exec, for the program's own last stage: an empty root (SYS_ADMIN),
 * another user (SETUID, SETGID), and giving up the right to these
 * (SETPCAP). */
#define BIT(cap) (1ull << (cap))
#define TO_LOCK_IN (BIT(CAP_SYS_ADMIN) | BIT(CAP_SETPCAP))
#define TO_CHANGE_USER (BIT(CAP_SETUID) | BIT(CAP_SETGID))
#define CAP_NUMBERS 64

struct sets {
	uint64_t effective, permitted, inheritable;
};

/* glibc has no wrapper, and the kernel's form is in halves. */
static int
caps_get(struct sets *ret)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &head, d) != 0)
		return -1;
	ret->effective = d[0].effective | (uint64_t)d[1].effective << 32;
	ret->permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	ret->inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	return 0;
}

static int
caps_set(uint64_t set)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct low = { (uint32_t)set, (uint32_t)set,
		(uint32_t)set };
	struct __user_cap_data_struct high = { (uint32_t)(set >> 32),
		(uint32_t)(set >> 32), (uint32_t)(set >> 32) };
	struct __user_cap_data_struct d[2] = { low, high };

	return (int)syscall(SYS_capset, &head, d);
}

static bool
has_all(uint64_t want)
{
	struct sets now;

	return caps_get(&now) == 0 && (now.effective & want) == want;
}

bool
caps_may_change_user(void)
{
	return has_all(TO_CHANGE_USER | BIT(CAP_KILL));
}

bool
caps_may_make_namespaces(void)
{
	return has_all(BIT(CAP_SYS_ADMIN));
}

/* Which exec may give back: without CAP_SETPCAP nothing can be taken from it,
 * but then no_new_privs keeps what is not permitted from coming back. */
static void
bound(uint64_t keep)
{
	for (unsigned cap = 0; cap < CAP_NUMBERS; cap++)
		if ((keep & BIT(cap)) == 0)
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

void
caps_bound_none(void)
{
	bound(0);
}

int
caps_keep_few(bool to_change_user)
{
	uint64_t keep = TO_LOCK_IN | (to_change_user ? TO_CHANGE_USER : 0);
	struct sets now;

	if (caps_get(&now) != 0)
		return -1;
	keep &= now.permitted;
	bound(keep);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (caps_set(keep) != 0)
		return -1;
	/* Or exec would take them from who is not root. */
	for (unsigned cap = 0; cap < CAP_NUMBERS; cap++)
		if (keep & BIT(cap))
			(void)prctl(
			    PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
	return 0;
}

int
caps_drop_all(void)
{
	struct sets now;

	bound(0);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (caps_set(0) != 0 || caps_get(&now) != 0)
		return -1;
	if ((now.permitted | now.inheritable) == 0)
		return 0;
	errno = EPERM;
	return -1;
}
