/*
 * Unwinding by DWARF's call frame information, with libdwfl: the modules are
 * those of the maps, the registers and stacks those that the handler copied.
 *
 * A call through NULL has no call frame information where it stands. There the
 * return address that the call pushed (or the link register) is taken for the
 * pc, which is where such a bug is.
 *
 * Where unwinding finds next to nothing (code without any such information, a
 * stack that was overwritten), what lies on the stack and points into code is
 * given as guesses.
 */
#include "autopsy/frames.h"

#include "autopsy/maps.h"

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>

#define GUESSES_MAX 24u
#define FEW 3u /* frames that unwinding should find at the least */

extern char *__cxa_demangle(
    const char *name, char *room, size_t *n, int *status);

struct frames {
	struct lastwords *w;
	struct maps maps;
	Dwfl *dwfl;
	uint32_t thread; /* that is being unwound */
	uint64_t regs[LASTWORDS_REGS];
	struct frame *out;
	size_t n;
};

#if defined(__x86_64__)
enum { REG_SP = 7, REG_PC = 16, N_REGS = 17, N_DWFL = 17 };
#elif defined(__aarch64__)
enum { REG_SP = 31, REG_PC = 32, N_REGS = 33, N_DWFL = 32, REG_LR = 30 };
#else
enum { REG_SP = 0, REG_PC = 0, N_REGS = 0, N_DWFL = 0 };
#endif

/* A word of what was copied of this thread's stack. */
static bool
read_stack(const struct frames *f, uint64_t at, uint64_t *ret)
{
	const struct lastwords_thread *t = &f->w->threads[f->thread];
	uint32_t max;
	const uint8_t *bytes = lastwords_stack(f->w, f->thread, &max);
	uint64_t n = t->n_stack < max ? t->n_stack : max;

	if (at < t->stack_at || n < 8 || at - t->stack_at > n - 8)
		return false;
	(void)memcpy(ret, bytes + (at - t->stack_at), sizeof(*ret));
	return true;
}

static pid_t
next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	struct frames *f = arg;

	(void)dwfl;
	if (*thread_arg != NULL)
		return 0;
	*thread_arg = f;
	return 1;
}

static bool
get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread_arg)
{
	(void)dwfl;
	(void)tid;
	*thread_arg = arg;
	return true;
}

static bool
read_memory(Dwfl *dwfl, Dwarf_Addr at, Dwarf_Word *ret, void *arg)
{
	(void)dwfl;
	return read_stack(arg, at, ret);
}

static bool
set_registers(Dwfl_Thread *thread, void *arg)
{
	struct frames *f = arg;

	if (!dwfl_thread_state_registers(thread, 0, N_DWFL, f->regs))
		return false;
	if (N_REGS > N_DWFL)
		dwfl_thread_state_register_pc(thread, f->regs[REG_PC]);
	return true;
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = read_memory,
	.set_initial_registers = set_registers,
};

static int
report_modules(struct frames *f)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	FILE *in;
	int r = -1;

	if (out == NULL)
		return ERR_NOMEM;
	if (maps_write(&f->maps, out) != 0)
		n = 0;
	(void)fclose(out);
	in = n > 0 ? fmemopen(text, n, "r") : NULL;
	if (in != NULL) {
		r = dwfl_linux_proc_maps_report(f->dwfl, in);
		(void)fclose(in);
	}
	free(text);
	return r == 0 && dwfl_report_end(f->dwfl, NULL, NULL) == 0
	    ? 0
	    : ERR_UNSUPPORTED;
}

struct frames *
frames_open(struct lastwords *w, struct fail *why)
{
	static char *debug_path; /* the default: /usr/lib/debug and beside */
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_linux_proc_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.debuginfo_path = &debug_path,
	};
	struct frames *f = calloc(1, sizeof(*f));
	size_t n = w->n_maps < LASTWORDS_MAPS ? w->n_maps : LASTWORDS_MAPS;

	if (f == NULL || maps_read(&f->maps, w->maps, n) != 0 ||
	    (f->dwfl = dwfl_begin(&callbacks)) == NULL) {
		(void)fail_set(why, ERR_NOMEM, "", "out of memory");
		frames_close(f);
		return NULL;
	}
	f->w = w;
	if (report_modules(f) != 0 ||
	    !dwfl_attach_state(f->dwfl, NULL, 1, &thread_callbacks, f)) {
		(void)fail_set(why, ERR_UNSUPPORTED, "",
		    "no modules to unwind with: %s", dwfl_errmsg(-1));
		frames_close(f);
		return NULL;
	}
	return f;
}

void
frames_close(struct frames *f)
{
	if (f == NULL)
		return;
	if (f->dwfl != NULL)
		dwfl_end(f->dwfl);
	maps_done(&f->maps);
	free(f);
}

static void
set_function(struct frame *fr, const char *symbol)
{
	int status = -1;
	char *plain = strncmp(symbol, "_Z", 2) == 0
	    ? __cxa_demangle(symbol, NULL, NULL, &status)
	    : NULL;

	(void)snprintf(fr->function, sizeof(fr->function), "%s",
	    plain != NULL ? plain : symbol);
	free(plain);
}

static const char *
last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* libdwfl gives the nearest unit before, though it may have ended. */
static void
set_line(Dwfl_Module *mod, uint64_t at, struct frame *fr)
{
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = dwfl_module_addrdie(mod, at, &bias);
	Dwfl_Line *line;
	const char *text;

	if (unit == NULL || dwarf_haspc(unit, at - bias) <= 0)
		return;
	line = dwfl_module_getsrc(mod, at);
	text = line == NULL
	    ? NULL
	    : dwfl_lineinfo(line, NULL, &fr->line, NULL, NULL, NULL);
	if (text != NULL)
		(void)snprintf(fr->file, sizeof(fr->file), "%.159s", text);
}

/* at: an address inside of the call, for the line. */
static void
describe(const struct frames *f, uint64_t at, struct frame *fr)
{
	const struct range *r = maps_find(&f->maps, at);
	Dwfl_Module *mod = dwfl_addrmodule(f->dwfl, at);
	Dwarf_Addr from = 0;
	const char *text;
	GElf_Off off;
	GElf_Sym sym;

	if (r != NULL) {
		(void)snprintf(fr->module, sizeof(fr->module), "%.95s",
		    last_part(r->name));
		fr->offset = fr->pc - r->from + r->offset;
	}
	if (mod == NULL)
		return;
	(void)dwfl_module_info(mod, NULL, &from, NULL, NULL, NULL, NULL, NULL);
	fr->offset = fr->pc - from;
	text = dwfl_module_addrinfo(mod, at, &off, &sym, NULL, NULL, NULL);
	if (text != NULL)
		set_function(fr, text);
	set_line(mod, at, fr);
}

static bool
is_code(const struct frames *f, uint64_t at)
{
	const struct range *r = maps_find(&f->maps, at);

	return r != NULL && r->is_code;
}

static void
add(struct frames *f, uint64_t pc, bool is_return, bool is_guess)
{
	struct frame *fr = &f->out[f->n];

	if (f->n == FRAMES_MAX)
		return;
	*fr = (struct frame){ .pc = pc, .is_guess = is_guess };
	describe(f, is_return ? pc - 1 : pc, fr);
	f->n++;
}

static int
on_frame(Dwfl_Frame *state, void *arg)
{
	struct frames *f = arg;
	Dwarf_Addr pc;
	bool is_activation;

	if (!dwfl_frame_pc(state, &pc, &is_activation) || pc == 0 ||
	    f->n == FRAMES_MAX)
		return DWARF_CB_ABORT;
	add(f, pc, !is_activation, false);
	return DWARF_CB_OK;
}

/* Into nowhere by a call: goes back to who called. */
static void
return_from_nowhere(struct frames *f)
{
	add(f, f->regs[REG_PC], false, false);
#if defined(__x86_64__)
	uint64_t caller;

	if (!read_stack(f, f->regs[REG_SP], &caller) || !is_code(f, caller))
		return;
	f->regs[REG_PC] = caller;
	f->regs[REG_SP] += 8;
#elif defined(__aarch64__)
	f->regs[REG_PC] = f->regs[REG_LR];
#endif
}

static void
guess(struct frames *f)
{
	uint64_t at = (f->regs[REG_SP] + 7) & ~(uint64_t)7;
	uint64_t from = f->w->threads[f->thread].stack_at;
	uint64_t word;
	uint32_t n = 0;

	if (at < from)
		at = from;
	for (; n < GUESSES_MAX && read_stack(f, at, &word); at += 8) {
		if (!is_code(f, word))
			continue;
		add(f, word, true, true);
		n++;
	}
}

size_t
frames_of(struct frames *f, uint32_t i, struct frame ret[FRAMES_MAX])
{
	const struct lastwords_thread *t = &f->w->threads[i];

	f->thread = i;
	f->out = ret;
	f->n = 0;
	if (N_REGS == 0 || t->n_regs != N_REGS)
		return 0;
	(void)memcpy(f->regs, t->regs, sizeof(f->regs));
	if (!is_code(f, f->regs[REG_PC]))
		return_from_nowhere(f);
	if (is_code(f, f->regs[REG_PC]))
		(void)dwfl_getthread_frames(f->dwfl, 1, on_frame, f);
	if (f->n < FEW)
		guess(f);
	return f->n;
}

/* How a process that means to die does it: nobody's fault. */
static bool
is_messenger(const struct frame *fr)
{
	static const char *const modules[] = { "libc.so", "libc-", "libm.so",
		"libpthread", "ld-linux", "ld-", "libstdc++", "libgcc_s",
		"libevent", "[vdso]", "linux-vdso" };
	static const char *const functions[] = { "ggml_abort", "on_leave",
		"abort", "raise", "__assert_fail", "operator new",
		"std::", "__cxa_", "__gxx_", "__gnu_cxx::" };

	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		if (strncmp(fr->module, modules[i], strlen(modules[i])) == 0)
			return true;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (strncmp(fr->function, functions[i], strlen(functions[i])) ==
		    0)
			return true;
	return fr->module[0] == '\0' && fr->function[0] == '\0';
}

/* Where threads begin: nothing dies there. */
static bool
is_start(const struct frame *fr)
{
	return strncmp(fr->function, "__libc_start", 12) == 0 ||
	    strcmp(fr->function, "start_thread") == 0;
}

const struct frame *
frames_top(const struct frame *v, size_t n)
{
	size_t top = 0;

	/* A frame without a name may be a messenger's too: it is, if another
	 * messenger is what called it. */
	for (size_t i = 0; i < n; i++) {
		if (is_start(&v[i]))
			break;
		if (is_messenger(&v[i]))
			top = i + 1;
		else if (v[i].function[0] != '\0')
			break;
	}
	if (top < n)
		return &v[top];
	return n > 0 ? &v[0] : NULL;
}
