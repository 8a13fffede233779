#include "probe/answer.h"

#include "gguf/about.h"
#include "wire/probe.h"

#include <string.h>

static int
read_head(int fd, struct gguf_about *ret, uint32_t *ret_version, struct fail *f)
{
	struct gguf *g;
	int err;

	memset(ret, 0, sizeof(*ret));
	err = gguf_open_fd(fd, &g, f);
	if (err != 0)
		return err;
	*ret_version = gguf_version(g);
	err = gguf_about(g, ret, f);
	gguf_close(g);
	return err;
}

void
answer_make(int fd, struct str jail, struct buf *b)
{
	static struct gguf_about a;
	struct fail why = { .text = "" };
	struct probe p = { .jail = jail };

	p.err = read_head(fd, &a, &p.version, &why);
	p.why = str_of(p.err != 0 ? why.text : "");
	p.arch = str_of(a.arch);
	p.name = str_of(a.name);
	p.quant = str_of(a.quant);
	p.has_template = a.has_template;
	p.split = a.split;
	p.n_split = a.n_split;
	p.heads_kv = (struct i32s){ (const int32_t *)a.heads_kv, a.n_heads_kv };
	p.n_tensors = a.n_tensors;
	p.n_params = a.n_params;
	p.n_bytes = a.n_bytes;
#define COPY(member, key, what) p.member = a.member;
	GGUF_COUNTS(COPY)
#undef COPY
	layout_pack(&layout_probe, &p, b);
}
