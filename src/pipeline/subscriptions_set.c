// SPDX-License-Identifier: Apache-2.0
// Who holds which subscription: adding, removing, and the whole list of a connection, which
// restarts nothing that stays.
#include "pipeline/subscriptions_priv.h"

#include <stdlib.h>
#include <string.h>

static struct nj_feed *feed_of(struct nj_list *node)
{
    return NJ_CONTAINER_OF(node, struct nj_feed, node);
}

static bool owns(const struct nj_feed *feed, uint64_t owner)
{
    for (size_t i = 0; i < feed->owner_count; i++) {
        if (feed->owners[i] == owner)
            return true;
    }
    return false;
}

static void count_all(struct nj_subscriptions *registry)
{
    if (registry->metric_subscriptions != NULL)
        nj_metric_set(registry->metric_subscriptions, (double)nj_strmap_count(registry->by_id));
}

static void add_owner(struct nj_feed *feed, uint64_t owner)
{
    if (owns(feed, owner))
        return;
    nj_timer_stop(&feed->grace);
    feed->owners[feed->owner_count++] = owner; // room was checked
}

static void drop_owner(struct nj_feed *feed, uint64_t owner)
{
    for (size_t i = 0; i < feed->owner_count; i++) {
        if (feed->owners[i] == owner) {
            feed->owners[i] = feed->owners[--feed->owner_count];
            return;
        }
    }
}

static void begin(struct nj_feed *feed)
{
    struct nj_error error = {0};
    nj_feed_stream_start(feed);
    if (feed->model->state == NJ_FEED_MODEL_READY && nj_feed_attach(feed, &error) != 0)
        nj_feed_tell_failure(feed, NJ_FAILURE_PIPELINE, error.text);
}

static int check_owner(const struct nj_subscriptions *registry, const struct nj_feed *feed,
                       uint64_t owner, struct nj_error *err)
{
    const int64_t max = registry->config.options->max_owners_each;
    if (feed == NULL || owns(feed, owner) || (int64_t)feed->owner_count < max)
        return 0;
    return nj_error_set(err, NJ_E_FULL,
                        "subscriptionIdentifier: %lld connections hold it already (worker."
                        "max_owners_each)",
                        (long long)max);
}

static int check_one(const struct nj_subscriptions *registry, uint64_t owner,
                     const struct nj_subscription_spec *spec, struct nj_error *err)
{
    if (registry->stopping)
        return nj_error_set(err, NJ_E_CANCELLED, "the program is stopping");
    int rc = nj_subscription_check(registry, spec, err);
    if (rc == 0)
        rc = check_owner(registry, nj_strmap_get(registry->by_id, spec->id), owner, err);
    return rc;
}

// Those that nobody holds make room, in the order they came.
static void make_room(struct nj_subscriptions *registry, size_t needed)
{
    const size_t max = (size_t)registry->config.options->max_subscriptions;
    for (struct nj_list *at = registry->feeds.next, *next; at != &registry->feeds; at = next) {
        next = at->next;
        if (nj_strmap_count(registry->by_id) + needed <= max)
            return;
        if (feed_of(at)->owner_count == 0)
            nj_feed_end(feed_of(at));
    }
}

static int check_room(struct nj_subscriptions *registry, size_t needed, size_t leaving,
                      struct nj_error *err)
{
    const size_t max = (size_t)registry->config.options->max_subscriptions;
    size_t held = 0;
    for (struct nj_list *at = registry->feeds.next; at != &registry->feeds; at = at->next)
        held += feed_of(at)->owner_count > 0;
    if (held - leaving + needed <= max)
        return 0;
    return nj_error_set(err, NJ_E_FULL,
                        "at most %zu subscriptions are kept "
                        "(worker.max_subscriptions)",
                        max);
}

int nj_subscriptions_add(struct nj_subscriptions *subscriptions, uint64_t owner,
                         const struct nj_subscription_spec *spec, struct nj_error *err)
{
    struct nj_feed *feed = nj_strmap_get(subscriptions->by_id, spec->id);
    int rc = check_one(subscriptions, owner, spec, err);
    if (rc == 0 && feed != NULL) {
        rc = nj_feed_change(feed, spec, err);
        nj_feed_ask_again(feed);
    } else if (rc == 0) {
        rc = check_room(subscriptions, 1, 0, err);
        if (rc == 0) {
            make_room(subscriptions, 1);
            rc = nj_feed_create(subscriptions, spec, &feed, err);
        }
        if (rc == 0)
            begin(feed);
    }
    if (rc == 0)
        add_owner(feed, owner);
    count_all(subscriptions);
    return rc;
}

int nj_subscriptions_remove(struct nj_subscriptions *subscriptions, uint64_t owner, const char *id,
                            struct nj_error *err)
{
    struct nj_feed *feed = nj_strmap_get(subscriptions->by_id, id);
    if (feed == NULL || (feed->owner_count > 0 && !owns(feed, owner)))
        return nj_error_set(err, NJ_E_NOT_FOUND,
                            "subscriptionIdentifier: this connection does not hold it");
    drop_owner(feed, owner);
    if (feed->owner_count == 0)
        nj_feed_end(feed);
    count_all(subscriptions);
    return 0;
}

void nj_subscriptions_owner_gone(struct nj_subscriptions *subscriptions, uint64_t owner)
{
    const nj_us grace_us = subscriptions->config.options->grace_us;
    struct nj_list *feeds = &subscriptions->feeds;
    for (struct nj_list *at = feeds->next, *next; at != feeds; at = next) {
        struct nj_feed *feed = feed_of(at);
        next = at->next;
        if (!owns(feed, owner))
            continue;
        drop_owner(feed, owner);
        if (feed->owner_count == 0 && nj_timer_start(&feed->grace, grace_us, 0) != 0)
            nj_feed_end(feed); // rather than kept for ever
    }
    count_all(subscriptions);
}

bool nj_subscriptions_owns(const struct nj_subscriptions *subscriptions, uint64_t owner,
                           const char *id)
{
    const struct nj_feed *feed = nj_strmap_get(subscriptions->by_id, id);
    return feed != NULL && owns(feed, owner);
}

struct list { // of one owner
    struct nj_subscriptions *registry;
    uint64_t owner;
    const struct nj_subscription_spec *specs;
    size_t count;
    struct nj_strmap *wanted; // ids of specs
    struct nj_feed **feeds;   // as specs
    size_t joining;           // of them: held by nobody before
};

static int check_list(struct list *list, struct nj_error *err)
{
    struct nj_subscriptions *registry = list->registry;
    for (size_t i = 0; i < list->count; i++) {
        const struct nj_subscription_spec *spec = &list->specs[i];
        int rc = check_one(registry, list->owner, spec, err);
        if (rc == 0 && nj_strmap_get(list->wanted, spec->id) != NULL)
            rc = nj_error_set(err, NJ_E_INVALID, "subscriptionIdentifier: stands there twice");
        if (rc == 0 && nj_strmap_set(list->wanted, spec->id, (void *)(uintptr_t)spec) != 0)
            rc = nj_error_set(err, NJ_E_NOMEM, "no memory for the list");
        if (rc != 0) {
            nj_error_prefix(err, "subscriptions[%zu]", i);
            return rc;
        }
        list->feeds[i] = nj_strmap_get(registry->by_id, spec->id);
        list->joining += list->feeds[i] == NULL || list->feeds[i]->owner_count == 0;
    }
    return 0;
}

static bool is_leaving(const struct list *list, const struct nj_feed *feed)
{
    return owns(feed, list->owner) && nj_strmap_get(list->wanted, feed->key) == NULL;
}

// Subscriptions that would be held by nobody after the list.
static size_t count_leaving(const struct list *list)
{
    size_t count = 0;
    struct nj_list *feeds = &list->registry->feeds;
    for (struct nj_list *at = feeds->next; at != feeds; at = at->next)
        count += feed_of(at)->owner_count == 1 && is_leaving(list, feed_of(at));
    return count;
}

// Those that nobody holds yet are ended again when one cannot be made.
static int make_fresh(struct list *list, struct nj_error *err)
{
    size_t made = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < list->count; i++) {
        if (list->feeds[i] != NULL)
            continue;
        rc = nj_feed_create(list->registry, &list->specs[i], &list->feeds[i], err);
        made = rc == 0 ? i + 1 : made;
    }
    for (size_t i = 0; rc != 0 && i < made; i++) {
        if (list->feeds[i] != NULL && list->feeds[i]->owner_count == 0 &&
            list->feeds[i]->address[0] == '\0')
            nj_feed_end(list->feeds[i]);
    }
    return rc;
}

static void remove_leaving(const struct list *list)
{
    struct nj_list *feeds = &list->registry->feeds;
    for (struct nj_list *at = feeds->next, *next; at != feeds; at = next) {
        struct nj_feed *feed = feed_of(at);
        next = at->next;
        if (!is_leaving(list, feed))
            continue;
        drop_owner(feed, list->owner);
        if (feed->owner_count == 0)
            nj_feed_end(feed);
    }
}

static int apply_list(struct list *list, struct nj_error *err)
{
    int rc = make_fresh(list, err);
    if (rc != 0)
        return rc;
    remove_leaving(list);
    for (size_t i = 0; i < list->count; i++) {
        struct nj_feed *feed = list->feeds[i];
        const bool fresh = feed->address[0] == '\0'; // its stream was never started
        add_owner(feed, list->owner);
        if (fresh) {
            begin(feed);
            continue;
        }
        int changed = nj_feed_change(feed, &list->specs[i], err);
        nj_feed_ask_again(feed);
        rc = rc == 0 ? changed : rc;
    }
    make_room(list->registry, 0);
    return rc;
}

int nj_subscriptions_set(struct nj_subscriptions *subscriptions, uint64_t owner,
                         const struct nj_subscription_spec *specs, size_t count,
                         struct nj_error *err)
{
    struct list list = {.registry = subscriptions, .owner = owner, .specs = specs, .count = count};
    list.wanted = nj_strmap_create(NULL);
    list.feeds = calloc(count + 1, sizeof(struct nj_feed *));
    int rc = 0;
    if (list.wanted == NULL || list.feeds == NULL)
        rc = nj_error_set(err, NJ_E_NOMEM, "no memory for the list");
    if (rc == 0)
        rc = check_list(&list, err);
    if (rc == 0)
        rc = check_room(subscriptions, list.joining, count_leaving(&list), err);
    if (rc == 0)
        rc = apply_list(&list, err);
    count_all(subscriptions);
    free(list.feeds);
    nj_strmap_destroy(list.wanted);
    return rc;
}
