/*
 * status - with what status every command ends, as one table: the help prints
 * it, scripts and unit files rely on it.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

/* name, number, what it means */
#define STATUSES(S)                                                       \
	S(STATUS_DONE, 0, "done; of serve: stopped as it was asked to")   \
	S(STATUS_FAILED, 1, "failed for another reason than those below") \
	S(STATUS_USAGE, 2,                                                \
	    "a command, an option or a variable makes no "                \
	    "sense")                                                      \
	S(STATUS_FILE, 3,                                                 \
	    "a file or folder of the configuration cannot be "            \
	    "used")                                                       \
	S(STATUS_LISTEN, 4,                                               \
	    "cannot listen: an address or a socket is taken, "            \
	    "or not allowed")                                             \
	S(STATUS_MODEL, 5, "a model of the configuration did not load")   \
	S(STATUS_JAIL, 6,                                                 \
	    "--jail require, and this machine does not allow "            \
	    "all of it")                                                  \
	S(STATUS_INTERRUPTED, 130, "run was ended by Ctrl-C")

#define STATUS_ENUM(name, number, text) name = (number),
enum status { STATUSES(STATUS_ENUM) };
#undef STATUS_ENUM

#endif
