// SPDX-License-Identifier: Apache-2.0
// Intrusive doubly linked ring with a head node; never allocates.
#ifndef NJ_UTIL_LIST_H
#define NJ_UTIL_LIST_H

#include "util/mem.h"

#include <stdbool.h>

struct nj_list {
    struct nj_list *next;
    struct nj_list *previous;
};

static inline void nj_list_init(struct nj_list *head)
{
    head->next = head;
    head->previous = head;
}

static inline bool nj_list_empty(const struct nj_list *head)
{
    return head->next == head;
}

static inline void nj_list_append(struct nj_list *head, struct nj_list *node)
{
    node->previous = head->previous;
    node->next = head;
    head->previous->next = node;
    head->previous = node;
}

// Harmless on a node that was initialised and is in no list.
static inline void nj_list_remove(struct nj_list *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    nj_list_init(node);
}

// First node removed, or NULL.
static inline struct nj_list *nj_list_pop(struct nj_list *head)
{
    if (nj_list_empty(head))
        return NULL;
    struct nj_list *node = head->next;
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it forgets that a freed node left the ring
    nj_list_remove(node);
    return node;
}

#endif
