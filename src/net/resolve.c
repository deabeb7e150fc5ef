// SPDX-License-Identifier: Apache-2.0
// Lookups of names: a few slots, each with a thread while its lookup runs. A caller waits for the
// slot and not for the thread, which keeps the resolver alive until it comes back.
#include "net/resolve.h"

#include "net/url.h"
#include "util/mem.h"
#include "util/ref.h"
#include "util/text.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    SLOTS = 8,
    LOOK_US = 100 * NJ_US_PER_MS, // between looks at a cancel token, which wakes nobody
};

enum state { STATE_FREE, STATE_RUNNING, STATE_DONE };

struct slot {
    struct nj_resolver *resolver;
    char host[NJ_URL_HOST_SIZE]; // does not change while the lookup runs
    enum state state;
    int failure; // of getaddrinfo
    struct nj_addresses addresses;
    nj_us done_us;
    size_t waiters;
    struct nj_resolve_watch *watches;
};

struct nj_resolver {
    struct nj_ref ref; // the owner, and each running lookup
    pthread_mutex_t mutex;
    // Below: under the mutex.
    pthread_cond_t done; // a lookup
    struct slot slots[SLOTS];
};

int nj_resolver_create(struct nj_resolver **out, struct nj_error *err)
{
    struct nj_resolver *resolver = calloc(1, sizeof *resolver);
    if (resolver == NULL || nj_cond_init(&resolver->done) != 0) {
        free(resolver);
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a resolver");
    }
    pthread_mutex_init(&resolver->mutex, NULL);
    nj_ref_init(&resolver->ref);
    for (size_t i = 0; i < SLOTS; i++)
        resolver->slots[i].resolver = resolver;
    *out = resolver;
    return 0;
}

struct nj_resolver *nj_resolver_ref(struct nj_resolver *resolver)
{
    nj_ref_take(&resolver->ref);
    return resolver;
}

void nj_resolver_destroy(struct nj_resolver *resolver)
{
    if (resolver == NULL || !nj_ref_drop(&resolver->ref))
        return;
    pthread_cond_destroy(&resolver->done);
    pthread_mutex_destroy(&resolver->mutex);
    free(resolver);
}

// What getaddrinfo says of the host, as 0 or an error code.
static int look_up(const char *host, int flags, struct nj_addresses *out)
{
    // A stream socket alone, so that each address comes once.
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *list = NULL;
    int failure = getaddrinfo(host, NULL, &hints, &list);
    if (failure != 0)
        return failure;
    out->count = 0;
    for (const struct addrinfo *at = list; at != NULL && out->count < NJ_ADDRESSES_MAX;
         at = at->ai_next)
        if (at->ai_addrlen <= sizeof out->items[0])
            memcpy(&out->items[out->count++], at->ai_addr, at->ai_addrlen);
    freeaddrinfo(list);
    return out->count > 0 ? 0 : EAI_NONAME;
}

static int explain(const char *host, int failure, struct nj_error *err)
{
    if (failure == 0)
        return 0;
    if (failure == EAI_MEMORY)
        return nj_error_set(err, NJ_E_NOMEM, "no memory to look up host %s", host);
    return nj_error_set(err, NJ_E_UNAVAILABLE, "host %s cannot be resolved: %s", host,
                        gai_strerror(failure));
}

static int judge(const struct nj_addresses *addresses, const char *host,
                 const struct nj_address_rules *rules, struct nj_error *err)
{
    for (size_t i = 0; i < addresses->count; i++) {
        const struct sockaddr *address = (const struct sockaddr *)&addresses->items[i];
        if (!nj_address_allowed_at(rules, host, address))
            return nj_address_deny(rules, host, address, err);
    }
    return 0;
}

static void tell(struct nj_resolve_watch *watch, int failure, const struct nj_addresses *addresses)
{
    watch->rc = explain(watch->host, failure, &watch->error);
    if (watch->rc == 0)
        watch->rc = judge(addresses, watch->host, watch->rules, &watch->error);
    if (watch->rc == 0)
        watch->addresses = *addresses;
    nj_loop_post(watch->loop, &watch->call);
}

static void run(void *arg)
{
    struct slot *slot = arg;
    struct nj_resolver *resolver = slot->resolver;
    struct nj_addresses addresses = {.count = 0};
    int failure = look_up(slot->host, 0, &addresses);
    pthread_mutex_lock(&resolver->mutex);
    slot->failure = failure;
    slot->addresses = addresses;
    slot->done_us = nj_mono_us(nj_clock_real());
    slot->state = STATE_DONE;
    while (slot->watches != NULL) {
        struct nj_resolve_watch *watch = slot->watches;
        slot->watches = watch->next;
        tell(watch, failure, &addresses);
    }
    pthread_cond_broadcast(&resolver->done);
    pthread_mutex_unlock(&resolver->mutex);
    nj_resolver_destroy(resolver);
}

// The mutex is held.
static int start(struct slot *slot, const char *host, struct nj_error *err)
{
    pthread_t thread;
    nj_text_copy(slot->host, sizeof slot->host, host);
    slot->state = STATE_RUNNING;
    nj_ref_take(&slot->resolver->ref);
    int rc = nj_thread_start(&thread, "nj-resolve", run, slot, err);
    if (rc == 0) {
        pthread_detach(thread); // nobody may have to wait for it
        return 0;
    }
    slot->state = STATE_FREE;
    nj_resolver_destroy(slot->resolver);
    return rc;
}

static bool is_better(const struct slot *slot, const struct slot *than)
{
    if (slot->state == STATE_RUNNING || slot->waiters > 0)
        return false;
    return than == NULL || slot->state < than->state ||
           (slot->state == than->state && slot->done_us < than->done_us);
}

// The slot of this name, or one that may be taken for it; NULL: all are busy.
static struct slot *find_slot(struct nj_resolver *resolver, const char *host)
{
    struct slot *place = NULL;
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &resolver->slots[i];
        if (strcasecmp(slot->host, host) == 0)
            return slot;
        if (is_better(slot, place))
            place = slot;
    }
    return place;
}

// The mutex is held. The slot that has the answer, or will have it.
static int enter(struct nj_resolver *resolver, const char *host, nj_us fresh_us, struct slot **out,
                 struct nj_error *err)
{
    const nj_us oldest_us = nj_mono_us(nj_clock_real()) - fresh_us;
    struct slot *slot = find_slot(resolver, host);
    if (slot == NULL)
        return nj_error_set(err, NJ_E_UNAVAILABLE,
                            "host %s: %d other names have no answer from the resolver yet", host,
                            SLOTS);
    *out = slot;
    bool same = slot->state != STATE_FREE && strcasecmp(slot->host, host) == 0;
    bool known = slot->state == STATE_DONE && slot->failure == 0 && slot->done_us > oldest_us;
    // What others still wait to hear has come this moment.
    if (same && (slot->state == STATE_RUNNING || slot->waiters > 0 || known))
        return 0;
    return start(slot, host, err);
}

// The mutex is held.
static int wait(struct slot *slot, const struct nj_resolve_request *request, struct nj_error *err)
{
    const nj_us deadline_us = nj_mono_us(nj_clock_real()) + request->timeout_us;
    int rc = 0;
    slot->waiters++;
    while (slot->state == STATE_RUNNING && rc == 0) {
        nj_us left_us = deadline_us - nj_mono_us(nj_clock_real());
        if (request->cancel != NULL && nj_cancel_fired(request->cancel))
            rc = nj_error_set(err, NJ_E_CANCELLED, "cancelled");
        else if (left_us <= 0)
            rc = nj_error_set(err, NJ_E_TIMEOUT, "host %s: no answer from the resolver in %.1f s",
                              request->host, (double)request->timeout_us / NJ_US_PER_S);
        else
            (void)nj_cond_wait(&slot->resolver->done, &slot->resolver->mutex,
                               request->cancel != NULL && left_us > LOOK_US ? LOOK_US : left_us);
    }
    slot->waiters--;
    return rc != 0 ? rc : explain(request->host, slot->failure, err);
}

static int find(struct nj_resolver *resolver, const struct nj_resolve_request *request,
                struct nj_addresses *out, struct nj_error *err)
{
    struct slot *slot = NULL;
    if (look_up(request->host, AI_NUMERICHOST, out) == 0)
        return 0;
    if (strlen(request->host) >= NJ_URL_HOST_SIZE)
        return nj_error_set(err, NJ_E_UNAVAILABLE, "the name of the host is too long");
    pthread_mutex_lock(&resolver->mutex);
    int rc = enter(resolver, request->host, request->fresh_us, &slot, err);
    if (rc == 0)
        rc = wait(slot, request, err);
    if (rc == 0)
        *out = slot->addresses;
    pthread_mutex_unlock(&resolver->mutex);
    return rc;
}

int nj_resolve(struct nj_resolver *resolver, const struct nj_resolve_request *request,
               struct nj_addresses *out, struct nj_error *err)
{
    struct nj_addresses found = {.count = 0};
    int rc = find(resolver, request, &found, err);
    if (rc == 0)
        rc = judge(&found, request->host, request->rules, err);
    if (rc == 0)
        *out = found;
    return rc;
}

void nj_addresses_text(const struct nj_addresses *addresses, unsigned turn,
                       char out[NJ_ADDRESS_TEXT_SIZE])
{
    out[0] = '\0';
    if (addresses->count == 0)
        return;
    const struct sockaddr_storage *item = &addresses->items[turn % addresses->count];
    if (getnameinfo((const struct sockaddr *)item, sizeof *item, out, NJ_ADDRESS_TEXT_SIZE, NULL, 0,
                    NI_NUMERICHOST) != 0)
        out[0] = '\0';
}

static void handle_told(struct nj_call *call)
{
    struct nj_resolve_watch *watch = NJ_CONTAINER_OF(call, struct nj_resolve_watch, call);
    watch->done(watch);
}

int nj_resolver_watch(struct nj_resolver *resolver, struct nj_resolve_watch *watch,
                      struct nj_error *err)
{
    struct nj_addresses found = {.count = 0};
    struct slot *slot = NULL;
    watch->call.fn = handle_told;
    if (look_up(watch->host, AI_NUMERICHOST, &found) == 0) {
        tell(watch, 0, &found);
        return 0;
    }
    if (strlen(watch->host) >= NJ_URL_HOST_SIZE)
        return nj_error_set(err, NJ_E_UNAVAILABLE, "the name of the host is too long");
    pthread_mutex_lock(&resolver->mutex);
    int rc = enter(resolver, watch->host, 0, &slot, err);
    if (rc == 0 && slot->state == STATE_RUNNING) {
        watch->next = slot->watches;
        slot->watches = watch;
    } else if (rc == 0) {
        tell(watch, slot->failure, &slot->addresses);
    }
    pthread_mutex_unlock(&resolver->mutex);
    return rc;
}

bool nj_resolver_unwatch(struct nj_resolver *resolver, struct nj_resolve_watch *watch)
{
    bool found = false;
    pthread_mutex_lock(&resolver->mutex);
    for (size_t i = 0; i < SLOTS && !found; i++) {
        struct nj_resolve_watch **at = &resolver->slots[i].watches;
        while (*at != NULL && *at != watch)
            at = &(*at)->next;
        found = *at != NULL;
        if (found)
            *at = (*at)->next;
    }
    pthread_mutex_unlock(&resolver->mutex);
    return found;
}
