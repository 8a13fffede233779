/*
 * list - a doubly linked ring with the links inside its members.
 *
 * A head is a struct list that points at itself when empty. Removing a member
 * leaves it pointing at itself, so removing it again is harmless.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next;
	struct list *prev;
};

/* The struct of the given type whose member is at ptr. */
#define LIST_ENTRY(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Walks it; the member may be removed or freed on the way. */
#define LIST_EACH(it, tmp, head)                                      \
	for ((it) = (head)->next, (tmp) = (it)->next; (it) != (head); \
	     (it) = (tmp), (tmp) = (it)->next)

static inline void
list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool
list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void
list_append(struct list *head, struct list *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

static inline void
list_remove(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

#endif
