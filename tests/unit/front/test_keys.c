/* API keys as the front has them: who is found by which, and what he may. */
#include "front/client.h"
#include "front/front.h"
#include "front/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <nettle/hmac.h>

static struct front f;
static const uint8_t salt[KEY_DIGEST] = "0123456789abcdef0123456789abcde";

static int
set_up(void **state)
{
	(void)state;
	f = (struct front){ .clients = clients_new(8) };
	return f.clients == NULL;
}

static int
tear_down(void **state)
{
	(void)state;
	keys_done(&f.keys);
	clients_free(f.clients);
	return 0;
}

static int
announce(uint32_t n, size_t salt_len)
{
	struct front_keys all = { .n = n,
		.salt = { (const char *)salt, salt_len } };

	return keys_on_set(&f, &all);
}

static void
digest(const char *secret, uint8_t ret[KEY_DIGEST])
{
	struct hmac_sha256_ctx h;

	hmac_sha256_set_key(&h, sizeof(salt), salt);
	hmac_sha256_update(&h, strlen(secret), (const uint8_t *)secret);
	hmac_sha256_digest(&h, KEY_DIGEST, ret);
}

/* A name with two keys, or one if second is NULL. */
static int
give(struct front_key *k, const char *name, const char *first,
    const char *second)
{
	uint8_t d[2][KEY_DIGEST];

	digest(first, d[0]);
	if (second != NULL)
		digest(second, d[1]);
	k->name = str_of(name);
	k->digests = (struct str){ (const char *)d,
		(second != NULL ? 2u : 1u) * KEY_DIGEST };
	return keys_on_key(&f, k);
}

static const char *
who(const char *secret)
{
	struct client *c = keys_find(&f.keys, str_of(secret));

	return c == NULL ? "nobody" : c->name;
}

static void
a_set_holds_once_it_is_whole(void **state)
{
	struct front_key k = { .has_rate = 0 };

	(void)state;
	assert_false(keys_are_wanted(&f.keys));
	assert_int_equal(announce(2, KEY_DIGEST), 0);
	assert_int_equal(give(&k, "alice", "a1", "a2"), 0);
	assert_false(keys_are_wanted(&f.keys));
	assert_int_equal(give(&k, "bob", "b", NULL), 0);
	assert_true(keys_are_wanted(&f.keys));
	assert_string_equal(who("a1"), "alice");
	assert_string_equal(who("a2"), "alice");
	assert_string_equal(who("b"), "bob");
	assert_string_equal(who("a"), "nobody");
	assert_string_equal(who("a11"), "nobody");
	assert_string_equal(who(""), "nobody");
	/* The next one: bob stays who he was, alice goes, carol comes. */
	assert_int_equal(announce(2, KEY_DIGEST), 0);
	keys_find(&f.keys, STR("b"))->n_requests = 7;
	assert_int_equal(give(&k, "bob", "new", NULL), 0);
	assert_string_equal(who("a1"), "alice");
	assert_int_equal(give(&k, "carol", "c", NULL), 0);
	assert_string_equal(who("a1"), "nobody");
	assert_string_equal(who("b"), "nobody");
	assert_string_equal(who("new"), "bob");
	assert_int_equal(keys_find(&f.keys, STR("new"))->n_requests, 7);
	assert_string_equal(who("c"), "carol");
	/* None: everybody may come in. */
	assert_int_equal(announce(0, 0), 0);
	assert_false(keys_are_wanted(&f.keys));
	assert_string_equal(who("c"), "nobody");
}

static void
a_key_has_its_limits(void **state)
{
	const struct front_config server = { .client_rate = 5,
		.client_tokens = 50 };
	struct front_key k = { .has_rate = 1, .rate = 0 };
	struct client *c;
	struct buf models;

	(void)state;
	buf_init(&models, 256);
	strs_put(&models, STR("one"));
	strs_put(&models, STR("two"));
	assert_int_equal(announce(1, KEY_DIGEST), 0);
	k.models.packed = buf_str(&models);
	assert_int_equal(give(&k, "alice", "a", NULL), 0);
	buf_done(&models);
	c = keys_find(&f.keys, STR("a"));
	assert_non_null(c);
	assert_true(client_has_key(c));
	assert_int_equal(client_rate(c, &server), 0);
	assert_int_equal(client_tokens(c, &server), 50);
	assert_true(client_may_use(c, STR("one")));
	assert_true(client_may_use(c, STR("two")));
	assert_false(client_may_use(c, STR("on")));
	assert_false(client_may_use(c, STR("")));
	/* They are those of the last set. */
	k = (struct front_key){ .has_tokens = 1, .tokens = 9 };
	assert_int_equal(announce(1, KEY_DIGEST), 0);
	assert_int_equal(give(&k, "alice", "a", NULL), 0);
	assert_ptr_equal(keys_find(&f.keys, STR("a")), c);
	assert_int_equal(client_rate(c, &server), 5);
	assert_int_equal(client_tokens(c, &server), 9);
	assert_true(client_may_use(c, STR("three")));
}

/* However many clients there are, who has a key has a place. */
static void
clients_come_and_go(void **state)
{
	struct front_key k = { .has_rate = 0 };

	(void)state;
	assert_int_equal(announce(1, KEY_DIGEST), 0);
	assert_int_equal(give(&k, "alice", "a", NULL), 0);
	for (uint32_t uid = 0; uid < 100; uid++)
		client_drop(client_of_fd(f.clients, -1, uid));
	assert_string_equal(who("a"), "alice");
	assert_int_equal(clients_count(f.clients), 8);
}

static void
what_is_no_set_is_refused(void **state)
{
	struct front_key k = { .has_rate = 0 };

	(void)state;
	assert_int_equal(give(&k, "alice", "a", NULL), ERR_PROTO);
	assert_int_equal(announce(1, 0), ERR_PROTO);
	assert_int_equal(announce(1, 31), ERR_PROTO);
	assert_int_equal(announce(KEYS_MAX + 1, KEY_DIGEST), ERR_PROTO);
	assert_int_equal(announce(1, KEY_DIGEST), 0);
	k.name = STR("alice");
	k.digests = STR("short");
	assert_int_equal(keys_on_key(&f, &k), ERR_PROTO);
	k.digests = STR("");
	assert_int_equal(keys_on_key(&f, &k), ERR_PROTO);
	assert_int_equal(give(&k, "alice", "a", NULL), 0);
	assert_int_equal(give(&k, "more", "b", NULL), ERR_PROTO);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_set_holds_once_it_is_whole),
		TEST(a_key_has_its_limits),
		TEST(clients_come_and_go),
		TEST(what_is_no_set_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
