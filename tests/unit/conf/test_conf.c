/* The settings of serve: who wins, and what is told of a bad one. */
#include "conf/conf.h"
#include "conf/help.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WORDS_MAX 32

/* Reads a command line given as one string of words. */
static int
read_line(struct conf *c, const char *line, char *const envp[], struct fail *f)
{
	static char text[512];
	char *argv[WORDS_MAX] = { (char *)"bulkhead" };
	int argc = 1;

	(void)snprintf(text, sizeof(text), "%s", line);
	for (char *w = strtok(text, " "); w != NULL && argc < WORDS_MAX;
	     w = strtok(NULL, " "))
		argv[argc++] = w;
	f->text[0] = '\0';
	return conf_read(c, argc, argv, envp, f);
}

static void
good(struct conf *c, const char *line, char *const envp[])
{
	struct fail f;

	if (read_line(c, line, envp, &f) != 0)
		fail_msg("%s: %s", line, f.text);
}

static void
bad(const char *line, const char *says)
{
	struct conf c;
	struct fail f;

	assert_int_not_equal(read_line(&c, line, NULL, &f), 0);
	if (strstr(f.text, says) == NULL)
		fail_msg("%s: \"%s\" is not in \"%s\"", line, says, f.text);
	conf_done(&c);
}

static const char *
ini(const char *text)
{
	static char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/tmp/bulkhead-conf-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	return path;
}

static void
test_defaults(void **state)
{
	struct conf c;

	(void)state;
	good(&c, "", NULL);
	assert_int_equal(c.port, 8080);
	assert_string_equal(c.host, "127.0.0.1");
	assert_string_equal(c.rpc_socket, "/tmp/rkllm.sock");
	assert_int_equal(c.socket_mode, 0660);
	assert_int_equal(c.gpu_layers, SETTING_ALL);
	assert_int_equal(c.drain_ms, 30000);
	assert_int_equal(c.body_max, 16 * 1024 * 1024);
	assert_int_equal(c.log_level, LOG_INFO);
	assert_int_equal(c.model.n, 0);
	assert_true(c.http && c.rpc && c.mmap && !c.core);
	assert_null(c.http_socket);
	conf_done(&c);
}

static void
test_command_line(void **state)
{
	struct conf c;

	(void)state;
	good(&c,
	    "-m a.gguf --model=b.gguf -a x -np 64 -c 0 -ngl 3 --no-mmap "
	    "--drain-timeout 500ms --no-http --core",
	    NULL);
	assert_int_equal(c.model.n, 2);
	assert_string_equal(c.model.v[1], "b.gguf");
	assert_string_equal(c.alias.v[0], "x");
	assert_int_equal(c.parallel, 64);
	assert_int_equal(c.gpu_layers, 3);
	assert_int_equal(c.drain_ms, 500);
	assert_true(!c.mmap && !c.http && c.core);
	assert_int_equal(
	    settings_from(&c.settings, offsetof(struct conf, parallel)),
	    FROM_ARGV);
	assert_int_equal(
	    settings_from(&c.settings, offsetof(struct conf, port)),
	    FROM_DEFAULT);
	conf_done(&c);
}

static void
test_environment(void **state)
{
	char *const envp[] = { (char *)"LLAMA_ARG_PORT=81",
		(char *)"LLAMA_ARG_NO_MMAP=1",
		(char *)"RKLLM_MAX_CONNECTIONS=7", (char *)"RKLLM_LOG_LEVEL=2",
		(char *)"LLAMA_ARG_HOST=", (char *)"RKLLM_UDS_PATH=/x/y",
		(char *)"LLAMA_ARG_PORTS=no", (char *)"nonsense",
		(char *)"=odd", NULL };
	struct conf c;

	(void)state;
	good(&c, "", envp);
	assert_int_equal(c.port, 81);
	assert_false(c.mmap);
	assert_int_equal(c.max_clients, 7);
	assert_int_equal(c.log_level, LOG_WARN);
	assert_string_equal(c.host, "127.0.0.1");
	assert_string_equal(c.rpc_socket, "/x/y");
	conf_done(&c);
}

static void
test_precedence(void **state)
{
	char *const envp[] = { (char *)"LLAMA_ARG_PORT=2",
		(char *)"LLAMA_ARG_N_PARALLEL=2", (char *)"LLAMA_ARG_MODEL=e",
		NULL };
	const char *path = ini("port = 3\nparallel = 3\nqueue-max = 3\n"
			       "model = f1\nmodel = f2\nno-mmap = on\n");
	struct conf c;
	char line[128];

	(void)state;
	(void)snprintf(line, sizeof(line), "--port 1 --config %s", path);
	good(&c, line, envp);
	assert_int_equal(c.port, 1);
	assert_int_equal(c.parallel, 2);
	assert_int_equal(c.queue_max, 3);
	assert_int_equal(c.client_queue_max, 64);
	assert_false(c.mmap);
	/* A list is one value: the stronger source has all of it. */
	assert_int_equal(c.model.n, 1);
	assert_string_equal(c.model.v[0], "e");
	conf_done(&c);
	(void)unlink(path);
}

static void
test_bad_lines(void **state)
{
	(void)state;
	bad("--port 70000",
	    "--port: must be a whole number, 0 to 65535, not \"70000\"");
	bad("--prot 80", "--prot: no such option");
	bad("-x", "-x: no such option");
	bad("serve", "serve: no such option");
	bad("--port", "--port: needs a value (N)");
	bad("-np 300", "-np: must be a whole number, 0 to 256, not \"300\"");
	bad("--mmap=perhaps", "--mmap: must be on or off");
	bad("--socket-mode 999", "--socket-mode: must be octal");
	bad("--no-http --no-rpc", "nothing to listen on");
	bad("-a x", "needs its model");
	bad("-m a -m b -m c -m d -m e", "--models-max allows 4");
	bad("--config /no/such/file", "/no/such/file: No such file");
	bad("--config /tmp", "/tmp: Is a directory");
	bad("--drain-timeout 48h", "0ms to 24h, not \"48h\"");
}

/* A bad value is told also where a stronger source has spoken. */
static void
test_bad_environment(void **state)
{
	char *const envp[] = { (char *)"LLAMA_ARG_PORT=http", NULL };
	struct conf c;
	struct fail f;

	(void)state;
	assert_int_equal(read_line(&c, "--port 1", envp, &f), ERR_INVALID);
	assert_non_null(strstr(f.text, "LLAMA_ARG_PORT: must be"));
	conf_done(&c);
}

static void
test_help_asks_for_nothing_else(void **state)
{
	char *const envp[] = { (char *)"LLAMA_ARG_PORT=http", NULL };
	struct conf c;

	(void)state;
	good(&c, "--help --no-http --no-rpc", envp);
	assert_true(c.help);
	conf_done(&c);
}

/* What a reload takes over, and what it leaves for a restart. */
static void
test_take(void **state)
{
	char *const envp[] = { NULL };
	struct conf was;
	struct conf now;
	struct buf others;

	(void)state;
	good(&was, "-m a.gguf --port 81 -np 2 --host h", envp);
	good(&now,
	    "-m b.gguf -m c.gguf --port 82 -np 3 --log-level debug --host h",
	    envp);
	buf_init(&others, 256);
	conf_take(&was, &now, &others);
	assert_true(str_is(buf_str(&others), "port"));
	assert_int_equal(was.port, 81);
	assert_int_equal(was.parallel, 3);
	assert_int_equal(was.log_level, LOG_DEBUG);
	assert_int_equal(was.model.n, 2);
	assert_string_equal(was.model.v[0], "b.gguf");
	assert_int_equal(now.model.n, 1);
	buf_done(&others);
	conf_done(&now);
	conf_done(&was);
}

/* One screen, and every option in the long form. */
static void
test_help_fits(void **state)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	struct conf c;
	unsigned lines = 0;
	size_t width = 0;

	(void)state;
	good(&c, "--help", NULL);
	conf_help(&c, out);
	(void)fflush(out);
	for (char *l = strtok(text, "\n"); l != NULL; l = strtok(NULL, "\n")) {
		lines++;
		if (strlen(l) > width)
			width = strlen(l);
	}
	assert_in_range(lines, 24, 40);
	assert_in_range(width, 40, 79);
	(void)fclose(out);
	free(text);
	out = open_memstream(&text, &n);
	c.help_all = true;
	conf_help(&c, out);
	c.help_man = true;
	conf_help(&c, out);
	(void)fclose(out);
	assert_non_null(strstr(text, "--stall-timeout"));
	assert_non_null(strstr(text, "100ms to 24h; BULKHEAD_STALL_TIMEOUT"));
	assert_non_null(strstr(text, "\\-\\-stall\\-timeout"));
	free(text);
	conf_done(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_command_line),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_bad_environment),
		cmocka_unit_test(test_help_asks_for_nothing_else),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_help_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
