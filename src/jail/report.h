/*
 * report - which layers of its jail a process lives under, and why not under
 * the others.
 *
 * A machine may not allow all of them: an old kernel, a container, a setting
 * of the administrator's. A layer that is not there is said, never passed over.
 */
#ifndef JAIL_REPORT_H
#define JAIL_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, what people read, what it is for. In the order of their making. */
#define JAIL_LAYERS(L)                                                       \
	L(NO_NEW_PRIVS, "no-new-privs", "no program it runs has more power") \
	L(USER_NS, "user-ns", "lets a user make the namespaces below")       \
	L(NET_NS, "net-ns", "no network interface, not even loopback")       \
	L(IPC_NS, "ipc-ns", "nobody's shared memory or message queues")      \
	L(UTS_NS, "uts-ns", "cannot see a host name change")                 \
	L(CGROUP_NS, "cgroup-ns", "cannot see where it is limited")          \
	L(LIMITS, "limits", "of descriptors, file sizes, processes")         \
	L(MOUNT_NS, "mount-ns", "an empty, read-only root folder")           \
	L(UID, "unprivileged-uid", "of a keeper run by root: owns nothing")  \
	L(NO_CAPS, "no-capabilities", "none, and no way to any")             \
	L(LANDLOCK, "landlock", "no path, no TCP, no signal to others")      \
	L(SECCOMP, "seccomp", "only the system calls of its table")

#define JAIL_ENUM(name, word, what) LAYER_##name,
enum jail_layer { JAIL_LAYERS(JAIL_ENUM) LAYER_COUNT };
#undef JAIL_ENUM

enum layer_state {
	LAYER_UNSAID,	/* nobody has come to it yet */
	LAYER_ON,	/* it holds */
	LAYER_NEEDLESS, /* another does all of its work */
	LAYER_MISSING,	/* could not be made: error says why */
	LAYER_LEFT_OUT, /* on purpose: error is an enum layer_reason */
};

/* Why a layer that could be made was not. name, what people read */
#define LAYER_REASONS(R)                               \
	R(SANITIZER, "a sanitizer's build needs more") \
	R(CORE, "--core wants to write a file")        \
	R(DEVICE, "the device's driver needs more")    \
	R(FILES, "it reads and writes files")

#define LAYER_REASON_ENUM(name, word) REASON_##name,
enum layer_reason { LAYER_REASONS(LAYER_REASON_ENUM) LAYER_REASON_COUNT };
#undef LAYER_REASON_ENUM

/* Bytes, so that a report can be sent as it is. */
struct jail_report {
	struct {
		uint8_t state; /* enum layer_state */
		uint8_t error; /* errno or reason; no errno is over 255 */
	} layers[LAYER_COUNT];
	uint8_t landlock_abi; /* 0: none */
};

#define JAIL_TEXT_MAX 512u

void report_set(struct jail_report *r, enum jail_layer l, enum layer_state s,
    unsigned error);

/* What the outcome of a call says: 0, or -1 and errno. */
void report_outcome(struct jail_report *r, enum jail_layer l, int outcome);

/* Takes over all that another stage has to say. */
void report_add(struct jail_report *r, const struct jail_report *more);

/* The report of n bytes at p; false if they are none. */
bool report_read(struct jail_report *ret, const void *p, size_t n);

/* "no-new-privs, landlock (ABI 7), seccomp" */
void report_held(const struct jail_report *r, char ret[JAIL_TEXT_MAX]);

/* "user-ns (EPERM), seccomp (a sanitizer's build needs more)"; "" if none is
 * missing. */
void report_missing(const struct jail_report *r, char ret[JAIL_TEXT_MAX]);

/* Whether a stage could not make one of its own, though what the process is
 * for would allow it. */
bool report_has_gap(const struct jail_report *r);

/* Whether nothing is missing but what the process could not work under: a
 * driver, one that has files to open. */
bool report_is_whole(const struct jail_report *r);

/* "landlock"; never NULL. */
const char *layer_name(enum jail_layer l);

#endif
