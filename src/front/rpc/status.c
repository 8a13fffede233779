#include "front/rpc/status.h"

#include "base/clock.h"
#include "front/attach.h"
#include "front/front.h"
#include "front/gen.h"
#include "front/listener.h"
#include "front/lora.h"
#include "front/model.h"
#include "front/rpc/rpc.h"
#include "front/texts.h"
#include "json/write.h"

/* What every process has that can die: when it last did, and of what. */
static void
put_process(struct json_out *o, uint32_t pid, uint32_t restarts,
    struct str last_death, uint64_t died_unix, struct str crash_id)
{
	json_key_u64(o, "pid", pid);
	json_key_u64(o, "restarts", restarts);
	json_key_text(o, "last_death", last_death);
	json_key_u64(o, "died_unix", died_unix);
	json_key_text(o, "crash_id", crash_id);
}

/* "a, b (why)" as an array of texts. */
static void
put_list(struct json_out *o, const char *key, struct str s)
{
	size_t start = 0;

	json_key(o, key);
	json_open(o, '[');
	for (size_t i = 0; i <= s.n && s.n > 0; i++) {
		struct str word = { s.p + start, i - start };

		if (i < s.n && s.p[i] != ',')
			continue;
		json_item(o);
		json_put_str(o->b, word);
		start = i + 2;
	}
	json_close(o, ']');
}

static void
put_jail(struct json_out *o, struct str held, struct str missing)
{
	json_key(o, "jail");
	json_open(o, '{');
	put_list(o, "layers", held);
	put_list(o, "missing", missing);
	json_close(o, '}');
}

static void
put_description(struct json_out *o, const struct model_state *s)
{
	json_key_str(o, "arch", s->arch);
	json_key_str(o, "desc", s->desc);
	json_key_text(o, "quant", s->quant);
	json_key_bool(o, "has_template", s->has_template != 0);
	json_key_u64(o, "params", s->n_params);
	json_key_u64(o, "size", s->size);
	json_key_u64(o, "memory", s->need);
	json_key_u64(o, "n_ctx", s->n_ctx);
	json_key_u64(o, "n_ctx_train", s->n_ctx_train);
	json_key_u64(o, "n_vocab", s->n_vocab);
	json_key_u64(o, "n_embd", s->n_embd);
	json_key_u64(o, "n_embd_in", s->n_embd_in);
	json_key_u64(o, "slots", s->n_seq);
	json_key_u64(o, "threads", s->n_threads);
	json_key_u64(o, "threads_batch", s->n_threads_batch);
	json_key_u64(o, "chunk", s->chunk);
	json_key_bool(o, "exact", s->exact != 0);
	json_key_str(o, "identity", s->identity);
	json_key_u64(o, "load_ms", s->load_ms);
}

static void
put_model(struct json_out *o, const struct model *m)
{
	static const char *const names[] = {
		[MODEL_KNOWN] = "not loaded",
		[MODEL_STARTING] = "loading",
		[MODEL_UP] = "up",
		[MODEL_RESTARTING] = "restarting",
		[MODEL_FAILED] = "failed",
		[MODEL_GONE] = "gone",
	};
	const struct model_state *s = &m->state;

	json_item(o);
	json_open(o, '{');
	json_key_u64(o, "id", s->model);
	json_key_str(o, "name", s->name);
	json_key_str(o, "path", s->path);
	json_key_cstr(
	    o, "state", s->status <= MODEL_GONE ? names[s->status] : NULL);
	json_key_text(o, "error", s->text);
	put_process(
	    o, s->pid, s->restarts, s->last_death, s->died_unix, s->crash_id);
	put_jail(o, s->jail, s->jail_missing);
	texts_put(o, "aliases", s->aliases);
	texts_put(o, "tags", s->tags);
	json_key_bool(o, "hidden", s->hidden != 0);
	json_key_bool(o, "retired", s->is_retired != 0);
	json_key_text(o, "mmproj", s->mmproj);
	json_key_text(o, "unusable", s->flaw);
	json_key_u64(o, "running", m->n_active);
	json_key_u64(o, "running_exact", gen_count_exact(m));
	json_key_u64(o, "queued", queue_len(&m->queue));
	json_key_u64(o, "tokens", m->tokens);
	json_key(o, "adapters");
	lora_put(o, s);
	json_key_u64(o, "attached", attach_count(m));
	put_description(o, s);
	json_close(o, '}');
}

static void
put_models(struct json_out *o, const struct front *f)
{
	json_key(o, "models");
	json_open(o, '[');
	for (struct list *it = f->models.next; it != &f->models; it = it->next)
		put_model(o, LIST_ENTRY(it, struct model, link));
	json_close(o, ']');
}

static void
put_listeners(struct json_out *o, const struct front *f)
{
	const struct list *it;

	json_key(o, "listeners");
	json_open(o, '[');
	for (it = f->listeners.next; it != &f->listeners; it = it->next) {
		const struct listener *l =
		    LIST_ENTRY(it, const struct listener, link);

		json_item(o);
		json_open(o, '{');
		json_key_cstr(
		    o, "kind", l->kind == LISTEN_RPC ? "rpc" : "http");
		json_key_cstr(o, "address", l->label);
		json_close(o, '}');
	}
	json_close(o, ']');
}

static void
put_front(struct json_out *o, const struct front *f)
{
	const struct keeper_status *k = &f->keeper;

	json_key(o, "front");
	json_open(o, '{');
	put_process(o, k->front_pid, k->front_restarts, k->front_last_death,
	    k->front_died_unix, k->front_crash_id);
	put_jail(o, k->front_jail, k->front_jail_missing);
	json_key_u64(o, "clients", f->n_conns);
	json_close(o, '}');
}

/* Seconds since the keeper started, whatever became of the time of day. */
static uint64_t
uptime(const struct front *f)
{
	return (clock_ms() - f->config.started_ms) / 1000;
}

void
status_get(struct call *c, const struct args *a)
{
	const struct front *f = c->rpc->front;
	struct json_out o = json_out(call_open(c));

	(void)a;
	json_open(&o, '{');
	json_key_str(&o, "version", f->config.version);
	json_key_u64(&o, "uptime_s", uptime(f));
	json_key(&o, "keeper");
	json_open(&o, '{');
	json_key_u64(&o, "pid", f->keeper.keeper_pid);
	json_key_text(&o, "cgroups", f->keeper.cgroups);
	json_close(&o, '}');
	put_front(&o, f);
	put_models(&o, f);
	put_listeners(&o, f);
	json_key_u64(&o, "generations", f->n_gens);
	json_key_bool(&o, "draining", f->is_draining);
	json_close(&o, '}');
	call_close(c);
}
