// SPDX-License-Identifier: Apache-2.0
// Hash map from text to pointer: open addressing, linear probing, deletion by moving back.
#include "util/strmap.h"

#include "util/error.h"
#include "util/mem.h"
#include "util/siphash_priv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { NJ_STRMAP_FIRST_SLOTS = 16 }; // a power of two, as every later size

struct slot {
    char *key; // NULL: free
    void *value;
    uint64_t hash;
};

struct nj_strmap {
    struct slot *slots;
    size_t slot_count; // 0 or a power of two; at most 3/4 of them are used
    size_t count;
    struct nj_siphash_key seed;
    void (*free_value)(void *value);
};

struct nj_strmap *nj_strmap_create(void (*free_value)(void *value))
{
    struct nj_strmap *map = calloc(1, sizeof(*map));
    if (!map)
        return NULL;
    map->free_value = free_value;
    // Without random bytes (early boot) the address still differs from process to process.
    if (getrandom(&map->seed, sizeof(map->seed), GRND_NONBLOCK) != (ssize_t)sizeof(map->seed))
        map->seed = (struct nj_siphash_key){{(uintptr_t)map, (uintptr_t)&map}};
    return map;
}

static void free_slot(struct nj_strmap *map, struct slot *slot)
{
    free(slot->key);
    if (map->free_value && slot->value)
        map->free_value(slot->value);
}

void nj_strmap_destroy(struct nj_strmap *map)
{
    if (!map)
        return;
    for (size_t i = 0; i < map->slot_count; i++)
        free_slot(map, &map->slots[i]);
    free(map->slots);
    free(map);
}

size_t nj_strmap_count(const struct nj_strmap *map)
{
    return map->count;
}

// The slot that holds the key, or the free one where it would go. The map has slots.
static struct slot *find(const struct nj_strmap *map, const char *key, uint64_t hash)
{
    size_t mask = map->slot_count - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct slot *slot = &map->slots[i];
        if (!slot->key || (slot->hash == hash && strcmp(slot->key, key) == 0))
            return slot;
    }
}

static uint64_t hash_of(const struct nj_strmap *map, const char *key)
{
    return nj_siphash(map->seed, key, strlen(key));
}

void *nj_strmap_get(const struct nj_strmap *map, const char *key)
{
    return map->count ? find(map, key, hash_of(map, key))->value : NULL;
}

static int grow(struct nj_strmap *map)
{
    if (map->slot_count && map->count + 1 <= map->slot_count / 4 * 3)
        return 0;
    size_t slot_count = map->slot_count ? map->slot_count * 2 : NJ_STRMAP_FIRST_SLOTS;
    struct slot *slots = calloc(slot_count, sizeof(*slots));
    if (!slots)
        return NJ_E_NOMEM;
    struct nj_strmap grown = {.slots = slots, .slot_count = slot_count};
    for (size_t i = 0; i < map->slot_count; i++) {
        const struct slot *slot = &map->slots[i];
        if (slot->key)
            *find(&grown, slot->key, slot->hash) = *slot;
    }
    free(map->slots);
    map->slots = slots;
    map->slot_count = slot_count;
    return 0;
}

int nj_strmap_set(struct nj_strmap *map, const char *key, void *value)
{
    int rc = grow(map);
    if (rc)
        return rc;
    uint64_t hash = hash_of(map, key);
    struct slot *slot = find(map, key, hash);
    if (slot->key) {
        void *old = slot->value;
        slot->value = value;
        if (map->free_value && old && old != value)
            map->free_value(old);
        return 0;
    }
    char *copy = nj_strdup(key);
    if (!copy)
        return NJ_E_NOMEM;
    *slot = (struct slot){.key = copy, .value = value, .hash = hash};
    map->count++;
    return 0;
}

// Closes the hole: a later entry of the run moves into it unless its own place lies behind.
static void close_hole(struct nj_strmap *map, size_t hole)
{
    size_t mask = map->slot_count - 1;
    for (size_t i = (hole + 1) & mask; map->slots[i].key; i = (i + 1) & mask) {
        size_t from_home = (i - map->slots[i].hash) & mask;
        size_t from_hole = (i - hole) & mask;
        if (from_home >= from_hole) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole] = (struct slot){0};
}

void nj_strmap_remove(struct nj_strmap *map, const char *key)
{
    if (!map->count)
        return;
    struct slot *slot = find(map, key, hash_of(map, key));
    if (!slot->key)
        return;
    struct slot removed = *slot;
    map->count--;
    close_hole(map, (size_t)(slot - map->slots));
    free_slot(map, &removed);
}

int nj_strmap_next(const struct nj_strmap *map, size_t *cursor, const char **key, void **value)
{
    while (*cursor < map->slot_count) {
        const struct slot *slot = &map->slots[(*cursor)++];
        if (!slot->key)
            continue;
        if (key)
            *key = slot->key;
        if (value)
            *value = slot->value;
        return true;
    }
    return false;
}
