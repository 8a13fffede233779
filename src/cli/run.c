/*
 * bulkhead run - one prompt, answered on the terminal. It is a client of the
 * JSON-RPC socket like any other; where nobody serves there, of a private
 * server.
 */
#include "base/status.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/private.h"
#include "cli/rpc.h"
#include "conf/help.h"
#include "json/write.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROMPT_MAX (16u * 1024 * 1024)

/* Ids of the requests. */
enum { ID_INIT = 1, ID_RUN, ID_ABORT };

#define RUN_TABLE(O)                                                          \
	O("Options", true, model, STR, "model", "m", "LLAMA_ARG_MODEL", NULL, \
	    1, 4095, "FILE", "GGUF file (the server's default)")              \
	O(NULL, true, max_tokens, COUNT, "max-tokens", "n", NULL, "256", 1,   \
	    1000000, "N", "at most so many")                                  \
	O(NULL, true, temp, REAL, "temp", NULL, NULL, "0.8", 0, 100, "T",     \
	    "temperature; 0: always the likeliest")                           \
	O(NULL, true, top_k, COUNT, "top-k", NULL, NULL, "40", 0, 1000000,    \
	    "N", "of the N likeliest; 0: of all")                             \
	O(NULL, true, top_p, REAL, "top-p", NULL, NULL, "0.95", 0, 1, "P",    \
	    "of those that make up P; 1: of all")                             \
	O(NULL, true, repeat, REAL, "repeat-penalty", NULL, NULL, "1", 0.01,  \
	    100, "X", "against saying it again; 1: none")                     \
	O(NULL, true, seed, REAL, "seed", "s", NULL, "-1", -1,                \
	    9007199254740991, "N", "the same again; -1: another each time")   \
	O(NULL, true, rpc_socket, STR, "rpc-socket", NULL, "RKLLM_UDS_PATH",  \
	    "/tmp/rkllm.sock", 1, 107, "PATH", "where a server may be")       \
	O(NULL, true, help, FLAG, "help", "h", NULL, "off", 0, 1, NULL,       \
	    "this")                                                           \
	O(NULL, false, words, STRS, "", NULL, NULL, NULL, 0, PROMPT_MAX,      \
	    "PROMPT", "what to answer")

#define RUN_MEMBER(group, common, member, kind, ...) setting_##kind member;
struct run_options {
	RUN_TABLE(RUN_MEMBER)
};
#undef RUN_MEMBER

#define RUN_ROW(...) SETTING_ROW(run_options, __VA_ARGS__),
static const struct setting rows[] = { RUN_TABLE(RUN_ROW) };
#undef RUN_ROW
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

struct run {
	struct run_options o;
	const char *argv0;
	char *const *envp;
	struct buf prompt;
	struct private server; /* pid 0: somebody else's */
	struct rpc rpc;
	bool is_open;
	bool is_terminal; /* standard output */
	bool ended_line;  /* the last byte written was a newline */
	int asked;	  /* interrupts that were passed on */
};

static void
help(void)
{
	(void)puts(
	    "usage: bulkhead run [options] \"prompt\"\n"
	    "       command | bulkhead run [options]\n"
	    "Answers a prompt: through the server on the socket, or, where "
	    "there is none,\nthrough a private one. Ctrl-C ends it, twice: at "
	    "once.");
	settings_help(rows, N_ROWS, false, stdout);
	(void)puts("example:\n"
		   "  bulkhead run --temp 0 \"Once upon a time\"");
}

/* The words of the command line, or standard input where it is no terminal. */
static int
read_prompt(struct run *r, struct fail *f)
{
	struct buf *b = &r->prompt;
	size_t n;

	buf_init(b, PROMPT_MAX);
	for (size_t i = 0; i < r->o.words.n; i++) {
		buf_puts(b, i > 0 ? " " : "");
		buf_puts(b, r->o.words.v[i]);
	}
	if (r->o.words.n == 0 && isatty(STDIN_FILENO))
		return fail_set(f, ERR_INVALID, "",
		    "no prompt: give one, or "
		    "pipe it in (bulkhead run --help)");
	while (r->o.words.n == 0 && buf_err(b) == 0) {
		char text[4096];

		n = fread(text, 1, sizeof(text), stdin);
		if (n == 0)
			break;
		buf_put(b, text, n);
	}
	if (buf_err(b) != 0)
		return fail_set(
		    f, ERR_TOO_BIG, "", "the prompt is over 16 MiB");
	n = buf_len(b);
	if (r->o.words.n == 0 && n > 0 && buf_data(b)[n - 1] == '\n')
		buf_truncate(b, n - 1);
	if (buf_len(b) == 0)
		return fail_set(f, ERR_INVALID, "", "the prompt is empty");
	return 0;
}

static int
find_server(struct run *r, struct fail *f)
{
	int err = rpc_open(&r->rpc, r->o.rpc_socket, f);

	if (err == ERR_NOT_FOUND) {
		err =
		    private_start(&r->server, r->argv0, r->o.model, r->envp, f);
		if (err == 0)
			err = rpc_open(&r->rpc, r->server.socket, f);
		private_hide(&r->server);
	}
	r->is_open = err == 0;
	return err;
}

/* The server looks for files from its own folder. */
static void
put_model(struct json_out *o, const struct run *r)
{
	char path[PATH_MAX];
	const char *name = r->o.model;

	if (name == NULL || r->server.pid > 0)
		name = "";
	else if (realpath(name, path) != NULL)
		name = path;
	json_key_cstr(o, "model_path", name);
}

static int
send_init(struct run *r, struct fail *f)
{
	struct buf b;
	struct json_out o;
	int err;

	buf_init(&b, 64 * 1024);
	o = json_out(&b);
	json_open(&o, '[');
	json_item(&o);
	json_open(&o, '{');
	put_model(&o, r);
	json_key_u64(&o, "max_context_len", 0);
	json_key_u64(&o, "max_new_tokens", r->o.max_tokens);
	json_key_f64(&o, "temperature", r->o.temp);
	json_key_u64(&o, "top_k", r->o.top_k);
	json_key_f64(&o, "top_p", r->o.top_p);
	json_key_f64(&o, "repeat_penalty", r->o.repeat);
	json_key_bool(&o, "skip_special_token", true);
	json_close(&o, '}');
	json_close(&o, ']');
	err = rpc_send(&r->rpc, ID_INIT, "rkllm.init", buf_str(&b), f);
	buf_done(&b);
	return err;
}

static int
send_run(struct run *r, struct fail *f)
{
	struct buf b;
	struct json_out o;
	int err;

	buf_init(&b, 6u * PROMPT_MAX + 1024);
	o = json_out(&b);
	json_open(&o, '[');
	json_item(&o);
	buf_puts(&b, "null");
	json_item(&o);
	json_open(&o, '{');
	json_key_cstr(&o, "role", "user");
	json_key_u64(&o, "input_type", 0);
	json_key_str(&o, "prompt_input", buf_str(&r->prompt));
	json_close(&o, '}');
	json_item(&o);
	json_open(&o, '{');
	json_key_u64(&o, "mode", 0);
	if (r->o.seed >= 0)
		json_key_u64(&o, "seed", (uint64_t)r->o.seed);
	json_close(&o, '}');
	json_item(&o);
	buf_puts(&b, "null");
	json_close(&o, ']');
	err = rpc_send(&r->rpc, ID_RUN, "rkllm.run", buf_str(&b), f);
	buf_done(&b);
	return err;
}

/* A model may say anything; a terminal should not obey it. */
static void
show(struct run *r, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		bool is_control =
		    (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;

		(void)putchar(r->is_terminal && is_control ? '?' : c);
	}
	if (text.n > 0)
		r->ended_line = text.p[text.n - 1] == '\n';
}

/* One reply of the stream. *ret_done at the last. */
static int
take_reply(
    struct run *r, const struct json_doc *d, bool *ret_done, struct fail *f)
{
	const struct json_value *result;
	struct str text;
	uint64_t id = 0;
	uint64_t state = 0;

	(void)json_u64(json_get(json_root(d), "id"), &id);
	if (id != ID_RUN)
		return 0;
	result = rpc_result(d, f);
	if (result == NULL)
		return f->code;
	if (json_str(json_get(result, "text"), &text))
		show(r, text);
	/* Whoever read it may have seen enough: no word of that. */
	if (fflush(stdout) != 0)
		return errno == EPIPE
		    ? ERR_EOF
		    : fail_set(f, ERR_IO, "", "standard output: %s",
			  strerror(errno));
	(void)json_u64(json_get(result, "_callback_state"), &state);
	*ret_done = state >= 2;
	return 0;
}

/* A signal has come: the first stops the run, whose last reply is still waited
 * for; the second stops us. */
static int
pass_on_interrupt(struct run *r, struct fail *f)
{
	if (interrupt_count() > 1)
		return ERR_ABORTED;
	if (r->asked++ > 0)
		return 0;
	return rpc_send(&r->rpc, ID_ABORT, "rkllm.abort", STR("[null]"), f);
}

static int
read_stream(struct run *r, struct fail *f)
{
	bool is_done = false;

	while (!is_done) {
		struct json_doc *d = NULL;
		int err = rpc_next(&r->rpc, &d, f);

		if (err == ERR_AGAIN)
			err = pass_on_interrupt(r, f);
		else if (err == 0)
			err = take_reply(r, d, &is_done, f);
		json_free(d);
		if (err != 0)
			return err;
	}
	return 0;
}

static int
load(struct run *r, struct fail *f)
{
	struct json_doc *d = NULL;
	int err = send_init(r, f);

	if (err == 0)
		err = rpc_next(&r->rpc, &d, f);
	if (err == 0 && rpc_result(d, f) == NULL)
		err = f->code;
	json_free(d);
	return err;
}

static int
answer(struct run *r, struct fail *f)
{
	int err = read_prompt(r, f);

	if (err == 0)
		err = find_server(r, f);
	if (err == 0)
		err = load(r, f);
	if (err == 0)
		err = send_run(r, f);
	if (err == 0)
		err = read_stream(r, f);
	if (r->is_terminal && !r->ended_line)
		(void)putchar('\n');
	(void)fflush(stdout);
	return err;
}

static int
answer_and_clean(struct run *r)
{
	struct fail f = { .text = "" };
	int err = answer(r, &f);

	if (r->is_open)
		rpc_close(&r->rpc);
	private_stop(&r->server);
	buf_done(&r->prompt);
	if (interrupt_count() > 0)
		return STATUS_INTERRUPTED;
	if (err == 0 || f.text[0] == '\0')
		return err == 0 ? STATUS_DONE : STATUS_FAILED;
	return complain("run", f.text, STATUS_FAILED);
}

int
run_main(int argc, char *const argv[], char *const envp[])
{
	struct run r = {
		.argv0 = argc > 0 ? argv[0] : NULL,
		.envp = envp,
		.ended_line = true,
	};
	struct settings s;
	struct fail f = { .text = "" };
	int err = settings_init(&s, rows, N_ROWS, &r.o, &f);
	int status;

	r.is_terminal = isatty(STDOUT_FILENO);
	if (err == 0)
		err = command_read(&s, argc, argv, envp, &r.o.help, &f);
	if (err != 0) {
		status = complain("run", f.text, STATUS_USAGE);
	} else if (r.o.help) {
		help();
		status = STATUS_DONE;
	} else {
		interrupt_init();
		status = answer_and_clean(&r);
	}
	settings_done(&s);
	return status;
}
