/*
 * client - asks a model over the RKLLM socket and prints the answer as it
 * comes. Build it with
 *
 *	cc -std=c17 -O2 -o client client.c -lyyjson
 *
 * One connection: init, run, and rkllm.abort on Ctrl-C. A request is a line of
 * JSON; so is each reply, which has the id of its request. A run has many.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <yyjson.h>

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_SERVER = 3 };
enum { ID_INIT = 1, ID_RUN = 2 }; /* 3: abort_request */
/* _callback_state of a reply to run; 1, of half a character, has no text. */
enum { STATE_NORMAL = 0, STATE_FINISH = 2, STATE_ERROR = 3 };

static const char abort_request[] =
    "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"rkllm.abort\","
    "\"params\":[null]}\n";

static const char usage[] =
    "usage: client [-s SOCKET] [-m MODEL] [-n TOKENS] [--seed N] PROMPT\n"
    "\n"
    "  -s, --socket PATH     where the server listens (RKLLM_UDS_PATH, or\n"
    "                        /tmp/rkllm.sock)\n"
    "  -m, --model FILE      the model; none: the server's default one\n"
    "  -n, --max-tokens N    the longest answer (256)\n"
    "      --seed N          draw the same answer again\n"
    "\n"
    "Ctrl-C ends the answer. Exit status: 0 all of it came, 1 the server\n"
    "refused, 2 usage, 3 no server, or it went away, 130 aborted.\n";

static int sock;
static FILE *replies; /* the same socket, to read lines from */
static volatile sig_atomic_t is_aborted;

/* Only asks for the end: the run's last reply comes all the same. */
static void
on_interrupt(int signo)
{
	int saved = errno;

	(void)signo;
	is_aborted = 1;
	(void)send(
	    sock, abort_request, sizeof(abort_request) - 1, MSG_NOSIGNAL);
	errno = saved;
}

static void
server_gone(void)
{
	fprintf(stderr, "client: the server went away\n");
	exit(EXIT_NO_SERVER);
}

static void
connect_to(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(to.sun_path))
		errno = ENAMETOOLONG;
	else {
		strcpy(to.sun_path, path);
		sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (sock >= 0 &&
		    connect(sock, (struct sockaddr *)&to, sizeof(to)) == 0 &&
		    (replies = fdopen(sock, "r")) != NULL)
			return;
	}
	fprintf(stderr, "client: %s: %s\n", path, strerror(errno));
	exit(EXIT_NO_SERVER);
}

/* Sends a request and frees doc, whose root is the params. */
static void
request(int id, const char *method, yyjson_mut_doc *doc)
{
	yyjson_mut_val *params = yyjson_mut_doc_get_root(doc);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	size_t len, at = 0;
	char *text;

	yyjson_mut_obj_add_str(doc, root, "jsonrpc", "2.0");
	yyjson_mut_obj_add_int(doc, root, "id", id);
	yyjson_mut_obj_add_str(doc, root, "method", method);
	yyjson_mut_obj_add_val(doc, root, "params", params);
	yyjson_mut_doc_set_root(doc, root);
	text = yyjson_mut_write(doc, YYJSON_WRITE_NEWLINE_AT_END, &len);
	yyjson_mut_doc_free(doc);
	if (text == NULL) {
		fprintf(stderr, "client: the prompt is not UTF-8\n");
		exit(EXIT_USAGE);
	}
	while (at < len) {
		ssize_t n = send(sock, text + at, len - at, MSG_NOSIGNAL);

		if (n < 0)
			server_gone();
		at += (size_t)n;
	}
	free(text);
}

static void
refused(yyjson_val *error)
{
	yyjson_val *data = yyjson_obj_get(error, "data");
	char *more = data == NULL ? NULL : yyjson_val_write(data, 0, NULL);

	fprintf(stderr, "client: error %d: %s%s%s\n",
	    yyjson_get_int(yyjson_obj_get(error, "code")),
	    yyjson_get_str(yyjson_obj_get(error, "message")),
	    more == NULL ? "" : " ", more == NULL ? "" : more);
	free(more);
	exit(EXIT_REFUSED);
}

/* The next reply with that id, for the caller to free. An error ends us. */
static yyjson_doc *
reply(int id)
{
	static char *line;
	static size_t room;

	while (getline(&line, &room, replies) > 0) {
		yyjson_doc *doc = yyjson_read(line, strlen(line), 0);
		yyjson_val *root = yyjson_doc_get_root(doc);
		yyjson_val *error = yyjson_obj_get(root, "error");
		yyjson_val *got = yyjson_obj_get(root, "id");

		/* null: the server could not read it */
		if (yyjson_get_int(got) == id || yyjson_is_null(got)) {
			if (error != NULL)
				refused(error);
			return doc;
		}
		yyjson_doc_free(doc); /* abort's */
	}
	server_gone();
	return NULL;
}

static void
init(const char *model)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *params = yyjson_mut_arr(doc);
	yyjson_mut_val *param;

	yyjson_mut_doc_set_root(doc, params);
	yyjson_mut_arr_add_null(doc, params); /* the handle's place */
	param = yyjson_mut_arr_add_obj(doc, params);
	yyjson_mut_obj_add_str(doc, param, "model_path", model);
	request(ID_INIT, "rkllm.init", doc);
	yyjson_doc_free(reply(ID_INIT));
}

static void
run(const char *prompt, int64_t max_tokens, int64_t seed)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *params = yyjson_mut_arr(doc);
	yyjson_mut_val *input, *infer;

	yyjson_mut_doc_set_root(doc, params);
	yyjson_mut_arr_add_null(doc, params);
	input = yyjson_mut_arr_add_obj(doc, params);
	yyjson_mut_obj_add_str(doc, input, "role", "user");
	yyjson_mut_obj_add_int(doc, input, "input_type", 0);
	yyjson_mut_obj_add_str(doc, input, "prompt_input", prompt);
	infer = yyjson_mut_arr_add_obj(doc, params);
	yyjson_mut_obj_add_int(doc, infer, "mode", 0);
	yyjson_mut_obj_add_int(doc, infer, "max_new_tokens", max_tokens);
	if (seed >= 0)
		yyjson_mut_obj_add_int(doc, infer, "seed", seed);
	request(ID_RUN, "rkllm.run", doc);
}

/* Prints the run's text up to its last reply; the exit status. */
static int
stream(void)
{
	int state;

	do {
		yyjson_doc *doc = reply(ID_RUN);
		yyjson_val *got =
		    yyjson_obj_get(yyjson_doc_get_root(doc), "result");
		const char *text = yyjson_get_str(yyjson_obj_get(got, "text"));

		state = yyjson_get_int(yyjson_obj_get(got, "_callback_state"));
		if (text != NULL) {
			fputs(text, stdout);
			fflush(stdout);
		}
		yyjson_doc_free(doc);
	} while (state != STATE_FINISH && state != STATE_ERROR);
	putchar('\n');
	if (is_aborted) {
		fprintf(stderr, "client: aborted\n");
		return 128 + SIGINT;
	}
	if (state == STATE_ERROR) {
		fprintf(stderr, "client: the run failed\n");
		return EXIT_REFUSED;
	}
	return EXIT_SUCCESS;
}

static int64_t
number(const char *text)
{
	char *end;
	long long n = strtoll(text, &end, 10);

	if (end == text || *end != '\0') {
		fprintf(stderr, "client: %s is not a whole number\n", text);
		exit(EXIT_USAGE);
	}
	return n;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "model", required_argument, NULL, 'm' },
		{ "max-tokens", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = getenv("RKLLM_UDS_PATH");
	const char *model = "";
	int64_t max_tokens = 256, seed = -1;
	int c;

	while ((c = getopt_long(argc, argv, "s:m:n:h", options, NULL)) != -1)
		switch (c) {
		case 's':
			path = optarg;
			break;
		case 'm':
			model = optarg;
			break;
		case 'n':
			max_tokens = number(optarg);
			break;
		case 'S':
			seed = number(optarg);
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		default:
			return EXIT_USAGE;
		}
	if (optind != argc - 1) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	connect_to(path != NULL ? path : "/tmp/rkllm.sock");
	init(model);
	run(argv[optind], max_tokens, seed);
	/* Once only: a second Ctrl-C ends us at once. Reading goes on. */
	sigaction(SIGINT,
	    &(struct sigaction){ .sa_handler = on_interrupt,
		.sa_flags = SA_RESTART | (int)SA_RESETHAND },
	    NULL);
	return stream();
}
