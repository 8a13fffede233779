/*
 * speak COMMAND... - does what its arguments say, one after the other, with one
 * handle, and prints a line of JSON for each: what same.py has a server do too.
 *
 *	say TEXT, turn TEXT	a run, alone or of a conversation: its text
 *	role ROLE, with LORA	of the runs to come
 *	template S P P, tools S T, lora PATH NAME SCALE, clear KEEP, cut A B
 *				the call's success
 *	size			of the KV cache
 *	rows MODE TEXT		how many, how long, and their bytes
 *	embed FILE N, image TEXT FILE N
 *				a turn of N rows of floats, or of a text with an
 *				image of so many: its text
 */
#include "user.h"

static LLMHandle handle;
static struct talk talk;
static const char *role = "user";
static RKLLMLoraParam lora;

static void
put_text(const char *text)
{
	(void)putchar('"');
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20)
			(void)printf("\\u%04x", (unsigned)*text);
		else
			(void)printf(
			    *text == '"' || *text == '\\' ? "\\%c" : "%c",
			    *text);
	(void)puts("\"");
}

static void
put_success(int code)
{
	(void)puts(code == 0 ? "true" : "false");
}

static int
run(const char *text, RKLLMInferMode mode, int keep_history)
{
	RKLLMInput in = user_prompt(text);
	RKLLMInferParam how = user_infer();

	in.role = role;
	how.mode = mode;
	how.keep_history = keep_history;
	how.lora_params = lora.lora_adapter_name != NULL ? &lora : NULL;
	talk_init(&talk);
	return rkllm_run(handle, &in, &how, &talk);
}

static void
say(char **arg)
{
	if (run(arg[0], RKLLM_INFER_GENERATE, 0) == 0)
		put_text(talk.text);
	else
		(void)puts("null");
}

static void
turn(char **arg)
{
	if (run(arg[0], RKLLM_INFER_GENERATE, 1) == 0)
		put_text(talk.text);
	else
		(void)puts("null");
}

static void
set_role(char **arg)
{
	role = arg[0];
	put_success(0);
}

static void
set_lora(char **arg)
{
	lora.lora_adapter_name = arg[0];
	put_success(0);
}

static void
set_template(char **arg)
{
	put_success(rkllm_set_chat_template(handle, arg[0], arg[1], arg[2]));
}

static void
set_tools(char **arg)
{
	put_success(rkllm_set_function_tools(handle, arg[0], arg[1], "tool"));
}

static void
load_lora(char **arg)
{
	RKLLMLoraAdapter a = { arg[0], arg[1], strtof(arg[2], NULL) };

	put_success(rkllm_load_lora(handle, &a));
}

static void
clear(char **arg)
{
	put_success(rkllm_clear_kv_cache(handle, atoi(arg[0]), NULL, NULL));
}

static void
cut(char **arg)
{
	int from = atoi(arg[0]), end = atoi(arg[1]);

	put_success(rkllm_clear_kv_cache(handle, 0, &from, &end));
}

static void
size(char **arg)
{
	int n = -1;

	(void)arg;
	CHECK(rkllm_get_kv_cache_size(handle, &n) == 0);
	(void)printf("%d\n", n);
}

/* They are good until the next run. */
static void
rows(char **arg)
{
	const unsigned char *at;
	size_t n;

	if (run(arg[1], (RKLLMInferMode)atoi(arg[0]), 0) != 0) {
		(void)puts("null");
		return;
	}
	CHECK(talk.n_rows > 0 && talk.n_cols > 0);
	at = (const unsigned char *)talk.rows;
	n = (size_t)talk.n_rows * (size_t)talk.n_cols * sizeof(float);
	(void)printf("[%d, %d, \"", talk.n_rows, talk.n_cols);
	for (size_t i = 0; i < n; i++)
		(void)printf("%02x", at[i]);
	(void)puts("\"]");
}

/* As many floats as the file has. */
static float *
read_floats(const char *path)
{
	static float room[1 << 20];
	FILE *f = fopen(path, "rb");

	CHECK(f != NULL);
	CHECK(fread(room, sizeof(float), sizeof(room) / sizeof(float), f) > 0);
	(void)fclose(f);
	return room;
}

static void
turn_of(RKLLMInput *in)
{
	RKLLMInferParam how = user_infer();

	how.keep_history = 1;
	talk_init(&talk);
	if (rkllm_run(handle, in, &how, &talk) == 0)
		put_text(talk.text);
	else
		(void)puts("null");
}

static void
embed(char **arg)
{
	RKLLMInput in = user_prompt(NULL);

	in.input_type = RKLLM_INPUT_EMBED;
	in.embed_input.embed = read_floats(arg[0]);
	in.embed_input.n_tokens = (size_t)atoi(arg[1]);
	turn_of(&in);
}

static void
image(char **arg)
{
	RKLLMInput in = user_prompt(NULL);
	RKLLMMultiModalInput m;

	(void)memset(&m, 0, sizeof(m));
	m.prompt = arg[0];
#ifdef RKLLM_1_2
	m.image_embed = read_floats(arg[1]);
	m.n_image_tokens = (size_t)atoi(arg[2]);
	m.n_image = 1;
#else
	m.image.image_embed = read_floats(arg[1]);
	m.image.n_image_tokens = (size_t)atoi(arg[2]);
	m.image.n_image = 1;
	m.image.image_start = "<s>";
	m.image.image_end = "</s>";
#endif
	in.input_type = RKLLM_INPUT_MULTIMODAL;
	in.multimodal_input = m;
	turn_of(&in);
}

static const struct command {
	const char *name;
	int n_args;
	void (*fn)(char **arg);
} commands[] = {
	{ "say", 1, say },
	{ "turn", 1, turn },
	{ "role", 1, set_role },
	{ "with", 1, set_lora },
	{ "template", 3, set_template },
	{ "tools", 2, set_tools },
	{ "lora", 3, load_lora },
	{ "clear", 1, clear },
	{ "cut", 2, cut },
	{ "size", 0, size },
	{ "rows", 2, rows },
	{ "embed", 2, embed },
	{ "image", 3, image },
};

static char **
obey(char **arg)
{
	const struct command *c = commands;

	while (strcmp(c->name, arg[0]) != 0)
		CHECK(++c < commands + sizeof(commands) / sizeof(commands[0]));
	c->fn(arg + 1);
	return arg + 1 + c->n_args;
}

int
main(int argc, char **argv)
{
	RKLLMParam p = user_param();
	char **arg = argv + 1;

	p.max_new_tokens = atoi(getenv("SPEAK_TOKENS"));
	p.max_context_len = atoi(getenv("SPEAK_CONTEXT"));
	p.n_keep = atoi(getenv("SPEAK_KEEP"));
#ifdef RKLLM_1_2
	p.img_start = "<s>";
	p.img_end = "</s>";
#endif
	CHECK(user_init(&handle, &p, NULL) == 0);
	while (arg < argv + argc)
		arg = obey(arg);
	CHECK(rkllm_destroy(handle) == 0);
	return 0;
}
