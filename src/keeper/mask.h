/*
 * mask - the keeper's signals, blocked or not.
 */
#ifndef KEEPER_MASK_H
#define KEEPER_MASK_H

/* Those that have handlers are let in. */
void mask_lift(void);

/* Those that a person sends are kept out: there are no handlers any more. */
void mask_sent(void);

#endif
