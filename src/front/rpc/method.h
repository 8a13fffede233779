/*
 * method - the methods by name, and their parameters in any of three forms.
 *
 * By position as in the C function: the handle's place first, the callback's
 * or userdata's last, both null. By position without those two. By name: the
 * names of the C function's parameters; the fields of a struct may also stand
 * among them directly.
 *
 * Parameters are either structs (params) or plain values (values), which one
 * table names in the C function's order.
 */
#ifndef FRONT_RPC_METHOD_H
#define FRONT_RPC_METHOD_H

#include "front/rpc/call.h"
#include "front/rpc/fields.h"

#define METHOD_PARAMS 2
#define METHOD_VALUES 4

#define METHOD_MODEL 1u /* needs a model: -32000 without one */
#define METHOD_WAITS 2u /* after a change of the model that is under way */
#define METHOD_WORK 4u	/* refused while the server is stopping */

/* Who sent a field that is not known, and to what. */
struct unknown {
	struct rpc *rpc;
	const struct method *method;
};

/* What a handler gets: its parameters, resolved. Not to be copied. */
struct args {
	struct unknown unknown;
	struct source at[METHOD_PARAMS];
	/* Of a method with values: the named ones, or by position. */
	const struct json_value *named;
	const struct json_value *value[METHOD_VALUES];
};

/* Answers the call, now or later, exactly once. */
typedef void (*method_fn)(struct call *c, const struct args *a);

struct param {
	const char *name;	   /* as rkllm.h has it */
	const char *alias;	   /* a shorter one, or NULL */
	const struct shape *shape; /* the struct's fields */
};

struct method {
	const char *name;
	method_fn fn;
	unsigned flags;			    /* METHOD_* */
	struct param params[METHOD_PARAMS]; /* up to the first without name */
	const struct shape *values;	    /* instead of those; or NULL */
};

/* NULL: there is none. */
const struct method *method_find(struct str name);

/* Sorts params (NULL: none were sent) into *ret. 0 or ERR_INVALID. */
int method_resolve(const struct method *m, const struct json_value *params,
    struct rpc *r, struct args *ret, struct fail *f) MUST_CHECK;

/* A method's values into the struct at st, which holds defaults. 0 or
 * ERR_INVALID. */
int method_values(const struct args *a, void *st, struct fail *f) MUST_CHECK;

#endif
