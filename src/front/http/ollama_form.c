/*
 * How Ollama writes a model: names with tags, times to the nanosecond, sizes
 * in words. What is said of a file comes from the keeper's word on which file
 * it is, for the front opens none.
 */
#include "front/http/ollama.h"

#include "base/hash.h"
#include "wire/msg.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PUT(b, literal) buf_put(b, literal, sizeof(literal) - 1)

static bool
has_tag(struct str name)
{
	return name.n > 0 && memchr(name.p, ':', name.n) != NULL;
}

void
ollama_put_name(struct json_out *o, const char *key, struct str name)
{
	json_key(o, key);
	PUT(o->b, "\"");
	json_put_escaped(o->b, name);
	if (!has_tag(name))
		PUT(o->b, ":latest");
	PUT(o->b, "\"");
}

void
ollama_put_time(struct buf *b, int64_t unix_s, uint32_t ns)
{
	time_t t = (time_t)unix_s;
	struct tm tm;
	char text[64];

	/* A file may claim a year that has no form. */
	if (gmtime_r(&t, &tm) == NULL || tm.tm_year > 9999 - 1900 ||
	    tm.tm_year < 1 - 1900) {
		t = 0;
		(void)gmtime_r(&t, &tm);
	}
	(void)strftime(text, sizeof(text), "%FT%T", &tm);
	buf_printf(b, "\"%s.%09" PRIu32 "Z\"", text, ns % 1000000000u);
}

void
ollama_put_now(struct buf *b)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	ollama_put_time(b, now.tv_sec, (uint32_t)now.tv_nsec);
}

/* What model_state.file begins with: see modelfile_id(). */
struct about_file {
	unsigned long long device, inode, size, mtime;
	unsigned long ns;
};

static struct about_file
read_file(struct str file)
{
	struct about_file f = { 0 };
	char text[128];

	(void)snprintf(text, sizeof(text), "%.*s", (int)file.n, file.p);
	if (sscanf(text, "%llx:%llx:%llx:%llx.%lx", &f.device, &f.inode,
		&f.size, &f.mtime, &f.ns) != 5)
		f = (struct about_file){ 0 };
	return f;
}

/* Ollama's is of the content, which nobody here reads for it. This one is
 * another for any other file, and that is what clients compare it for. */
static void
put_digest(struct json_out *o, const struct model_state *s)
{
	struct str of = s->file.n > 0 ? s->file : s->path;
	uint64_t h = HASH_START;

	json_key(o, "digest");
	PUT(o->b, "\"");
	for (int i = 0; i < 4; i++) {
		h = hash_more(h, of.p, of.n);
		buf_printf(o->b, "%016" PRIx64, h);
	}
	PUT(o->b, "\"");
}

void
ollama_put_file(struct json_out *o, const struct model_state *s)
{
	struct about_file f = read_file(s->file);

	json_key(o, "modified_at");
	ollama_put_time(o->b, (int64_t)f.mtime, (uint32_t)f.ns);
	json_key_u64(o, "size", f.size);
	put_digest(o, s);
}

const char *
ollama_count(uint64_t n, char ret[OLLAMA_COUNT_SIZE])
{
	double v = (double)n;

	if (n >= 1000000000)
		(void)snprintf(ret, OLLAMA_COUNT_SIZE, "%.1fB", v / 1e9);
	else if (n >= 1000000)
		(void)snprintf(ret, OLLAMA_COUNT_SIZE, "%.2fM", v / 1e6);
	else if (n >= 1000)
		(void)snprintf(ret, OLLAMA_COUNT_SIZE, "%.0fK", v / 1e3);
	else
		(void)snprintf(ret, OLLAMA_COUNT_SIZE, "%" PRIu64, n);
	return ret;
}

/* Of "llama 8B Q4_K - Medium", behind the architecture and the size. */
static struct str
quant_of(struct str desc)
{
	for (int words = 0; words < 2; words++) {
		const char *blank =
		    desc.n > 0 ? memchr(desc.p, ' ', desc.n) : NULL;

		if (blank == NULL)
			return STR("");
		desc.n -= (size_t)(blank + 1 - desc.p);
		desc.p = blank + 1;
	}
	return desc;
}

/* What llama.cpp says where the file does not tell, or tells of all. */
static struct str
without_words(struct str q)
{
	static const char *const words[] = { "(guessed) ", "all " };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i]);

		if (q.n >= n && memcmp(q.p, words[i], n) == 0)
			q = (struct str){ q.p + n, q.n - n };
	}
	return q;
}

const char *
ollama_quant(struct str name, char ret[OLLAMA_QUANT_SIZE])
{
	static const struct {
		const char *ours, *theirs;
	} sizes[] = { { " - Small", "_S" }, { " - Medium", "_M" },
		{ " - Large", "_L" } };
	struct str q = without_words(name);
	const char *tail = "";
	size_t n = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t len = strlen(sizes[i].ours);

		if (q.n > len &&
		    memcmp(q.p + q.n - len, sizes[i].ours, len) == 0)
			tail = sizes[i].theirs;
	}
	/* The name alone: what follows is a size, or how many bits it has. */
	while (n < q.n && q.p[n] != ' ' && q.p[n] != ',')
		n++;
	(void)snprintf(ret, OLLAMA_QUANT_SIZE, "%.*s%s",
	    n > 0 ? (int)n : (int)strlen("unknown"), n > 0 ? q.p : "unknown",
	    tail);
	return ret;
}

static bool
is_rkllm(struct str path)
{
	static const char end[] = ".rkllm";
	size_t n = sizeof(end) - 1;

	return path.n >= n && memcmp(path.p + path.n - n, end, n) == 0;
}

void
ollama_put_details(struct json_out *o, const struct model_state *s)
{
	struct str q = s->quant.n > 0 ? s->quant : quant_of(s->desc);
	char count[OLLAMA_COUNT_SIZE], quant[OLLAMA_QUANT_SIZE];

	json_key(o, "details");
	json_open(o, '{');
	json_key_cstr(o, "parent_model", "");
	json_key_cstr(o, "format", is_rkllm(s->path) ? "rkllm" : "gguf");
	json_key_str(o, "family", s->arch);
	json_key(o, "families");
	json_open(o, '[');
	if (s->arch.n > 0) {
		json_item(o);
		json_put_str(o->b, s->arch);
	}
	json_close(o, ']');
	json_key_cstr(o, "parameter_size",
	    s->n_params > 0 ? ollama_count(s->n_params, count) : "");
	json_key_cstr(
	    o, "quantization_level", q.n > 0 ? ollama_quant(q, quant) : "");
	json_close(o, '}');
}
