#include "front/rpc/adapter.h"

#include "front/attach.h"
#include "front/rpc/load.h"
#include "front/rpc/rpc.h"

#include <stdio.h>
#include <stdlib.h>

#define LOADED \
	"{\"success\":true,\"message\":\"LoRA adapter loaded successfully\"}"
#define NAMES_SHOWN 200u /* bytes, in a message */

struct adapter {
	struct list link; /* in rpc->adapters */
	char name[NAME_BYTES + 1];
	struct bias use; /* its id and scale */
	struct attached *at;
};

struct asked {
	struct str path;
	struct str name;
	float scale;
};

static const struct json_field adapter_fields[] = {
	{ "lora_adapter_path", JSON_TO_STR, offsetof(struct asked, path),
	    JSON_NULLABLE, 0, PATH_BYTES, NULL },
	{ "lora_adapter_name", JSON_TO_STR, offsetof(struct asked, name),
	    JSON_NULLABLE, 0, NAME_BYTES, NULL },
	{ "scale", JSON_TO_F32, offsetof(struct asked, scale), JSON_NULLABLE,
	    -1000, 1000, NULL },
};

const struct shape shape_adapter = SHAPE(adapter_fields);

static struct adapter *
find(const struct list *all, struct str name)
{
	for (struct list *it = all->next; it != all; it = it->next) {
		struct adapter *one = LIST_ENTRY(it, struct adapter, link);

		if (str_is(name, one->name))
			return one;
	}
	return NULL;
}

static uint32_t
count(const struct list *all)
{
	uint32_t n = 0;

	const struct list *it = all->next;

	for (; it != all && it != NULL; it = it->next)
		n++;
	return n;
}

void
adapter_free(void *what)
{
	struct adapter *one = what;

	if (one == NULL)
		return;
	list_remove(&one->link);
	attached_drop(one->at);
	free(one);
}

void
adapter_forget(struct list *all)
{
	struct list *it, *next;

	LIST_EACH (it, next, all)
		adapter_free(LIST_ENTRY(it, struct adapter, link));
}

/* "a, b"; cut where there is no more room. */
static const char *
names_of(const struct list *all, char *ret, size_t n)
{
	size_t at = 0;

	ret[0] = '\0';
	for (struct list *it = all->next; it != all && at < n; it = it->next)
		at += (size_t)snprintf(ret + at, n - at, "%s%s",
		    at > 0 ? ", " : "",
		    LIST_ENTRY(it, struct adapter, link)->name);
	return at > 0 ? ret : "none; rkllm.load_lora loads one";
}

int
adapter_pick(
    const struct list *all, struct str name, struct biases *ret, struct fail *f)
{
	char names[NAMES_SHOWN];
	const struct adapter *one = find(all, name);

	if (name.n == 0)
		return 0;
	if (one == NULL)
		return fail_set(f, ERR_NOT_FOUND,
		    "lora_params.lora_adapter_name",
		    "lora_params.lora_adapter_name: no adapter \"%.*s\" is "
		    "loaded; loaded: %s",
		    name.n < 64 ? (int)name.n : 64, name.p,
		    names_of(all, names, sizeof(names)));
	if (one->at->lost.code != 0) {
		*f = one->at->lost;
		(void)snprintf(f->field, sizeof(f->field),
		    "lora_params.lora_adapter_name");
		return f->code;
	}
	*ret = (struct biases){ &one->use, 1 };
	return 0;
}

struct attached *
adapter_hold(const struct list *all, const struct biases *b)
{
	for (struct list *it = all->next; it != all; it = it->next) {
		struct adapter *one = LIST_ENTRY(it, struct adapter, link);

		if (b->n == 1 && b->p->token == one->use.token)
			return attached_hold(one->at);
	}
	return NULL;
}

static int
missing(struct fail *f, const char *field)
{
	return fail_set(f, ERR_INVALID, field, "%s: missing", field);
}

static int
read_asked(const struct rpc *r, const struct args *a, struct asked *ret,
    struct fail *f)
{
	int err = fields_read(&a->at[0], &shape_adapter, ret, f);

	if (err != 0)
		return err;
	if (ret->path.n == 0)
		return missing(f, "lora_adapter_path");
	if (ret->name.n == 0)
		return missing(f, "lora_adapter_name");
	if (find(&r->adapters, ret->name) == NULL &&
	    count(&r->adapters) >= WORKER_ADAPTERS_MAX)
		return fail_set(f, ERR_BUSY, "lora_adapter_name",
		    "this connection has loaded %u adapters, the limit",
		    WORKER_ADAPTERS_MAX);
	return 0;
}

static void
on_attached(void *arg, struct attached *at, const struct fail *why)
{
	struct rpc *r = arg;
	struct adapter *one = change_what(r);
	struct call c = change_end(r);

	if (at != NULL) {
		adapter_free(find(&r->adapters, str_of(one->name)));
		one->at = at;
		one->use.token = (int32_t)at->id;
		list_append(&r->adapters, &one->link);
		call_result(&c, STR(LOADED));
	} else {
		change_fail(&c, "lora_adapter_path", why);
		adapter_free(one);
	}
	call_drop(&c);
	rpc_settled(r);
}

static struct adapter *
adapter_new(const struct asked *asked)
{
	struct adapter *one = calloc(1, sizeof(*one));

	if (one == NULL)
		return NULL;
	list_init(&one->link);
	one->use.bias = asked->scale;
	(void)snprintf(one->name, sizeof(one->name), "%.*s", (int)asked->name.n,
	    asked->name.p);
	return one;
}

void
adapter_load(struct call *c, const struct args *a)
{
	struct rpc *r = c->rpc;
	struct asked asked = { .scale = 1.0f };
	struct fail why = { 0 };

	if (read_asked(r, a, &asked, &why) != 0) {
		call_fail(c, &why);
		return;
	}
	change_attach(c, ATTACH_LORA, asked.path, adapter_new(&asked),
	    adapter_free, on_attached);
}
