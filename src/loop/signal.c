// SPDX-License-Identifier: Apache-2.0
// Lists of listeners that survive removal, also of themselves, while firing.
//
// A round is two markers in the list itself: `end` closes it, so that later additions lie outside,
// and `cursor` walks behind the listener that is being called, so that nothing is remembered that
// a removal could leave dangling. Markers are listeners that do nothing: rounds may nest.
#include "loop/signal.h"

static void pass(struct nj_listener *listener, const void *data)
{
    (void)listener;
    (void)data;
}

void nj_signal_init(struct nj_signal *signal)
{
    nj_list_init(&signal->listeners);
}

void nj_signal_add(struct nj_signal *signal, struct nj_listener *listener)
{
    nj_list_append(&signal->listeners, &listener->node);
}

void nj_signal_remove(struct nj_listener *listener)
{
    if (listener->node.next)
        nj_list_remove(&listener->node);
}

// Kept out of line: gcc sees the addresses of markers stored, but not that both are removed again,
// and would warn of dangling pointers.
static __attribute__((noinline)) void insert_marker(struct nj_list *before,
                                                    struct nj_listener *marker)
{
    nj_list_append(before, &marker->node);
}

void nj_signal_fire(struct nj_signal *signal, const void *data)
{
    struct nj_listener cursor = {.fn = pass};
    struct nj_listener end = {.fn = pass};
    insert_marker(signal->listeners.next, &cursor); // before the first
    insert_marker(&signal->listeners, &end);
    while (cursor.node.next != &end.node) {
        struct nj_list *at = cursor.node.next;
        nj_list_remove(&cursor.node);
        insert_marker(at->next, &cursor); // behind the one to be called
        struct nj_listener *listener = NJ_CONTAINER_OF(at, struct nj_listener, node);
        listener->fn(listener, data);
    }
    nj_list_remove(&cursor.node);
    nj_list_remove(&end.node);
}
