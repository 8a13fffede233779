#include "autopsy/signals.h"

#include <stdio.h>
#include <string.h>

const char *
signals_name(int signo)
{
	static char text[24];
	const char *name = sigabbrev_np(signo);

	if (name != NULL)
		(void)snprintf(text, sizeof(text), "SIG%s", name);
	else
		(void)snprintf(text, sizeof(text), "signal %d", signo);
	return text;
}

const char *
signals_code(int signo, int code)
{
	static const struct {
		int signo; /* 0: of any */
		int code;
		const char *name;
	} rows[] = {
		{ SIGSEGV, SEGV_MAPERR,
		    "SEGV_MAPERR: nothing is mapped there" },
		{ SIGSEGV, SEGV_ACCERR,
		    "SEGV_ACCERR: mapped, but not for that" },
		{ SIGBUS, BUS_ADRALN, "BUS_ADRALN: unaligned" },
		{ SIGBUS, BUS_ADRERR,
		    "BUS_ADRERR: mapped, but the file ends before" },
		{ SIGBUS, BUS_OBJERR, "BUS_OBJERR: the device failed" },
		{ SIGBUS, BUS_MCEERR_AR, "BUS_MCEERR_AR: broken memory" },
		{ SIGFPE, FPE_INTDIV, "FPE_INTDIV: division by zero" },
		{ SIGFPE, FPE_INTOVF, "FPE_INTOVF: integer overflow" },
		{ SIGFPE, FPE_FLTDIV, "FPE_FLTDIV: float division by zero" },
		{ SIGFPE, FPE_FLTINV, "FPE_FLTINV: invalid float operation" },
		{ SIGILL, ILL_ILLOPC, "ILL_ILLOPC: no such instruction" },
		{ SIGILL, ILL_ILLOPN, "ILL_ILLOPN: no such operand" },
		{ SIGILL, ILL_PRVOPC, "ILL_PRVOPC: not for users" },
		{ SIGTRAP, TRAP_BRKPT, "TRAP_BRKPT: a breakpoint" },
		{ SIGTRAP, TRAP_TRACE, "TRAP_TRACE" },
		{ SIGSYS, 1, "SYS_SECCOMP: a forbidden system call" },
		{ 0, SI_USER, "SI_USER: sent by a process" },
		{ 0, SI_TKILL, "SI_TKILL: sent to the thread" },
		{ 0, SI_QUEUE, "SI_QUEUE: sent by a process" },
		{ 0, SI_KERNEL, "SI_KERNEL: the kernel, no address" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((rows[i].signo == 0 || rows[i].signo == signo) &&
		    rows[i].code == code)
			return rows[i].name;
	return "?";
}

const char *
signals_register(uint32_t i)
{
	static char text[16];
#if defined(__x86_64__)
	static const char *const names[] = { "rax", "rdx", "rcx", "rbx", "rsi",
		"rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13",
		"r14", "r15", "rip" };

	if (i < sizeof(names) / sizeof(names[0]))
		return names[i];
#elif defined(__aarch64__)
	if (i == 31 || i == 32)
		return i == 31 ? "sp" : "pc";
	(void)snprintf(text, sizeof(text), "x%u", i);
	return text;
#endif
	(void)snprintf(text, sizeof(text), "r%u", i);
	return text;
}
