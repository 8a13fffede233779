/*
 * script - what a fake worker is told to do, in the file that it is handed as
 * its model. The first line is "GGUF", which the keeper looks for; the rest
 * are settings and faults, one a line, # starting a comment:
 *
 *   tokens 20               of each generation (8); then EOS
 *   pause 5                 milliseconds between steps (0)
 *   size 4000               bytes of each token's text, filled up with dots
 *   embd 8                  floats of a row of mode 1 (4)
 *   vocab 32000             of a row of mode 2 (100000)
 *   rows 16                 rows in a frame (1)
 *   context 512             n_ctx that it claims (4096)
 *   slots 4                 n_seq that it claims (what it is asked for)
 *   think 3                 tokens of a chat that are reasoning (0)
 *   call 6                  from which on, counted from 1, they are arguments
 *                           of a call of the tool "act" (0: there is none)
 *   load 50                 milliseconds that loading takes (0)
 *   p99 100                 milliseconds that its page gives as p99_step_us (1)
 *   deaf cancel|park|term|abort
 *                           what it does not react to; again for more
 *   at PLACE ACTION         a fault
 *   life 1 LINE             only in the first worker that gets this file;
 *   life 2-4 LINE           2- is "from the second on"
 *
 * PLACE is where in its life, or in any generation's, it happens:
 *
 *   load            instead of WORKER_READY
 *   ready           after it
 *   submit          a generation came; before GEN_STARTED
 *   prompt:WORD     the same, where the prompt has WORD in it
 *   started         after GEN_STARTED
 *   frame:K         before the K-th token of a generation, from 1
 *   token:K         after it
 *   last            before GEN_DONE
 *   done            after it
 *
 * ACTION:
 *
 *   die SIGNAL      by it: KILL, SEGV, ABRT ...
 *   exit N
 *   stall           do nothing any more, but stay alive
 *   spin            the same, as fast as it can, deaf to its channels' ends
 *   announce MS     say that what comes takes so long
 *   nap MS          take so long
 *   hold            give this generation no more tokens until the file
 *                   MODEL.go is there
 *   cut N           send N bytes of the next token's frame, and die
 *   send KIND       a frame that breaks the rules: see faults.c
 *   fail TEXT       WORKER_FAILED or, at submit and prompt, GEN_FAILED
 *
 * Which life it is, a worker learns by making MODEL.life1, life2 ...: the
 * first that is not there yet. A test can count them too.
 */
#ifndef FAKE_SCRIPT_H
#define FAKE_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_FAULTS 128u
#define WORD_MAX 128u

enum place {
	AT_LOAD,
	AT_READY,
	AT_SUBMIT,
	AT_PROMPT,
	AT_STARTED,
	AT_FRAME,
	AT_TOKEN,
	AT_LAST,
	AT_DONE,
	N_PLACES
};

struct fault {
	enum place place;
	uint32_t k;	     /* of AT_FRAME and AT_TOKEN */
	char word[WORD_MAX]; /* of AT_PROMPT */
	char action[16];
	char arg[WORD_MAX];
};

struct script {
	uint32_t tokens;
	uint32_t pause;
	uint32_t size;
	uint32_t embd;
	uint32_t vocab;
	uint32_t rows;
	uint32_t context;
	uint32_t slots; /* 0: as asked */
	uint32_t think;
	uint32_t call;
	uint32_t load;
	uint32_t p99;
	bool deaf_cancel;
	bool deaf_park;
	bool deaf_term;
	bool deaf_abort;
	struct fault faults[MAX_FAULTS]; /* those of this life */
	uint32_t n_faults;
};

/* Reads the script from fd, as it is for that life. Ends the process with a
 * word to standard error when the script is wrong: the test is, then. */
void script_read(struct script *s, int fd, uint32_t life);

/* Makes the file that marks this life of the model at path; its number. */
uint32_t script_life(const char *path);

#endif
