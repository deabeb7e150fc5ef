// SPDX-License-Identifier: Apache-2.0
// Bytes by key in memory, bounded; the longest unused go first.
#include "http/http_priv.h"
#include "util/strmap.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    struct nj_list node;
    char *key;
    size_t length;
    char bytes[];
};

struct nj_lru {
    struct nj_strmap *map;
    struct nj_list order; // longest unused first
    size_t bytes, max_bytes;
};

struct nj_lru *nj_lru_create(size_t max_bytes)
{
    struct nj_lru *lru = calloc(1, sizeof *lru);
    if (lru == NULL)
        return NULL;
    nj_list_init(&lru->order);
    lru->max_bytes = max_bytes;
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
    lru->bytes -= entry->length;
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

const void *nj_lru_get(struct nj_lru *lru, const char *key, size_t *length)
{
    struct entry *entry = nj_strmap_get(lru->map, key);
    if (entry == NULL)
        return NULL;
    nj_list_remove(&entry->node);
    nj_list_append(&lru->order, &entry->node);
    *length = entry->length;
    return entry->bytes;
}

void nj_lru_put(struct nj_lru *lru, const char *key, const void *bytes, size_t length)
{
    struct entry *old = nj_strmap_get(lru->map, key);
    if (old != NULL)
        drop(lru, old);
    if (length > lru->max_bytes)
        return;
    while (lru->bytes + length > lru->max_bytes && drop_oldest(lru)) {
    }
    struct entry *entry = malloc(sizeof *entry + length);
    char *copy = nj_strdup(key);
    if (entry == NULL || copy == NULL || nj_strmap_set(lru->map, key, entry) != 0) {
        free(copy); // a cache may forget
        free(entry);
        return;
    }
    entry->key = copy;
    entry->length = length;
    memcpy(entry->bytes, bytes, length);
    nj_list_append(&lru->order, &entry->node);
    lru->bytes += length;
}
