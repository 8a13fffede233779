#include "front/rpc/reload.h"

#include "front/front.h"
#include "front/reload.h"
#include "front/rpc/load.h"
#include "front/rpc/rpc.h"
#include "json/write.h"

static void
put_done(struct call *c, const struct reloaded *r)
{
	struct json_out o = json_out(call_open(c));

	reload_put(&o, r);
	call_close(c);
}

static void
on_reloaded(void *arg, const struct reloaded *r)
{
	struct rpc *rpc = arg;
	struct call c = change_end(rpc);
	struct fail why;

	if (r->err != 0) {
		(void)fail_set(&why, r->err, NULL, "%.*s", (int)r->text.n,
		    r->text.n > 0 ? r->text.p : "");
		call_fail(&c, &why);
	} else {
		put_done(&c, r);
	}
	call_drop(&c);
	rpc_settled(rpc);
}

void
reload_call(struct call *c, const struct args *a)
{
	struct rpc *r = c->rpc;
	struct fail why;

	(void)a;
	if (!change_begin(c))
		return;
	if (reload_ask(r->conn, on_reloaded, r, &r->change->reload, &why) !=
	    0) {
		struct call kept = change_end(r);

		call_fail(&kept, &why);
		call_drop(&kept);
	}
}
