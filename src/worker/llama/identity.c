#include "worker/llama/identity.h"

#include <stdio.h>
#include <string.h>

#define MARK "; exact: "

struct exactness {
	const char *name;
	enum plan_rule rule;
	enum kernels kernels;
};

static const struct exactness classes[] = {
	{ "no", PLAN_FREE, KERNELS_OWN },
	{ "by rows", PLAN_ROWS, KERNELS_ROWS },
	{ "by rows, dot products", PLAN_ROWS, KERNELS_DOTS },
	{ "by shapes", PLAN_SHAPES, KERNELS_OWN },
};

#define N_CLASSES (sizeof(classes) / sizeof(classes[0]))

const char *
identity_class(const struct model *m)
{
	for (size_t i = 1; i < N_CLASSES; i++)
		if (classes[i].rule == m->rule &&
		    classes[i].kernels == m->kernels)
			return classes[i].name;
	return classes[0].name;
}

/* Where whole layers may be computed. */
static void
put_devices(char *ret, size_t n)
{
	size_t at = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < ggml_backend_dev_count() && at < n; i++) {
		ggml_backend_dev_t dev = ggml_backend_dev_get(i);

		at += (size_t)snprintf(ret + at, n - at, "%s%s %s",
		    i > 0 ? ", " : "", ggml_backend_dev_name(dev),
		    ggml_backend_dev_description(dev));
	}
}

/* Its answer is a string that each call writes anew, so it is asked once, when
 * the first model loads: where there are several, others look at it then. */
static const char *
system_info(void)
{
	static char kept[512];

	if (kept[0] == '\0')
		(void)snprintf(
		    kept, sizeof(kept), "%s", llama_print_system_info());
	return kept;
}

static void
put_all_but_class(const struct model *m, char *ret, size_t n)
{
	char devices[128];

	put_devices(devices, sizeof(devices));
	(void)snprintf(ret, n,
	    "Bulkhead " BULKHEAD_VERSION ", llama.cpp %s, %s, threads %d and "
	    "%d, chunk %u, KV f16, weights %s, adapters %u; %s",
	    chat_engine(), devices, m->threads[BATCH_STEP],
	    m->threads[BATCH_CHUNK], m->chunk,
	    m->is_fast ? "repacked" : "as filed", m->adapters.n, system_info());
}

/* libllama's states speak of all sequences that there are. But not on the number
 * of threads: what another would have computed differs in rounding alone, and a
 * run that is resumed begins with the same state. */
void
identity_of_state(const struct model *m, char *ret, size_t n)
{
	char devices[128];

	put_devices(devices, sizeof(devices));
	(void)snprintf(ret, n,
	    "Bulkhead " BULKHEAD_VERSION ", llama.cpp %s, %s, layers %u, "
	    "%u sequences, KV f16, weights %s; %s",
	    chat_engine(), devices, m->gpu_layers, m->n_seq,
	    m->is_fast ? "repacked" : "as filed", system_info());
}

void
identity_make(const struct model *m, char *ret, size_t n)
{
	char rest[IDENTITY_MAX - 64];

	put_all_but_class(m, rest, sizeof(rest));
	(void)snprintf(ret, n, "%s" MARK "%s", rest, identity_class(m));
}

bool
identity_recall(struct model *m, struct str line)
{
	char ours[IDENTITY_MAX];
	size_t n;

	for (size_t i = 0; i < N_CLASSES; i++) {
		struct model then = *m;

		then.rule = classes[i].rule;
		then.kernels = classes[i].kernels;
		identity_make(&then, ours, sizeof(ours));
		n = strlen(ours);
		if (n != line.n || memcmp(ours, line.p, n) != 0)
			continue;
		m->rule = classes[i].rule;
		m->kernels = classes[i].kernels;
		return true;
	}
	return false;
}
