#include "crash/page.h"

/* The numbers: "System V Application Binary Interface, AMD64", figure 3.36;
 * "DWARF for the Arm 64-bit Architecture", 4.1. */
#if defined(__x86_64__)

static const uint8_t order[] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI,
	REG_RDI, REG_RBP, REG_RSP, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12,
	REG_R13, REG_R14, REG_R15, REG_RIP };

void
crash_regs(const ucontext_t *uc, struct lastwords_thread *ret)
{
	const greg_t *g = uc->uc_mcontext.gregs;

	for (size_t i = 0; i < sizeof(order); i++)
		ret->regs[i] = (uint64_t)g[order[i]];
	ret->n_regs = sizeof(order);
}

uint64_t
crash_sp(const struct lastwords_thread *t)
{
	return t->regs[7];
}

#elif defined(__aarch64__)

void
crash_regs(const ucontext_t *uc, struct lastwords_thread *ret)
{
	const mcontext_t *m = &uc->uc_mcontext;

	for (size_t i = 0; i < 31; i++)
		ret->regs[i] = m->regs[i];
	ret->regs[31] = m->sp;
	ret->regs[32] = m->pc;
	ret->n_regs = 33;
}

uint64_t
crash_sp(const struct lastwords_thread *t)
{
	return t->regs[31];
}

#else

void
crash_regs(const ucontext_t *uc, struct lastwords_thread *ret)
{
	(void)uc;
	ret->n_regs = 0;
}

uint64_t
crash_sp(const struct lastwords_thread *t)
{
	(void)t;
	return 0;
}

#endif
