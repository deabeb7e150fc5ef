// SPDX-License-Identifier: Apache-2.0
// Names to addresses for threads that have a deadline. The C library's lookup cannot be broken off,
// so each runs on a thread of its own, which is left behind when the caller cannot wait any longer.
// What comes out was held against the rules: connect to it, and not to the name.
#ifndef NJ_NET_RESOLVE_H
#define NJ_NET_RESOLVE_H

#include "loop/loop.h"
#include "loop/thread.h"
#include "net/address_rules.h"
#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum {
    NJ_ADDRESS_TEXT_SIZE = 64, // of an address in digits
    NJ_ADDRESSES_MAX = 8,      // of a name; further ones are left out
};

struct nj_addresses {
    size_t count;                                    // > 0 after success
    struct sockaddr_storage items[NJ_ADDRESSES_MAX]; // port 0; best first
};

// Explicitly thread-safe. Each owner of connections has one of his own, so that what hangs costs
// nobody else: it looks up eight names at a time and remembers as many.
struct nj_resolver;

int nj_resolver_create(struct nj_resolver **out, struct nj_error *err);
struct nj_resolver *nj_resolver_ref(struct nj_resolver *resolver); // for one more destroy
// Waits for nobody; nj_resolve must not be running. Accepts NULL.
void nj_resolver_destroy(struct nj_resolver *resolver);

struct nj_resolve_request {
    const char *host;                     // a name, or an address in digits, which costs no lookup
    const struct nj_address_rules *rules; // all addresses have to be allowed
    nj_us timeout_us;                     // real time, > 0
    nj_us fresh_us;                       // an answer of up to this age will do; 0: ask anew
    const struct nj_cancel *cancel;       // may be NULL
};

// Blocks up to the time-out; a lookup of the same name that is under way is shared. NJ_E_TIMEOUT,
// NJ_E_CANCELLED, NJ_E_DENIED (the rule and the option that would allow it), NJ_E_UNAVAILABLE (no
// such name, or eight others hang), NJ_E_NOMEM.
int nj_resolve(struct nj_resolver *resolver, const struct nj_resolve_request *request,
               struct nj_addresses *out, struct nj_error *err);

// The address in digits; `turn` picks among several.
void nj_addresses_text(const struct nj_addresses *addresses, unsigned turn,
                       char out[NJ_ADDRESS_TEXT_SIZE]);

// For the loop thread, which cannot wait: a caller-owned question, in place.
struct nj_resolve_watch {
    void (*done)(struct nj_resolve_watch *watch); // called from: loop thread, once
    struct nj_loop *loop;
    const char *host; // these two as of a request, until `done`
    const struct nj_address_rules *rules;
    int rc;                        // for done: 0, or what nj_resolve says
    struct nj_error error;         // when rc is not 0
    struct nj_addresses addresses; // when rc is 0
    struct nj_call call;           // the resolver's, and what follows
    struct nj_resolve_watch *next;
};

// Begins a lookup, or joins one. On failure `done` is not called.
int nj_resolver_watch(struct nj_resolver *resolver, struct nj_resolve_watch *watch,
                      struct nj_error *err);
// True: it is forgotten, and may be freed. False: `done` is on its way and comes all the same.
bool nj_resolver_unwatch(struct nj_resolver *resolver, struct nj_resolve_watch *watch);

#endif
