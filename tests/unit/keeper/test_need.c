/* What a model is said to need; tests/e2e/memory_needed.py holds it against what it takes. */
#include "keeper/need.h"

#include "wire/msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define GIB ((uint64_t)KIB * MIB)

static const struct need_settings settings = { .machine = 16 * GIB,
	.chunk = 64 };

/* Llama of 1B, about: 16 layers, 8 heads of 64 with a cache. */
static struct probe
llama(void)
{
	return (struct probe){
		.n_bytes = 700 * (uint64_t)MIB,
		.n_layer = 16,
		.n_head = 32,
		.n_head_kv = 8,
		.head_k = 64,
		.head_v = 64,
		.n_embd = 2048,
		.n_vocab = 128256,
		.n_ctx_train = 131072,
	};
}

static void
as_the_worker_decides(void **state)
{
	struct probe p = llama();
	struct need n;

	(void)state;
	need_of(&p, &settings, &n);
	assert_int_equal(n.weights, 700 * (uint64_t)MIB);
	assert_int_equal(n.token, 32 * KIB);
	/* 8192 tokens are 256 MiB: as many as an eighth of the machine has. */
	assert_int_equal(n.cache, 2 * GIB);
	assert_true(n.buffers > 64 * 4 * (uint64_t)p.n_vocab);
	assert_int_equal(
	    n.total, n.weights + n.cache + n.buffers + 32 * (uint64_t)MIB);
}

static void
as_it_is_told(void **state)
{
	struct need_settings s = settings;
	struct probe p = llama();
	struct need n;

	(void)state;
	s.n_ctx = 1000; /* rounded up, as llama.cpp does */
	s.n_seq = 3;
	need_of(&p, &s, &n);
	assert_int_equal(n.cache, 3 * 1024 * 32 * (uint64_t)KIB);
	/* Four at least: a shorter context is better. */
	s = settings;
	s.machine = GIB;
	need_of(&p, &s, &n);
	assert_int_equal(n.cache, 4 * 1024 * 32 * (uint64_t)KIB);
}

static void
other_kinds_of_memory(void **state)
{
	static const int32_t heads[] = { 8, 0, 0, 8 };
	struct need_settings s = settings;
	struct probe p = llama();
	struct need n;

	(void)state;
	s.n_ctx = s.n_seq = 1;
	p.heads_kv = (struct i32s){ heads, 4 };
	need_of(&p, &s, &n);
	assert_int_equal(n.token, 2 * 2 * 8 * 2 * 64);
	p = llama();
	p.n_head_kv = 0;
	p.ssm_conv = 4;
	p.ssm_inner = 4096;
	p.ssm_state = 16;
	need_of(&p, &s, &n);
	assert_int_equal(n.token, 0);
	assert_int_equal(n.state, 16 * 4 * (3 * 4096 + 16 * 4096));
	p = llama();
	p.n_lora_kv = 512;
	p.head_k = 64;
	need_of(&p, &s, &n);
	assert_int_equal(n.token, 16 * (512 + 64) * 2);
}

/* Of a file of a stranger's: however large, no sum goes around. */
static void
what_nobody_has(void **state)
{
	struct need_settings s = settings;
	struct probe p;
	struct need n;

	(void)state;
	memset(&p, 0xff, sizeof(p));
	p.heads_kv = (struct i32s){ NULL, 0 };
	need_of(&p, &s, &n);
	assert_true(n.total >= 1ull << 50);
	s.n_ctx = s.n_seq = s.chunk = UINT32_MAX;
	need_of(&p, &s, &n);
	assert_true(n.total >= 1ull << 50);
	memset(&p, 0, sizeof(p));
	memset(&s, 0, sizeof(s));
	need_of(&p, &s, &n);
	assert_int_equal(n.total, 32 * MIB);
}

static void
a_guess(void **state)
{
	(void)state;
	assert_int_equal(
	    need_guess(MIB, 16 * GIB), (1 + 8 + 32) * (uint64_t)MIB);
	assert_int_equal(
	    need_guess(4 * GIB, 16 * GIB), 6 * GIB + 32 * (uint64_t)MIB);
	assert_true(need_guess(UINT64_MAX, 16 * GIB) >= 1ull << 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_worker_decides),
		cmocka_unit_test(as_it_is_told),
		cmocka_unit_test(other_kinds_of_memory),
		cmocka_unit_test(what_nobody_has),
		cmocka_unit_test(a_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
