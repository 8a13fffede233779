#include "front/rpc/router.h"

#include "front/front.h"
#include "front/letgo.h"
#include "front/model.h"
#include "front/rpc/load.h"
#include "front/rpc/rpc.h"

#define NAME_MAX_BYTES 4096
#define DONE "{\"success\":true}"

static const struct json_field name_fields[] = {
	{ "model", JSON_TO_STR, 0, JSON_REQUIRED, 1, NAME_MAX_BYTES, NULL },
};
const struct shape shape_model_name = SHAPE(name_fields);

static struct model *
find(struct call *c, const struct args *a)
{
	struct str name = STR("");
	struct model *m = NULL;
	struct fail why;

	if (method_values(a, &name, &why) != 0) {
		call_fail(c, &why);
		return NULL;
	}
	m = model_find(c->rpc->front, name);
	if (m != NULL)
		return m;
	(void)fail_set(&why, ERR_NOT_FOUND, "model",
	    "model: no model is called \"%.*s\"; bulkhead.status lists them",
	    (int)(name.n < 200 ? name.n : 200), name.p);
	call_fail(c, &why);
	return NULL;
}

static void
on_want(void *arg, struct model *m, const struct fail *why)
{
	struct rpc *r = arg;
	struct call c = change_end(r);

	if (m != NULL) {
		model_drop(m);
		call_result(&c, STR(DONE));
	} else {
		call_fail(&c, why);
	}
	call_drop(&c);
	rpc_settled(r);
}

void
router_load_call(struct call *c, const struct args *a)
{
	struct rpc *r = c->rpc;
	struct model *m = find(c, a);

	if (m == NULL)
		return;
	if (!change_begin(c))
		return;
	r->change->want = model_want(r->front, m->state.name, 0, on_want, r);
	if (r->change->want == NULL) {
		struct call kept = change_end(r);

		call_error(&kept, RPC_INTERNAL, NULL, "out of memory");
		call_drop(&kept);
	}
}

void
router_unload_call(struct call *c, const struct args *a)
{
	struct model *m = find(c, a);
	struct fail why;

	if (m == NULL)
		return;
	if (letgo_unload(m, &why) != 0)
		call_fail(c, &why);
	else
		call_result(c, STR(DONE));
}
