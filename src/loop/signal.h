// SPDX-License-Identifier: Apache-2.0
// Lists of listeners that survive removal, also of themselves, while firing. One thread only.
#ifndef NJ_LOOP_SIGNAL_H
#define NJ_LOOP_SIGNAL_H

#include "util/list.h"

struct nj_listener {
    void (*fn)(struct nj_listener *listener, const void *data);
    struct nj_list node;
};

struct nj_signal {
    struct nj_list listeners;
};

void nj_signal_init(struct nj_signal *signal);
void nj_signal_add(struct nj_signal *signal, struct nj_listener *listener);
void nj_signal_remove(struct nj_listener *listener); // harmless when zeroed or not added
// Listeners added while firing are not called in this round. The signal must outlive the round.
void nj_signal_fire(struct nj_signal *signal, const void *data);

#endif
