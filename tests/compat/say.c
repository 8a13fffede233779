/* say PROMPT... - what the model says to each, greedily: a JSON string a line,
 * for same.py to compare. Parameters are createDefaultParam's otherwise, with
 * SAY_TOKENS to say. */
#include "user.h"

static void
put(const char *text)
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

int
main(int argc, char **argv)
{
	static struct talk talk;
	RKLLMParam p = user_param();
	LLMHandle h = NULL;

	p.max_new_tokens = atoi(getenv("SAY_TOKENS"));
	CHECK(user_init(&h, &p, NULL) == 0);
	for (int i = 1; i < argc; i++) {
		talk_init(&talk);
		CHECK(user_run(h, argv[i], &talk) == 0);
		put(talk.text);
	}
	CHECK(rkllm_destroy(h) == 0);
	return 0;
}
