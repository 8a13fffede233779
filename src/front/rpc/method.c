#include "front/rpc/method.h"

#include "front/rpc/adapter.h"
#include "front/rpc/cache.h"
#include "front/rpc/constant.h"
#include "front/rpc/kv.h"
#include "front/rpc/load.h"
#include "front/rpc/reload.h"
#include "front/rpc/router.h"
#include "front/rpc/rpc.h"
#include "front/rpc/run.h"
#include "front/rpc/setup.h"
#include "front/rpc/status.h"
#include "front/rpc/submit.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define RUN_PARAMS                                                          \
	{                                                                   \
		{ "rkllm_input", "input", &shape_input },                   \
		    { "rkllm_infer_params", "infer_params", &shape_infer }, \
	}

#define NONE              \
	{                 \
		{         \
			0 \
		}         \
	}

#define NEEDS_MODEL (METHOD_MODEL | METHOD_WAITS)
#define RUNS (METHOD_MODEL | METHOD_WAITS | METHOD_WORK)

static const struct method methods[] = {
	{ "rkllm.createDefaultParam", constant_default_param, 0, NONE, NULL },
	{ "rkllm.get_constants", constant_get, 0, NONE, NULL },
	{ "rkllm.init", load_init, METHOD_WORK,
	    { { "param", NULL, &shape_param } }, NULL },
	{ "rkllm.run", run_sync, RUNS, RUN_PARAMS, NULL },
	{ "rkllm.run_async", run_async, RUNS, RUN_PARAMS, NULL },
	{ "rkllm.abort", run_abort, METHOD_MODEL, NONE, NULL },
	{ "rkllm.is_running", run_is_running, METHOD_MODEL, NONE, NULL },
	{ "rkllm.destroy", load_destroy, NEEDS_MODEL, NONE, NULL },
	{ "rkllm.load_lora", adapter_load, RUNS,
	    { { "lora_adapter", NULL, &shape_adapter } }, NULL },
	{ "rkllm.load_prompt_cache", cache_load, RUNS, NONE,
	    &shape_cache_path },
	{ "rkllm.release_prompt_cache", cache_release, NEEDS_MODEL, NONE,
	    NULL },
	{ "rkllm.clear_kv_cache", kv_clear, NEEDS_MODEL, NONE, &shape_clear },
	{ "rkllm.get_kv_cache_size", kv_size, NEEDS_MODEL, NONE, NULL },
	{ "rkllm.set_chat_template", setup_template, NEEDS_MODEL, NONE,
	    &shape_template },
	{ "rkllm.set_function_tools", setup_tools, NEEDS_MODEL, NONE,
	    &shape_tools },
	{ "rkllm.set_cross_attn_params", cross_set, NEEDS_MODEL,
	    { { "cross_attn_params", NULL, &shape_cross_attn } }, NULL },
	{ "bulkhead.status", status_get, 0, NONE, NULL },
	{ "bulkhead.reload", reload_call, METHOD_WAITS | METHOD_WORK, NONE,
	    NULL },
	{ "bulkhead.load", router_load_call, METHOD_WAITS | METHOD_WORK, NONE,
	    &shape_model_name },
	{ "bulkhead.unload", router_unload_call, METHOD_WAITS, NONE,
	    &shape_model_name },
};

/* Places that the server fills: whatever is sent there is not looked at. */
static const char *const server_names[] = { "handle", "callback", "userdata" };

const struct method *
method_find(struct str name)
{
	for (size_t i = 0; i < COUNT(methods); i++)
		if (str_is(name, methods[i].name))
			return &methods[i];
	return NULL;
}

static unsigned
n_params(const struct method *m)
{
	unsigned n = 0;

	while (n < METHOD_PARAMS && m->params[n].name != NULL)
		n++;
	return n;
}

static bool
has_field(const struct shape *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->fields[i].name, name) == 0)
			return true;
	return false;
}

/* Whether any parameter of the method is called that, or has such a field. */
static bool
knows(const struct method *m, const char *name)
{
	if (m->values != NULL && has_field(m->values, name))
		return true;
	for (unsigned i = 0; i < n_params(m); i++) {
		const struct param *p = &m->params[i];

		if (strcmp(p->name, name) == 0 || has_field(p->shape, name) ||
		    (p->alias != NULL && strcmp(p->alias, name) == 0))
			return true;
	}
	for (size_t i = 0; i < COUNT(server_names); i++)
		if (strcmp(server_names[i], name) == 0)
			return true;
	return false;
}

static void
on_unknown(void *arg, const char *name)
{
	struct unknown *u = arg;

	rpc_warn_unknown(u->rpc, u->method->name, name);
}

/* Among named parameters the fields of several structs stand side by side. */
static void
on_unknown_outer(void *arg, const char *name)
{
	struct unknown *u = arg;

	if (!knows(u->method, name))
		rpc_warn_unknown(u->rpc, u->method->name, name);
}

static void
by_name(
    const struct method *m, const struct json_value *params, struct args *ret)
{
	for (unsigned i = 0; i < n_params(m); i++) {
		const struct param *p = &m->params[i];
		struct source *s = &ret->at[i];

		s->outer = params;
		s->own = json_get(params, p->name);
		if (s->own == NULL && p->alias != NULL)
			s->own = json_get(params, p->alias);
	}
}

/* A null in front is the handle's, unless it may be a value's: then all values
 * are there. */
static bool
has_handle(const struct method *m, const struct json_value *params)
{
	struct json_iter it = json_iter(params);
	const struct json_value *first;

	return json_next(&it, NULL, &first) && json_type(first) == JSON_NULL &&
	    (json_count(params) != m->values->n ||
		(m->values->fields[0].flags & JSON_REQUIRED));
}

static int
values_by_position(const struct method *m, const struct json_value *params,
    struct args *ret, struct fail *f)
{
	bool is_handle = has_handle(m, params);
	struct json_iter it = json_iter(params);
	const struct json_value *v;
	size_t most = m->values->n + 2, i = 0;

	if (json_count(params) > most)
		return fail_set(f, ERR_INVALID, "params",
		    "params: %s takes at most %zu, with those for handle and "
		    "callback, not %zu",
		    m->name, most, json_count(params));
	for (; json_next(&it, NULL, &v); is_handle = false)
		if (!is_handle && i < m->values->n)
			ret->value[i++] = v;
	return 0;
}

static int
by_position(const struct method *m, const struct json_value *params,
    struct args *ret, struct fail *f)
{
	struct json_iter it = json_iter(params);
	const struct json_value *v;
	size_t n = json_count(params);
	size_t at = 0;
	unsigned i = 0;

	if (n > n_params(m) + 2)
		return fail_set(f, ERR_INVALID, "params",
		    "params: %s takes at most %u, with those for handle and "
		    "callback, not %zu",
		    m->name, n_params(m) + 2, n);
	while (json_next(&it, NULL, &v)) {
		bool is_handle = at++ == 0 && json_type(v) == JSON_NULL;

		if (!is_handle && i < n_params(m))
			ret->at[i++].own = v;
	}
	return 0;
}

int
method_resolve(const struct method *m, const struct json_value *params,
    struct rpc *r, struct args *ret, struct fail *f)
{
	*ret = (struct args){ .unknown = { r, m } };
	for (unsigned i = 0; i < METHOD_PARAMS; i++) {
		ret->at[i].name = m->params[i].name;
		ret->at[i].outer_how.on_unknown = on_unknown_outer;
		ret->at[i].own_how.on_unknown = on_unknown;
		ret->at[i].outer_how.arg = &ret->unknown;
		ret->at[i].own_how.arg = &ret->unknown;
	}
	switch (json_type(params)) {
	case JSON_OBJECT:
		ret->named = params;
		by_name(m, params, ret);
		return 0;
	case JSON_ARRAY:
		return (m->values != NULL ? values_by_position : by_position)(
		    m, params, ret, f);
	case JSON_ABSENT:
	case JSON_NULL:
		return 0;
	default:
		return fail_set(f, ERR_INVALID, "params",
		    "params: must be an array or an object, not a %s",
		    json_type_name(json_type(params)));
	}
}

int
method_values(const struct args *a, void *st, struct fail *f)
{
	const struct shape *values = a->unknown.method->values;
	struct json_how how = { .on_unknown = on_unknown_outer,
		.arg = (void *)(uintptr_t)&a->unknown };
	int err = 0;

	if (a->named != NULL)
		return json_read_fields(
		    a->named, values->fields, values->n, &how, st, f);
	for (size_t i = 0; i < values->n && err == 0; i++)
		err = json_read_field(
		    a->value[i], &values->fields[i], &how, st, f);
	return err;
}
