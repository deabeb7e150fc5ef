// SPDX-License-Identifier: Apache-2.0
// A map for finding and a ring for the order of use.
#include "util/lru.h"

#include "util/list.h"
#include "util/strmap.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    struct nj_list node;
    char *key;
    size_t length, cost; // cost: with key and bookkeeping
    nj_us put_us;
    char bytes[];
};

struct nj_lru {
    struct nj_strmap *map;
    struct nj_list order; // longest unused first
    size_t max_bytes;
    nj_us expire_us;
    struct nj_lru_stats stats;
};

struct nj_lru *nj_lru_create(size_t max_bytes, nj_us expire_us)
{
    struct nj_lru *lru = calloc(1, sizeof *lru);
    if (lru == NULL)
        return NULL;
    nj_list_init(&lru->order);
    lru->max_bytes = max_bytes;
    lru->expire_us = expire_us;
    lru->map = nj_strmap_create(NULL);
    if (lru->map == NULL) {
        free(lru);
        return NULL;
    }
    return lru;
}

static void drop(struct nj_lru *lru, struct entry *entry)
{
    nj_list_remove(&entry->node);
    nj_strmap_remove(lru->map, entry->key);
    lru->stats.bytes -= entry->cost;
    lru->stats.entries--;
    free(entry->key);
    free(entry);
}

static bool drop_oldest(struct nj_lru *lru)
{
    struct nj_list *node = nj_list_pop(&lru->order);
    if (node == NULL)
        return false;
    drop(lru, NJ_CONTAINER_OF(node, struct entry, node));
    return true;
}

void nj_lru_destroy(struct nj_lru *lru)
{
    if (lru == NULL)
        return;
    while (drop_oldest(lru)) {
    }
    nj_strmap_destroy(lru->map);
    free(lru);
}

const void *nj_lru_get(struct nj_lru *lru, const char *key, nj_us now_us, size_t *length)
{
    struct entry *entry = nj_strmap_get(lru->map, key);
    if (entry != NULL && lru->expire_us > 0 && now_us - entry->put_us > lru->expire_us) {
        drop(lru, entry);
        lru->stats.expired++;
        entry = NULL;
    }
    if (entry == NULL) {
        lru->stats.misses++;
        return NULL;
    }
    lru->stats.hits++;
    nj_list_remove(&entry->node);
    nj_list_append(&lru->order, &entry->node);
    *length = entry->length;
    return entry->bytes;
}

static void insert(struct nj_lru *lru, struct entry *entry)
{
    while (lru->stats.bytes + entry->cost > lru->max_bytes && drop_oldest(lru))
        lru->stats.evictions++;
    if (nj_strmap_set(lru->map, entry->key, entry) != 0) {
        free(entry->key);
        free(entry);
        return;
    }
    nj_list_append(&lru->order, &entry->node);
    lru->stats.bytes += entry->cost;
    lru->stats.entries++;
}

void nj_lru_put(struct nj_lru *lru, const char *key, const void *bytes, size_t length, nj_us now_us)
{
    nj_lru_remove(lru, key);
    const size_t cost = sizeof(struct entry) + strlen(key) + 1 + length;
    if (length > lru->max_bytes || cost > lru->max_bytes)
        return;
    struct entry *entry = malloc(sizeof *entry + length + 1);
    char *copy = nj_strdup(key);
    if (entry == NULL || copy == NULL) {
        free(copy);
        free(entry);
        return;
    }
    *entry = (struct entry){.key = copy, .length = length, .cost = cost, .put_us = now_us};
    nj_list_init(&entry->node);
    memcpy(entry->bytes, bytes, length);
    entry->bytes[length] = '\0';
    insert(lru, entry);
}

void nj_lru_remove(struct nj_lru *lru, const char *key)
{
    struct entry *entry = nj_strmap_get(lru->map, key);
    if (entry != NULL)
        drop(lru, entry);
}

void nj_lru_get_stats(const struct nj_lru *lru, struct nj_lru_stats *out)
{
    *out = lru->stats;
}
