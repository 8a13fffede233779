/* Which sockets the settings open, and what is refused. */
#include "folder.h"

#include "keeper/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The settings of a command line, in a folder of their own. */
static struct conf
conf_of(const char *a, const char *b, const char *c, const char *d)
{
	char *const argv[] = { (char *)"test", (char *)"--port", (char *)"0",
		(char *)"--rpc-socket", (char *)in_folder("rpc.sock"),
		(char *)a, (char *)b, (char *)c, (char *)d };
	struct conf conf;
	struct fail f = { .text = "" };

	if (conf_read(&conf, 9, argv, NULL, &f) != 0)
		fail_msg("%s", f.text);
	return conf;
}

static void
test_the_default_is_one_of_each(void **state)
{
	struct conf conf = conf_of(NULL, NULL, NULL, NULL);
	struct listeners l = { .n = 0 };
	struct fail f = { .text = "" };

	(void)state;
	assert_int_equal(listen_all(&conf, &l, &f), 0);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.v[0].kind, LISTEN_RPC);
	assert_string_equal(l.v[0].label, conf.rpc_socket);
	assert_int_equal(l.v[1].kind, LISTEN_HTTP);
	assert_int_equal(strncmp(l.v[1].label, "http://127.0.0.1:", 17), 0);
	assert_int_not_equal(strcmp(l.v[1].label, "http://127.0.0.1:0"), 0);
	listen_close(&l);
	listen_close(&l);
	assert_int_not_equal(access(conf.rpc_socket, F_OK), 0);
	conf_done(&conf);
}

static void
test_hosts(void **state)
{
	static const struct {
		const char *host;
		const char *label;
	} rows[] = {
		{ "0.0.0.0", "http://0.0.0.0:" },
		{ "localhost", "http://127.0.0.1:" },
		{ "*", "http://" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf conf =
		    conf_of("--host", rows[i].host, "--no-rpc", NULL);
		struct listeners l = { .n = 0 };
		struct fail f = { .text = "" };

		assert_int_equal(listen_all(&conf, &l, &f), 0);
		assert_true(l.n >= 1);
		assert_int_equal(
		    strncmp(l.v[0].label, rows[i].label, strlen(rows[i].label)),
		    0);
		listen_close(&l);
		conf_done(&conf);
	}
}

static void
test_a_host_that_is_a_path(void **state)
{
	struct conf conf =
	    conf_of("--host", in_folder("h.sock"), "--socket-mode", "0600");
	struct listeners l = { .n = 0 };
	struct fail f = { .text = "" };
	struct stat st;

	(void)state;
	assert_int_equal(listen_all(&conf, &l, &f), 0);
	assert_int_equal(l.n, 2);
	assert_true(l.v[1].is_unix && l.v[1].kind == LISTEN_HTTP);
	assert_int_equal(stat(conf.host, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	listen_close(&l);
	conf_done(&conf);
}

static void
refused(struct conf conf, int code, const char *word)
{
	struct listeners l = { .n = 0 };
	struct fail f = { .text = "" };

	assert_int_equal(listen_all(&conf, &l, &f), code);
	assert_int_equal(l.n, 0);
	assert_non_null(strstr(f.text, word));
	assert_int_not_equal(access(in_folder("rpc.sock"), F_OK), 0);
	conf_done(&conf);
}

static void
test_refusals(void **state)
{
	(void)state;
	refused(conf_of("--host", "example", NULL, NULL), ERR_INVALID,
	    "IP address");
	refused(conf_of("--host", "192.0.2.1", NULL, NULL), ERR_IO,
	    "no such address");
	refused(conf_of("--socket-group", "no-such-group", NULL, NULL),
	    ERR_INVALID, "no group");
}

static void
test_a_taken_port_is_refused(void **state)
{
	struct conf conf = conf_of("--no-rpc", NULL, NULL, NULL);
	struct listeners l = { .n = 0 };
	struct fail f = { .text = "" };
	const char *port;

	(void)state;
	assert_int_equal(listen_all(&conf, &l, &f), 0);
	port = strrchr(l.v[0].label, ':') + 1;
	refused(conf_of("--port", port, NULL, NULL), ERR_BUSY, port);
	listen_close(&l);
	conf_done(&conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_default_is_one_of_each),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_a_host_that_is_a_path),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_a_taken_port_is_refused),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_unmake);
}
