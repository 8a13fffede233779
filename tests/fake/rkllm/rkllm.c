/*
 * A librkllmrt.so that answers, waits, hangs, fails or dies on command, in the
 * layout of 1.2.x or of 1.3.0 (FAKE_VERSION, FAKE_LAYOUT).
 *
 * The model file is a script of what init does, a line each:
 *
 *	print TEXT	on standard output; "warn TEXT" on standard error
 *	open PATH	tries to, and prints what came of it
 *	socket		the same
 *	fail		returns -1
 *	crash, hang	before it returns
 *
 * A prompt says what is answered, in words; the rest of it is of no matter:
 *
 *	tokens N	"0 1 2 ..." and its end after N tokens (100)
 *	text REST	REST, a byte a token: characters that are not whole yet
 *			are RKLLM_STATE_WAITING
 *	params		as its first token what the run was told, and how many
 *			tokens the history had
 *	crash K, hang K, error K
 *			when token K is due; but not in a run that goes on
 *			with tokens, which is how a resume comes
 *	endless		a token that never comes; ends by abort alone
 *
 * Token k of an answer has the id 1000 + k, and what comes next depends on the
 * history alone: so a run of tokens goes on behind the last of them.
 */
#include "fake.h"
#include "rows.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER 1000
#define TOKEN_US 300	/* what a token takes to compute */
#define ROW_US 10	/* and a token of a prompt */
#define CRASH_US 100000 /* and what a deadly one: those before have been sent */

const char fake_sdk[] __attribute__((used)) =
    "RKLLM SDK (version: " FAKE_VERSION " | target: Linux | build: fake)";

/* Of one run. */
struct turn {
	struct fake *f;
	void *userdata;
	const struct INPUT *input;
	const struct INFER *infer;
	int n_new;
};

static int n_loads;

struct PARAM rkllm_createDefaultParam(void);
int rkllm_run(
    void *handle, struct INPUT *input, struct INFER *infer, void *userdata);
rkllm_destroy_fn rkllm_destroy;
rkllm_abort_fn rkllm_abort;
rkllm_is_running_fn rkllm_is_running;
#ifndef FAKE_WITHOUT_SOME
rkllm_clear_kv_cache_fn rkllm_clear_kv_cache;
#endif
#if FAKE_LAYOUT == 13
int rkllm_init(
    void **ret, struct PARAM *param, struct rkllm13_callback *callback);
#else
int rkllm_init(void **ret, struct PARAM *param, rkllm_result_fn *callback);
#endif

struct PARAM
rkllm_createDefaultParam(void)
{
	struct PARAM p = { .max_context_len = 512,
		.max_new_tokens = 256,
		.top_k = 40,
		.top_p = 0.9f,
		.temperature = 0.8f,
		.repeat_penalty = 1.1f,
		.mirostat_tau = 5.0f,
		.mirostat_eta = 0.1f };

	p.extend_param.n_batch = 1;
	return p;
}

static _Noreturn void
hang(void)
{
	for (;;)
		(void)pause();
}

/* 0 or -1. */
static int
obey(char *line)
{
	char *rest = strchr(line, ' ');
	int fd;

	if (rest != NULL)
		*rest++ = '\0';
	if (strcmp(line, "print") == 0 && rest != NULL)
		(void)printf("%s\n", rest);
	else if (strcmp(line, "warn") == 0 && rest != NULL)
		(void)fprintf(stderr, "%s\n", rest);
	else if (strcmp(line, "fail") == 0)
		return -1;
	else if (strcmp(line, "crash") == 0)
		abort();
	else if (strcmp(line, "hang") == 0)
		hang();
	else if (strcmp(line, "open") == 0 && rest != NULL) {
		fd = open(rest, O_RDONLY);
		(void)printf(
		    "open %s: %s\n", rest, fd < 0 ? strerror(errno) : "opened");
		if (fd >= 0)
			(void)close(fd);
	} else if (strcmp(line, "socket") == 0) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		(void)printf("socket: %s\n", fd < 0 ? strerror(errno) : "made");
		if (fd >= 0)
			(void)close(fd);
	}
	return 0;
}

static int
play(const char *path)
{
	char line[512];
	FILE *f = fopen(path, "r");
	int err = 0;

	if (f == NULL) {
		(void)printf(
		    "E rkllm: cannot open %s: %s\n", path, strerror(errno));
		return -1;
	}
	while (err == 0 && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		err = obey(line);
	}
	(void)fclose(f);
	return err;
}

/* A name that no run may have loaded is the run's failure. */
static int
knows(const struct fake *f, const struct rkllm_lora_param *lora)
{
	if (lora == NULL)
		return 1;
	for (int i = 0; i < f->n_loras; i++)
		if (strcmp(f->loras[i], lora->lora_adapter_name) == 0)
			return 1;
	return 0;
}

static int
begin(
    void **ret, const struct PARAM *param, rkllm_result_fn *on, void *userdata)
{
	struct fake *f;

	(void)printf("I rkllm: rkllm-runtime version: %s, rknpu driver "
		     "version: 0.9.8, platform: RK3588\n",
	    FAKE_VERSION);
	/* The other layout would have put something else here. */
	if (param->extend_param.n_batch != 1 || param->top_k < 1 ||
	    param->top_k > 1000)
		abort();
	if (play(param->model_path) != 0)
		return -1;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return -1;
	f->param = *param;
	f->on = on;
	f->userdata = userdata;
	f->n_loads = ++n_loads;
	(void)snprintf(f->system, sizeof(f->system), "-");
	(void)pthread_mutex_init(&f->lock, NULL);
	*ret = f;
	return 0;
}

#if FAKE_LAYOUT == 13
int
rkllm_init(void **ret, struct PARAM *param, struct rkllm13_callback *callback)
{
	return begin(
	    ret, param, callback->result_callback, callback->result_userdata);
}
#else
int
rkllm_init(void **ret, struct PARAM *param, rkllm_result_fn *callback)
{
	return begin(ret, param, callback, NULL);
}
#endif

int
rkllm_destroy(void *handle)
{
	struct fake *f = handle;

	(void)pthread_mutex_destroy(&f->lock);
	free(f);
	return 0;
}

/* What was set; or sets it. */
static int
running(struct fake *f, int set)
{
	int was;

	(void)pthread_mutex_lock(&f->lock);
	was = f->is_running;
	if (set >= 0)
		f->is_running = set;
	if (set == 1)
		f->is_aborted = 0;
	(void)pthread_mutex_unlock(&f->lock);
	return was;
}

static int
aborted(struct fake *f)
{
	int is_aborted;

	(void)pthread_mutex_lock(&f->lock);
	is_aborted = f->is_aborted;
	(void)pthread_mutex_unlock(&f->lock);
	return is_aborted;
}

int
rkllm_abort(void *handle)
{
	struct fake *f = handle;
	int was;

	(void)pthread_mutex_lock(&f->lock);
	was = f->is_running;
	f->is_aborted = was;
	(void)pthread_mutex_unlock(&f->lock);
	return was ? 0 : -1;
}

int
rkllm_is_running(void *handle)
{
	return running(handle, -1);
}

static void
forget(struct fake *f)
{
	f->prompt[0] = '\0';
	f->n_read = f->n_said = f->n_waiting = f->n_all = 0;
}

#ifndef FAKE_WITHOUT_SOME
int
rkllm_clear_kv_cache(
    void *handle, int keep_system_prompt, int *start_pos, int *end_pos)
{
	(void)keep_system_prompt;
	if (start_pos != NULL || end_pos != NULL)
		return -1;
	forget(handle);
	return 0;
}
#endif

static void
save_cache(const struct fake *f, const struct rkllm_prompt_cache_param *p)
{
	FILE *file = p != NULL && p->save_prompt_cache
	    ? fopen(p->prompt_cache_path, "w")
	    : NULL;

	if (file == NULL)
		return;
	(void)fprintf(file, "CACHE %d\n", f->n_all);
	(void)fclose(file);
}

/* The number behind a word of the prompt, or what there is without. */
static int
number(const struct fake *f, const char *word, int without)
{
	const char *at = strstr(f->prompt, word);

	return at == NULL ? without : atoi(at + strlen(word));
}

static int
tell(struct turn *t, const char *text, int state)
{
	struct rkllm_result r = { .text = text,
		.token_id = ANSWER + t->f->n_said };

	r.perf.prefill_tokens = t->f->n_read;
	r.perf.generate_tokens = t->n_new;
	r.perf.prefill_time_ms = 1.5f;
	r.perf.generate_time_ms = 2.5f;
	return t->f->on(&r, t->userdata, state);
}

static void
read_tokens(struct fake *f, const struct rkllm_token_input *in)
{
	for (size_t i = 0; i < in->n_tokens; i++)
		if (in->input_ids[i] >= ANSWER)
			f->n_said = in->input_ids[i] - ANSWER + 1;
		else
			f->n_read++;
	f->n_all += (int)in->n_tokens;
}

static void
read_input(struct fake *f, const struct INPUT *in)
{
	int n = 0;

	if (in->input_type == RKLLM_IN_TOKEN) {
		read_tokens(f, &in->token_input);
		return;
	}
	if (in->input_type == RKLLM_IN_PROMPT)
		(void)snprintf(
		    f->prompt, sizeof(f->prompt), "%s", in->prompt_input);
	else
		n = rows_read(in, f->prompt, sizeof(f->prompt));
	if (in->input_type != RKLLM_IN_EMBED)
		n += (int)strlen(f->prompt);
	f->n_read += n;
	f->n_all += n;
	f->n_said = 0;
}

/* A row of each token that was read: 4 wide, or 8 of logits; the numbers count
 * up. */
static void
tell_rows(struct turn *t)
{
	/* Rows are counted where tokens are. */
	int n = t->input->input_type == RKLLM_IN_TOKEN ||
		t->input->input_type == RKLLM_IN_EMBED
	    ? (int)t->input->token_input.n_tokens
	    : (int)strlen(t->f->prompt);
	int is_hidden = t->infer->mode == RKLLM_MODE_HIDDEN;
	int n_cols = is_hidden ? 4 : 8;
	float *rows = calloc((size_t)(n * n_cols) + 1, sizeof(*rows));
	struct rkllm_result r = { .text = NULL };

	if (rows == NULL)
		abort();
	(void)usleep((useconds_t)n * ROW_US);
	for (int i = 0; i < n * n_cols; i++)
		rows[i] = (float)i / 4;
	if (is_hidden)
		r.last_hidden_layer = (struct rkllm_hidden){ rows, n_cols, n };
	else
		r.logits = (struct rkllm_logits){ rows, n_cols, n };
	if (t->f->on(&r, t->userdata, RKLLM_STATE_NORMAL) != RKLLM_RELEASE)
		abort();
	free(rows);
}

static void
describe(const struct turn *t, char *ret, size_t n)
{
	const struct PARAM *p = &t->f->param;
	char rows[256];
#if FAKE_LAYOUT == 13
	const struct rkllm13_sampling_param *s = t->infer->sampling_params;
	int k = s != NULL ? s->top_k : p->top_k;
	float temperature = s != NULL ? s->temperature : p->temperature;
	int most = t->infer->max_new_tokens;
#else
	int k = p->top_k;
	float temperature = p->temperature;
	int most = p->max_new_tokens;
#endif

	rows_describe(t->f, t->input, rows, sizeof(rows));
	(void)snprintf(ret, n,
	    "k=%d t=%.2f ctx=%d new=%d think=%d role=%s kv=%d system=%s "
	    "loads=%d lora=%s cache=%d %s",
	    k, (double)temperature, p->max_context_len, most,
	    t->input->enable_thinking, t->input->role, t->f->n_all,
	    t->f->system, t->f->n_loads,
	    t->infer->lora_params != NULL
		? t->infer->lora_params->lora_adapter_name
		: "-",
	    t->f->cache, rows);
}

/* Bytes that the character beginning with c has. */
static int
length_of(unsigned char c)
{
	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static int
say_byte(struct turn *t, char c)
{
	struct fake *f = t->f;
	char text[5] = "";

	f->waiting[f->n_waiting++] = c;
	if (f->n_waiting < length_of((unsigned char)f->waiting[0]))
		return tell(t, NULL, RKLLM_STATE_WAITING);
	memcpy(text, f->waiting, (size_t)f->n_waiting);
	f->n_waiting = 0;
	return tell(t, text, RKLLM_STATE_NORMAL);
}

static int
say_next(struct turn *t)
{
	const char *text = strstr(t->f->prompt, "text ");
	char number_text[512];

	if (text != NULL)
		return say_byte(t, text[5 + t->f->n_said]);
	if (t->f->n_said == 0 && strstr(t->f->prompt, "params") != NULL)
		describe(t, number_text, sizeof(number_text));
	else
		(void)snprintf(
		    number_text, sizeof(number_text), "%d ", t->f->n_said);
	return tell(t, number_text, RKLLM_STATE_NORMAL);
}

static int
is_over(const struct turn *t)
{
	const struct fake *f = t->f;
	const char *text = strstr(f->prompt, "text ");
	int most = f->param.max_new_tokens;

#if FAKE_LAYOUT == 13
	if (t->infer->max_new_tokens > 0)
		most = t->infer->max_new_tokens;
#endif
	if (t->n_new >= most)
		return 1;
	return text != NULL ? text[5 + f->n_said] == '\0'
			    : f->n_said >= number(f, "tokens ", 100);
}

/* What is due at this token, but in a resume. 1: the run is over. */
static int
misbehave(struct turn *t)
{
	struct fake *f = t->f;

	if (strstr(f->prompt, "endless") != NULL)
		while (!aborted(f))
			(void)usleep(TOKEN_US);
	if (t->input->input_type == RKLLM_IN_TOKEN)
		return 0;
	if (number(f, "crash ", -1) == f->n_said) {
		(void)usleep(CRASH_US);
		abort();
	}
	if (number(f, "hang ", -1) == f->n_said)
		hang();
	if (number(f, "error ", -1) != f->n_said)
		return 0;
	(void)tell(t, NULL, RKLLM_STATE_ERROR);
	return 1;
}

static void
generate(struct turn *t)
{
	while (!is_over(t)) {
		(void)usleep(TOKEN_US);
		if (misbehave(t))
			return;
		if (aborted(t->f))
			break;
		(void)say_next(t);
		t->f->n_said++;
		t->f->n_all++;
		t->n_new++;
	}
	(void)tell(t, "", RKLLM_STATE_FINISH);
}

int
rkllm_run(
    void *handle, struct INPUT *input, struct INFER *infer, void *userdata)
{
	struct fake *f = handle;
	struct turn t = { f, userdata != NULL ? userdata : f->userdata, input,
		infer, 0 };

	if (!knows(f, infer->lora_params) || running(f, 1))
		return -1;
	/* Without a history the run stands alone. */
	if (!infer->keep_history)
		forget(f);
	read_input(f, input);
	save_cache(f, infer->prompt_cache_params);
	if (infer->mode == RKLLM_MODE_GENERATE) {
		generate(&t);
	} else {
		tell_rows(&t);
		(void)tell(&t, NULL, RKLLM_STATE_FINISH);
	}
	if (!infer->keep_history)
		forget(f);
	(void)running(f, 0);
	return 0;
}
