// SPDX-License-Identifier: Apache-2.0
// Set of fingerprints: open addressing, linear probing, at most half full.
#include "sources/seen_set_priv.h"

#include "util/digest.h"
#include "util/mem.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 1024 };

int nj_seen_set_init(struct nj_seen_set *set)
{
    char hex[2 * sizeof set->seeds + 1];
    *set = (struct nj_seen_set){0};
    int rc = nj_random_hex(hex, sizeof set->seeds);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < NJ_COUNT_OF(set->seeds); i++) {
        char part[17];
        memcpy(part, hex + 16 * i, 16);
        part[16] = '\0';
        set->seeds[i] = strtoull(part, NULL, 16);
    }
    return 0;
}

void nj_seen_set_clear(struct nj_seen_set *set)
{
    free(set->slots);
    set->slots = NULL;
    set->capacity = set->count = 0;
}

void nj_seen_set_finish(struct nj_seen_set *set)
{
    nj_seen_set_clear(set);
}

// One round: multiply and fold the high half back, so that every bit of the word reaches all.
static uint64_t mix(uint64_t state, uint64_t word, uint64_t factor)
{
    state = (state ^ word) * factor;
    state ^= state >> 32;
    state *= 0x9fb21c651e98df25U;
    return state ^ (state >> 29);
}

struct nj_seen_key nj_seen_set_key(const struct nj_seen_set *set, const char *path, int64_t size,
                                   int64_t mtime_ns)
{
    static const uint64_t factors[2] = {0xd6e8feb86659fd93U, 0xa0761d6478bd642fU};
    struct nj_seen_key key = {set->seeds[0], set->seeds[1]};
    size_t left = strlen(path);
    uint64_t tail[3] = {left, (uint64_t)size, (uint64_t)mtime_ns};
    for (; left > 0;) {
        uint64_t word = 0;
        size_t take = left < sizeof word ? left : sizeof word;
        memcpy(&word, path, take);
        key.high = mix(key.high, word, factors[0]);
        key.low = mix(key.low, word, factors[1]);
        path += take;
        left -= take;
    }
    for (size_t i = 0; i < NJ_COUNT_OF(tail); i++) {
        key.high = mix(key.high, tail[i], factors[0]);
        key.low = mix(key.low, tail[i], factors[1]);
    }
    key.low |= 1; // an empty slot is all zero
    return key;
}

static size_t find(const struct nj_seen_set *set, struct nj_seen_key key)
{
    size_t at = (size_t)key.high & (set->capacity - 1);
    while (set->slots[at].low != 0 &&
           (set->slots[at].high != key.high || set->slots[at].low != key.low))
        at = (at + 1) & (set->capacity - 1);
    return at;
}

bool nj_seen_set_has(const struct nj_seen_set *set, struct nj_seen_key key)
{
    return set->capacity != 0 && set->slots[find(set, key)].low != 0;
}

static int grow(struct nj_seen_set *set)
{
    struct nj_seen_set larger = {.capacity = set->capacity ? set->capacity * 2 : FIRST_CAPACITY};
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (!larger.slots)
        return NJ_E_NOMEM;
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->slots[i].low != 0)
            larger.slots[find(&larger, set->slots[i])] = set->slots[i];
    }
    free(set->slots);
    set->slots = larger.slots;
    set->capacity = larger.capacity;
    return 0;
}

int nj_seen_set_add(struct nj_seen_set *set, struct nj_seen_key key)
{
    if (2 * (set->count + 1) > set->capacity) {
        int rc = grow(set);
        if (rc != 0)
            return rc;
    }
    size_t at = find(set, key);
    set->count += set->slots[at].low == 0;
    set->slots[at] = key;
    return 0;
}

void nj_seen_set_remove(struct nj_seen_set *set, struct nj_seen_key key)
{
    if (!nj_seen_set_has(set, key))
        return;
    size_t mask = set->capacity - 1;
    size_t hole = find(set, key);
    // Whoever was pushed past the hole by it moves back, so that no search ends too early.
    for (size_t at = (hole + 1) & mask; set->slots[at].low != 0; at = (at + 1) & mask) {
        size_t home = (size_t)set->slots[at].high & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            set->slots[hole] = set->slots[at];
            hole = at;
        }
    }
    set->slots[hole] = (struct nj_seen_key){0};
    set->count--;
}
